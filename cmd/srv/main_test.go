package main

import (
	"bytes"
	"context"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/styxkit/styxkit/lib9p"
	"github.com/styxkit/styxkit/lib9p/client"
	server "github.com/styxkit/styxkit/lib9p/srv"
	"github.com/styxkit/styxkit/lib9p/srv/memfs"
)

// playVariable makes the test's program the command.
const playVariable = "SRV_TEST_PLAY"

func TestMain(m *testing.M) {
	if os.Getenv(playVariable) != "" {
		main()
	}
	os.Exit(m.Run())
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// command is a srv that posts in ns.
func command(ns string, args ...string) *exec.Cmd {
	cmd := exec.Command("/proc/self/exe", args...)
	cmd.Args[0] = "srv"
	cmd.Env = append(os.Environ(), playVariable+"=1", "NAMESPACE="+ns)
	return cmd
}

// post runs srv in the foreground and waits until it has posted name.
func post(t *testing.T, ns, name string, args ...string) *exec.Cmd {
	t.Helper()
	cmd := command(ns, append([]string{"-f"}, args...)...)
	cmd.Stderr = os.Stderr
	must(t, cmd.Start())
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
	})
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(time.Millisecond) {
		if conn, err := net.Dial("unix", filepath.Join(ns, name)); err == nil {
			conn.Close()
			return cmd
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s is not posted", name)
		}
	}
}

// A tree is a 9P server whose files outlive it.
type tree struct {
	addr string
	tree server.Tree
	stop func()
}

func (s *tree) start(t *testing.T) {
	t.Helper()
	l, err := net.Listen("unix", strings.TrimPrefix(s.addr, "unix!"))
	must(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		server.ServeListener(ctx, l, s.tree, nil)
	}()
	s.stop = func() {
		cancel()
		<-done
	}
}

func serve(t *testing.T) *tree {
	t.Helper()
	s := &tree{addr: "unix!" + filepath.Join(t.TempDir(), "s"), tree: memfs.New(memfs.Options{})}
	s.start(t)
	t.Cleanup(func() { s.stop() })
	return s
}

// attach connects to a posted service.
func attach(t *testing.T, ns, name string) (*client.Conn, *client.Fid) {
	t.Helper()
	t1, err := net.Dial("unix", filepath.Join(ns, name))
	must(t, err)
	conn, err := client.New(t.Context(), t1, client.Options{})
	must(t, err)
	t.Cleanup(func() { conn.Close() })
	root, err := conn.Attach(t.Context(), nil, "u", "", lib9p.NoUid)
	must(t, err)
	return conn, root
}

// put makes a file with contents, and get reads it through a fid.
func put(t *testing.T, dir *client.Fid, name, contents string) *client.Fid {
	t.Helper()
	f, err := dir.Clone(t.Context())
	must(t, err)
	must(t, f.Lcreate(t.Context(), name, lib9p.LRDWR, 0o644, lib9p.NoUid))
	_, err = f.WriteFull(t.Context(), []byte(contents), 0)
	must(t, err)
	return f
}

func get(t *testing.T, f *client.Fid) string {
	t.Helper()
	buf := make([]byte, 100)
	n, err := f.ReadFull(t.Context(), buf, 0)
	must(t, err)
	return string(buf[:n])
}

// Each client has a session of its own, which does not disturb the others.
func TestClients(t *testing.T) {
	for _, flags := range [][]string{nil, {"-p"}} {
		s, ns := serve(t), t.TempDir()
		cmd := post(t, ns, "fs", append(flags, s.addr, "fs")...)
		one, a := attach(t, ns, "fs")
		_, b := attach(t, ns, "fs")
		f := put(t, a, "f", "by one")
		g, err := b.Walk(t.Context(), "f")
		must(t, err)
		must(t, g.Lopen(t.Context(), lib9p.LRDONLY))
		if data := get(t, g); data != "by one" {
			t.Errorf("the other reads %q", data)
		}
		must(t, f.Clunk(t.Context()))
		must(t, one.Close())
		if data := get(t, g); data != "by one" {
			t.Errorf("when the first has gone the other reads %q", data)
		}
		must(t, cmd.Process.Signal(syscall.SIGTERM))
		must(t, cmd.Wait())
		if _, err := os.Lstat(filepath.Join(ns, "fs")); !os.IsNotExist(err) {
			t.Errorf("the socket is left: %v", err)
		}
	}
}

func TestPersistent(t *testing.T) {
	s, ns := serve(t), t.TempDir()
	post(t, ns, "s", "-p", s.addr)
	_, root := attach(t, ns, "s")
	f := put(t, root, "f", "kept")
	for range 3 {
		s.stop()
		s.start(t)
		if data := get(t, f); data != "kept" {
			t.Errorf("after a restart %q is read", data)
		}
	}
}

// A socket that a dead srv has left is replaced, a live one is not.
func TestPosted(t *testing.T) {
	s, ns := serve(t), t.TempDir()
	old := post(t, ns, "fs", s.addr, "fs")
	if out, err := command(ns, s.addr, "fs").CombinedOutput(); err == nil || !strings.Contains(string(out), "in use") {
		t.Errorf("a second srv: %v, %s", err, out)
	}
	must(t, old.Process.Kill())
	old.Wait()
	post(t, ns, "fs", s.addr, "fs")
	attach(t, ns, "fs")
}

func TestBackground(t *testing.T) {
	s, ns := serve(t), filepath.Join(t.TempDir(), "made")
	r, w, err := os.Pipe()
	must(t, err)
	cmd := command(ns, s.addr, "fs")
	cmd.Stderr = w
	must(t, cmd.Run())
	w.Close()
	_, root := attach(t, ns, "fs")
	put(t, root, "f", "")
	fi, err := os.Stat(filepath.Join(ns, "fs"))
	must(t, err)
	if fi.Mode().Perm()&0o077 != 0 {
		t.Errorf("the socket is %v", fi.Mode())
	}
	must(t, syscall.Kill(owner(t, ns), syscall.SIGTERM))
	var said bytes.Buffer
	if _, err := said.ReadFrom(r); err != nil || said.Len() > 0 {
		t.Errorf("it says %q, %v", &said, err)
	}
}

// owner returns the process that has a socket posted in ns.
func owner(t *testing.T, ns string) int {
	t.Helper()
	conn, err := net.Dial("unix", filepath.Join(ns, "fs"))
	must(t, err)
	defer conn.Close()
	raw, err := conn.(*net.UnixConn).SyscallConn()
	must(t, err)
	var pid int
	raw.Control(func(fd uintptr) {
		cred, err := syscall.GetsockoptUcred(int(fd), syscall.SOL_SOCKET, syscall.SO_PEERCRED)
		must(t, err)
		pid = int(cred.Pid)
	})
	return pid
}

func TestRefused(t *testing.T) {
	s, ns := serve(t), t.TempDir()
	for _, tt := range []struct{ args, says string }{
		{"", "usage: srv [-fp] [-k keyspec] addr [name]"},
		{"A b c", "usage"},
		{"A a/b", "no slash"},
		{"-k x A", "not built yet"},
		{"unix!/none/such x", "unix!/none/such"},
		{"tcp!h!x!y", "too many"},
	} {
		args := strings.Fields(strings.ReplaceAll(tt.args, "A", s.addr))
		cmd := command(ns, args...)
		out, err := cmd.CombinedOutput()
		if err == nil || cmd.ProcessState.ExitCode() != 1 || !strings.Contains(string(out), tt.says) {
			t.Errorf("srv %s: %v: %s", tt.args, err, out)
		}
	}
}
