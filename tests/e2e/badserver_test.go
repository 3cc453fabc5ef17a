package e2e

import (
	"errors"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/styxkit/styxkit/lib9p"
	"github.com/styxkit/styxkit/tests/internal/lab"
)

// A server that answers garbage ends its own connection with a message. With -p the session
// goes on over a new one. Another session of the same process notices nothing.
func TestBadServer(t *testing.T) {
	dir := t.TempDir()
	makeNeighbourData(t, dir)
	want, err := os.ReadFile(filepath.Join(dir, neighbourData))
	must(t, err)
	s := lab.U9fs(t, "unix", dir)
	for _, flag := range []string{"", "-p"} {
		t.Run("srv "+flag, func(t *testing.T) {
			t.Parallel()
			l := lieFor(t, s)
			p, socket := post(t, &lab.Server{Addr: "unix!" + l.socket}, strings.Fields(flag)...)
			n := beside(t, "unix", socket, "", want)
			for name, garbage := range lies {
				t.Run(name, func(t *testing.T) {
					said := p.Err()
					c := session(t, "unix", socket, lib9p.L)
					must(t, c.Attach(0, ""))
					l.last().tell(garbage)
					lab.Within(t, lab.Patience, "a call answered with garbage", func() error {
						_, err := c.Call(&lib9p.Tgetattr{Fid: 0, Mask: lib9p.GetBasic})
						if flag == "" && err == nil {
							return errors.New("it succeeded")
						}
						return nil
					})
					if flag == "-p" { // without it srv leaves judging to the client
						lab.Until(t, lab.Patience, "srv says what is wrong", func() bool { return len(p.Err()) > len(said) })
						t.Logf("srv: %s", strings.TrimPrefix(p.Err(), said))
						lab.Within(t, lab.Patience, "the next call of the session", func() error {
							_, err := c.Call(&lib9p.Tgetattr{Fid: 0, Mask: lib9p.GetBasic})
							return err
						})
					}
					n.undisturbed()
				})
			}
			if p.Exited() {
				t.Errorf("srv ended: %v", p.Cmd.ProcessState)
			}
		})
	}
}

// The same answers to the kernel's questions, through a mount.
func TestBadServerMounted(t *testing.T) {
	dir := t.TempDir()
	must(t, os.WriteFile(filepath.Join(dir, "file"), []byte("good"), 0o644))
	s := lab.U9fs(t, "unix", dir)
	for name, garbage := range lies {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			t.Run("mount", func(t *testing.T) {
				l := lieFor(t, s)
				m := lab.MountAt(t, &lab.Server{Addr: "unix!" + l.socket})
				l.last().tell(garbage)
				out, err := lab.Run(t, "cat", filepath.Join(m.Dir, "file"))
				if err == nil {
					t.Errorf("cat succeeded: %q", out)
				}
				lab.Until(t, lab.Patience, "mount says what is wrong", func() bool { return m.Err() != "" })
				t.Logf("cat: %smount: %s", out, m.Err())
				if lab.Mounted(t, m.Dir) {
					gone(t, m, func() (string, error) { return lab.Run(t, lab.Bin("unmount"), m.Dir) })
				}
			})
			t.Run("mount -p", func(t *testing.T) {
				l := lieFor(t, s)
				m := lab.MountAt(t, &lab.Server{Addr: "unix!" + l.socket}, "-p")
				l.last().tell(garbage)
				lab.Run(t, "cat", filepath.Join(m.Dir, "file"))
				lab.Until(t, lab.Patience, "mount says what is wrong", func() bool { return m.Err() != "" })
				if out, err := lab.Run(t, "cat", filepath.Join(m.Dir, "file")); err != nil || out != "good" {
					t.Errorf("the next cat: %q, %v", out, err)
				}
				t.Logf("mount: %s", m.Err())
				gone(t, m, func() (string, error) { return lab.Run(t, lab.Bin("unmount"), m.Dir) })
			})
		})
	}
}

// What is no 9P server at all is told in words, with and without -p.
func TestNoServer(t *testing.T) {
	for name, greeting := range map[string]string{
		"ssh":   "SSH-2.0-OpenSSH_9.2p1\r\n",
		"http":  "HTTP/1.1 400 Bad Request\r\n\r\n",
		"zeros": strings.Repeat("\x00", 1<<16),
		"short": "\x03\x00\x00\x00\x00\x00\x00",
	} {
		for _, flag := range []string{"", "-p"} {
			t.Run(strings.TrimSpace(name+" "+flag), func(t *testing.T) {
				t.Parallel()
				addr := greet(t, greeting)
				point := t.TempDir()
				p := lab.Start(t, exec.Command(lab.Bin("mount"), append(strings.Fields(flag), "-f", addr, point)...))
				t.Cleanup(func() { lab.Detach(point) })
				lab.Until(t, lab.Patience, "mount says what is wrong", func() bool { return p.Err() != "" })
				if flag == "" {
					if state := p.Wait(lab.Patience); state.ExitCode() != 1 {
						t.Errorf("mount ended with %v", state)
					}
				}
				t.Log(p.Err())
				if !p.Exited() {
					p.Signal(syscall.SIGINT)
					p.Wait(lab.Patience)
				}
				if lab.Mounted(t, point) {
					t.Error("it is mounted")
				}
			})
		}
	}
}

// greet is a server that says something of its own to whoever calls.
func greet(t *testing.T, text string) (addr string) {
	t.Helper()
	socket := filepath.Join(lab.SocketDir(t), "greeter")
	l, err := net.Listen("unix", socket)
	must(t, err)
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				io.WriteString(c, text)
				io.Copy(io.Discard, c)
			}()
		}
	}()
	return "unix!" + socket
}
