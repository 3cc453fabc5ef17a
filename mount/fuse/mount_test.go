package fuse

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/styxkit/styxkit/lib9p"
	"github.com/styxkit/styxkit/lib9p/client"
	"github.com/styxkit/styxkit/lib9p/srv"
	"github.com/styxkit/styxkit/lib9p/srv/hostfs"
	"github.com/styxkit/styxkit/mount"
)

// A rig is a host directory, a server for it, and a mount of that.
type rig struct {
	*Server
	host string // the directory that is served
	at   string // where it is mounted
	conn *client.Conn
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// got is a value, or the end of the test.
func got[T any](v T, err error) func(testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		must(t, err)
		return v
	}
}

// mountHost serves a directory and mounts it, in a dialect. At the end of the test it is unmounted, and nothing
// may be left in the bridge's tables then.
func mountHost(t *testing.T, d lib9p.Dialect) *rig {
	t.Helper()
	host := t.TempDir()
	tree := got(hostfs.New(host, hostfs.Options{}))(t)
	return mountTree(t, d, tree, host, nil)
}

// mountTree mounts what a server makes of tree. A wrap, if there is one, stands between client and server.
func mountTree(t *testing.T, d lib9p.Dialect, tree srv.Tree, host string, wrap func(net.Conn) net.Conn, with ...func(*Options)) *rig {
	t.Helper()
	opt := Options{Source: t.Name()}
	for _, f := range with {
		f(&opt)
	}
	ours, theirs := pair(t)
	served := make(chan bool)
	go func() {
		defer close(served)
		srv.Serve(context.Background(), theirs, tree)
	}()
	if wrap != nil {
		ours = wrap(ours)
	}
	conn := got(client.New(t.Context(), ours, client.Options{Dialects: []lib9p.Dialect{d}}))(t)
	root := got(conn.Attach(t.Context(), nil, "root", "", 0))(t)
	r := &rig{host: host, at: t.TempDir(), conn: conn}
	r.Server = got(Mount(root, r.at, opt))(t)
	t.Cleanup(func() {
		if _, mounted, _ := mount.At(r.at); mounted {
			if err := r.Unmount(false); err != nil {
				t.Errorf("unmount: %v", err)
				r.Unmount(true)
			}
		}
		r.Wait()
		conn.Close()
		<-served
	})
	// Go's poller asks the kernel about every file that is opened, and the kernel asks us, while the runtime holds
	// the thread. Told once that nothing here can be polled, it asks no more.
	must(t, os.WriteFile(filepath.Join(host, ".poll"), nil, 0o600))
	fd := got(unix.Open(r.path(".poll"), unix.O_RDWR|unix.O_CLOEXEC, 0))(t)
	_, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, 0)
	must(t, err)
	must(t, unix.Close(fd))
	must(t, os.Remove(filepath.Join(host, ".poll")))
	return r
}

// pair returns the two ends of a connection.
func pair(t testing.TB) (a, b net.Conn) {
	t.Helper()
	fds := got(unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0))(t)
	var c [2]net.Conn
	for i, fd := range fds {
		f := os.NewFile(uintptr(fd), "pair")
		c[i] = got(net.FileConn(f))(t)
		f.Close()
	}
	return c[0], c[1]
}

// open opens a file, and sees to it that no failure leaves it open: a mount in use does not end.
func open(t *testing.T, name string, flags int, mode os.FileMode) *os.File {
	t.Helper()
	f := got(os.OpenFile(name, flags, mode))(t)
	t.Cleanup(func() { f.Close() })
	return f
}

func (r *rig) path(name ...string) string { return filepath.Join(append([]string{r.at}, name...)...) }

// dialects are those that the tests run in, the richest first.
var dialects = []lib9p.Dialect{lib9p.L, lib9p.U, lib9p.P2000}

// each runs a test on a mount in each dialect from the richest on.
func each(t *testing.T, list []lib9p.Dialect, do func(*testing.T, *rig)) {
	for _, d := range list {
		t.Run(d.String(), func(t *testing.T) { do(t, mountHost(t, d)) })
	}
}

// A process that plays a part gets its signals where it waits: in the first thread.
func init() {
	if os.Getenv(playVariable) != "" {
		runtime.LockOSThread()
	}
}

// TestMain keeps the files that tests make as the tests want them.
func TestMain(m *testing.M) {
	unix.Umask(0)
	if play := os.Getenv(playVariable); play != "" {
		os.Exit(parts[play](os.Args[1:]))
	}
	os.Exit(m.Run())
}

// asRoot skips a test for anybody who may not do what it does.
func asRoot(t *testing.T, what string) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("only root can run this test: it " + what)
	}
}
