package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/styxkit/styxkit/lib9p/srv"
	"github.com/styxkit/styxkit/lib9p/srv/hostfs"
	"github.com/styxkit/styxkit/mount"
)

// playVariable makes the test's program a command: mount, or a server on standard input and output.
const playVariable = "MOUNT_TEST_PLAY"

func TestMain(m *testing.M) {
	switch os.Getenv(playVariable) {
	case "mount":
		main()
	case "serve":
		tree, err := hostfs.New(os.Args[1], hostfs.Options{})
		if err == nil {
			err = srv.ServeStdio(context.Background(), os.Stdin, os.Stdout, tree)
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
		}
	default:
		os.Exit(m.Run())
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// A command is a mount command that runs, or has left a process in the background that does.
type command struct {
	*exec.Cmd
	dir string

	mu   sync.Mutex
	said bytes.Buffer
	end  chan struct{} // closed when nobody has its standard error any more
}

// start runs mount. What it leaves is unmounted at the end of the test, and must end then.
func start(t *testing.T, args ...string) *command {
	t.Helper()
	c := &command{end: make(chan struct{}), dir: args[len(args)-1]}
	c.Cmd = exec.Command("/proc/self/exe", args...)
	c.Args[0] = "mount"
	c.Env = append(os.Environ(), playVariable+"=mount")
	r, w, err := os.Pipe()
	must(t, err)
	c.Stderr = w
	must(t, c.Cmd.Start())
	w.Close()
	go c.listen(r)
	t.Cleanup(func() {
		if _, mounted, _ := mount.At(c.dir); mounted {
			mount.Unmount(c.dir, true)
		}
		c.ended(t)
	})
	return c
}

func (c *command) listen(r *os.File) {
	defer close(c.end)
	defer r.Close()
	buf := make([]byte, 4096)
	for {
		n, err := r.Read(buf)
		c.mu.Lock()
		c.said.Write(buf[:n])
		c.mu.Unlock()
		if err != nil {
			return
		}
	}
}

func (c *command) text() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.said.String()
}

const patience = 20 * time.Second

// until waits for a condition.
func until(t *testing.T, what string, is func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !is(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("after %v still not: %s", patience, what)
		}
	}
}

// ended waits until the command and what it has left in the background have ended.
func (c *command) ended(t *testing.T) {
	t.Helper()
	select {
	case <-c.end:
	case <-time.After(patience):
		t.Errorf("mount is still there; it has said: %s", c.text())
	}
}

// mounted waits until the command has mounted.
func (c *command) mounted(t *testing.T) {
	t.Helper()
	until(t, "it is mounted: "+c.text(), func() bool {
		_, ok, _ := mount.At(c.dir)
		return ok
	})
}

// succeeds waits for the command's exit status.
func (c *command) succeeds(t *testing.T) {
	t.Helper()
	if err := c.Wait(); err != nil {
		t.Fatalf("mount: %v: %s", err, c.text())
	}
}

// A server serves a directory on a socket, and can be stopped and started.
type server struct {
	dir, addr string
	cancel    context.CancelFunc
	done      chan struct{}
}

func serve(t *testing.T) *server {
	t.Helper()
	s := &server{dir: t.TempDir()}
	s.addr = "unix!" + filepath.Join(t.TempDir(), "s")
	must(t, os.WriteFile(filepath.Join(s.dir, "file"), []byte("contents"), 0o644))
	s.start(t)
	t.Cleanup(s.stop)
	return s
}

