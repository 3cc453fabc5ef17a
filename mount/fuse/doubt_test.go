package fuse

import (
	"errors"
	"net"
	"os"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/styxkit/styxkit/lib9p"
	"github.com/styxkit/styxkit/lib9p/srv/hostfs"
)

// distort passes on what a server says, but for replies of some types, for which it says EIO.
func distort(t *testing.T, server net.Conn, types ...uint8) net.Conn {
	t.Helper()
	ours, theirs := pair(t)
	go func() {
		defer server.Close()
		buf := make([]byte, 1<<20)
		for {
			n, err := theirs.Read(buf)
			if err != nil {
				return
			}
			server.Write(buf[:n])
		}
	}()
	go func() {
		defer theirs.Close()
		for r := lib9p.NewReader(server, 1<<21); ; {
			f, err := r.Next()
			if err != nil {
				return
			}
			for _, typ := range types {
				if f.Type() == typ {
					f, err = lib9p.Pack(lib9p.L, f.Tag(), &lib9p.Rlerror{Ecode: lib9p.EIO})
				}
			}
			if err != nil {
				return
			}
			theirs.Write(f)
		}
	}()
	return ours
}

// Who is told EIO for a change of names and looks what has become of it sees what is there.
func TestDoubt(t *testing.T) {
	host := t.TempDir()
	must(t, os.WriteFile(host+"/old", nil, 0o644))
	must(t, os.WriteFile(host+"/gone", nil, 0o644))
	r := mountTree(t, lib9p.L, got(hostfs.New(host, hostfs.Options{}))(t), host, func(c net.Conn) net.Conn {
		return distort(t, c, lib9p.TypeRmkdir, lib9p.TypeRlcreate, lib9p.TypeRrenameat, lib9p.TypeRunlinkat)
	})
	exists := func(name string, want bool) {
		t.Helper()
		_, err := os.Lstat(r.path(name))
		if err != nil && !errors.Is(err, unix.ENOENT) || want != (err == nil) {
			t.Errorf("%s: %v", name, err)
		}
	}
	fails := func(err error) {
		t.Helper()
		if !errors.Is(err, unix.EIO) {
			t.Errorf("the server's EIO is %v", err)
		}
	}
	exists("d", false)
	fails(os.Mkdir(r.path("d"), 0o755))
	exists("d", true)
	exists("f", false)
	_, err := os.OpenFile(r.path("f"), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
	fails(err)
	exists("f", true)
	exists("new", false)
	exists("old", true)
	fails(os.Rename(r.path("old"), r.path("new")))
	exists("new", true)
	exists("old", false)
	exists("gone", true)
	fails(unix.Unlink(r.path("gone")))
	exists("gone", false)
}