func (s *server) start(t *testing.T) {
	t.Helper()
	tree, err := hostfs.New(s.dir, hostfs.Options{})
	must(t, err)
	l, err := net.Listen("unix", strings.TrimPrefix(s.addr, "unix!"))
	must(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	s.cancel, s.done = cancel, make(chan struct{})
	go func() {
		defer close(s.done)
		srv.ServeListener(ctx, l, tree, nil)
	}()
}

func (s *server) stop() {
	s.cancel()
	<-s.done
}

// cat reads a file in another process, for a while if it must.
func cat(t *testing.T, path ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	out, err := exec.CommandContext(ctx, "cat", filepath.Join(path...)).CombinedOutput()
	if err != nil {
		return fmt.Sprintf("%v: %s", err, out)
	}
	return string(out)
}

func TestBackground(t *testing.T) {
	s, dir := serve(t), t.TempDir()
	for _, flag := range []string{"-A", "-p", "-P"} {
		c := start(t, flag, s.addr, dir)
		c.succeeds(t)
		if p, ok, _ := mount.At(dir); !ok || p.Source != s.addr || p.Type != "fuse.styx" {
			t.Errorf("mounted is %+v", p)
		}
		if data := cat(t, dir, "file"); data != "contents" {
			t.Errorf("%s: read %q", flag, data)
		}
		must(t, mount.Unmount(dir, false))
		c.ended(t)
		if c.text() != "" {
			t.Errorf("%s: it says %s", flag, c.text())
		}
	}
}

func TestTerminated(t *testing.T) {
	s := serve(t)
	for name, sig := range map[string]os.Signal{"INT": syscall.SIGINT, "TERM": syscall.SIGTERM} {
		t.Run(name, func(t *testing.T) {
			c := start(t, "-f", s.addr, t.TempDir())
			c.mounted(t)
			if name == "TERM" { // also when it is in use
				// Not by exec's Dir: our runtime would stand still while the folder is asked for.
				busy := exec.Command("sh", "-c", `cd "$1" && echo there && exec sleep 1000`, "sh", c.dir)
				out, err := busy.StdoutPipe()
				must(t, err)
				must(t, busy.Start())
				defer busy.Wait()
				defer busy.Process.Kill()
				if _, err := out.Read(make([]byte, 10)); err != nil {
					t.Error(err)
				}
			}
			must(t, c.Process.Signal(sig))
			c.succeeds(t)
			if _, ok, _ := mount.At(c.dir); ok {
				t.Error("it is still mounted")
			}
		})
	}
}

func TestLost(t *testing.T) {
	s := serve(t)
	c := start(t, "-f", s.addr, t.TempDir())
	c.mounted(t)
	s.stop()
	if err := c.Wait(); c.ProcessState.ExitCode() != 1 {
		t.Errorf("it ends with %v", err)
	}
	c.ended(t)
	if _, ok, _ := mount.At(c.dir); ok {
		t.Error("it is still mounted")
	}
	if lines := strings.Split(strings.TrimSpace(c.text()), "\n"); len(lines) != 1 || !strings.Contains(lines[0], "unmounted "+c.dir) {
		t.Errorf("it says %q", c.text())
	}
}

func TestPersistent(t *testing.T) {
	s := serve(t)
	c := start(t, "-p", s.addr, t.TempDir())
	c.succeeds(t)
	for range 3 {
		s.stop()
		s.start(t)
		if data := cat(t, c.dir, "file"); data != "contents" {
			t.Errorf("read %q: %s", data, c.text())
		}
	}
	if n := strings.Count(c.text(), s.addr); n < 6 {
		t.Errorf("of going and coming back it says\n%s", c.text())
	}
	must(t, mount.Unmount(c.dir, false))
}

// A command is run again when it has died.
func TestCommand(t *testing.T) {
	exe, err := os.Executable()
	must(t, err)
	data := t.TempDir()
	must(t, os.WriteFile(filepath.Join(data, "file"), []byte("contents"), 0o644))
	pids := filepath.Join(t.TempDir(), "pids")
	addr := fmt.Sprintf("{echo $$ >>%s; %s=serve exec %s %s}", pids, playVariable, exe, data)
	c := start(t, "-p", addr, t.TempDir())
	c.succeeds(t)
	for i := range 2 {
		if got := cat(t, c.dir, "file"); got != "contents" {
			t.Errorf("read %q: %s", got, c.text())
		}
		b, err := os.ReadFile(pids)
		must(t, err)
		list := strings.Fields(string(b))
		if len(list) != i+1 {
			t.Fatalf("the command was run %d times", len(list))
		}
		var pid int
		fmt.Sscan(list[i], &pid)
		must(t, syscall.Kill(pid, syscall.SIGKILL))
		until(t, "the command is run again", func() bool {
			b, err := os.ReadFile(pids)
			return err == nil && len(strings.Fields(string(b))) == i+2
		})
	}
	if got := cat(t, c.dir, "file"); got != "contents" {
		t.Errorf("read %q: %s", got, c.text())
	}
}

func TestOptions(t *testing.T) {
	s := serve(t)
	c := start(t, "-o", "ro,uid=12,gid=34,msize=8192,version=9p2000.u", s.addr, t.TempDir())
	c.succeeds(t)
	fi, err := os.Stat(filepath.Join(c.dir, "file"))
	must(t, err)
	if st := fi.Sys().(*syscall.Stat_t); st.Uid != 12 || st.Gid != 34 {
		t.Errorf("the file belongs to %d and %d", st.Uid, st.Gid)
	}
	if err := os.Mkdir(filepath.Join(c.dir, "d"), 0o755); err != syscall.EROFS && !strings.Contains(fmt.Sprint(err), "read-only") {
		t.Errorf("mkdir: %v", err)
	}
}

// What cannot be done is said in one line, with status 1, and leaves nothing.
func TestRefused(t *testing.T) {
	s := serve(t)
	dir := t.TempDir()
	file := filepath.Join(s.dir, "file")
	greet, err := net.Listen("unix", filepath.Join(t.TempDir(), "l"))
	must(t, err)
	defer greet.Close()
	go func() {
		for {
			conn, err := greet.Accept()
			if err != nil {
				return
			}
			io.WriteString(conn, "220 welcome, but not to 9P\n")
			conn.Close()
		}
	}()
	other := "unix!" + greet.Addr().String()
	for _, tt := range []struct{ args, says string }{
		{"-a A D", "-a is not built yet"},
		{"-pb A D", "-b is not built yet"},
		{"-c A D", "-c is not built yet"},
		{"-9 A D", "-9 is not built yet"},
		{"-C sha1 A D", "-C is not built yet"},
		{"-k dom=x A D", "-p -o auth={command}"},
		{"-t nfs A D", "the types are v9fs and fuse"},
		{"-o noatime A D", "no such option"},
		{"-o uid=x A D", "a number"},
		{"-o ro=1 A D", "takes no value"},
		{"-o soft=x A D", "a number from 1"},
		{"-o sole A D", "use -p too"},
		{"-o auth={true} A D", "use -p too"},
		{"-pA -o auth={true} A D", "leave out one"},
		{"-p -o auth=true A D", "between { and }"},
		{"-p -o auth={true,sole A D", "between { and }"},
		{"-p -o sole=1 A D", "takes no value"},
		{"-o log= A D", "a file is wanted"},
		{"-o log=D A D", "-o log: open"},
		{"-o dialect=9P3 A D", "the dialects are"},
		{"-o qids=maybe A D", "the policies are"},
		{"-o msize=10 A D", "a number from 4096"},
		{"A", "usage: mount [-abcfpqvA9S]"},
		{"A D spec more", "usage: mount"},
		{"-x A D", "usage: mount"},
		{"A D/none", "does not exist"},
		{"A F", "is not a directory"},
		{"A D nothing", "attach"},
		{"-p A D nothing", "attach"},
		{"unix!/none D", "unix!/none"},
		{"-p unix!/none D", "unix!/none"},
		{"tcp!127.0.0.1 D/../.. x y", "usage"},
		{"{exit D", "between { and }"},
		{"G D", "9p"},
		{"-p G D", "9P"},
	} {
		args := strings.Fields(tt.args)
		for i := range args {
			args[i] = strings.NewReplacer("A", s.addr, "D", dir, "F", file, "G", other).Replace(args[i])
			if strings.HasPrefix(args[i], "-") {
				args[i] = strings.Fields(tt.args)[i]
			}
		}
		c := start(t, args...)
		c.Wait()
		c.ended(t)
		said := c.text()
		if c.ProcessState.ExitCode() != 1 || !strings.Contains(said, tt.says) {
			t.Errorf("mount %s: %v: %s", tt.args, c.ProcessState, said)
		}
		if _, mounted, _ := mount.At(dir); mounted {
			t.Fatalf("mount %s: it is mounted", tt.args)
		}
	}
}
