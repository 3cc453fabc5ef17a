package hostfs_test

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/styxkit/styxkit/lib9p"
	"github.com/styxkit/styxkit/lib9p/client"
	"github.com/styxkit/styxkit/lib9p/srv"
	"github.com/styxkit/styxkit/lib9p/srv/hostfs"
)

func TestMain(m *testing.M) {
	syscall.Umask(0)
	os.Exit(m.Run())
}

// patience is how long a test waits for what must happen at once.
const patience = 20 * time.Second

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func got[T any](t testing.TB) func(v T, err error) T {
	return func(v T, err error) T {
		t.Helper()
		must(t, err)
		return v
	}
}

func fails(t testing.TB, err error, want lib9p.Errno) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("got error %v, want %v", err, want)
	}
}

// serve serves dir and returns a connection to it.
func serve(t testing.TB, dir string, o hostfs.Options) *client.Conn {
	t.Helper()
	tree, err := hostfs.New(dir, o)
	must(t, err)
	a, b := net.Pipe()
	done := make(chan error, 1)
	go func() { done <- srv.Serve(context.Background(), b, tree) }()
	c, err := client.New(t.Context(), a, client.Options{})
	must(t, err)
	t.Cleanup(func() {
		c.Close()
		select {
		case <-done:
			tree.Close()
		case <-time.After(patience):
			t.Error("Serve does not return")
		}
	})
	return c
}

// attach returns the file that aname names.
func attach(t testing.TB, c *client.Conn, aname string) *client.Fid {
	t.Helper()
	return got[*client.Fid](t)(c.Attach(t.Context(), nil, "glenda", aname, lib9p.NoUid))
}

// root is the root of a newly served dir.
func root(t testing.TB, dir string, o hostfs.Options) *client.Fid {
	t.Helper()
	return attach(t, serve(t, dir, o), "")
}

// walk walks from f.
func walk(t testing.TB, f *client.Fid, names ...string) *client.Fid {
	t.Helper()
	return got[*client.Fid](t)(f.Walk(t.Context(), names...))
}

// read reads a small file.
func read(t testing.TB, dir *client.Fid, names ...string) (string, error) {
	t.Helper()
	f, err := dir.Walk(t.Context(), names...)
	if err != nil {
		return "", err
	}
	defer f.Clunk(t.Context())
	if err := f.Lopen(t.Context(), lib9p.LRDONLY); err != nil {
		return "", err
	}
	p := make([]byte, 1000)
	n, err := f.ReadFull(t.Context(), p, 0)
	if n > 0 {
		err = nil
	}
	return string(p[:n]), err
}

// files makes files in dir, each with its own name as contents; a name that ends in / is a directory.
func files(t testing.TB, dir string, names ...string) {
	t.Helper()
	for _, name := range names {
		path := filepath.Join(dir, name)
		must(t, os.MkdirAll(filepath.Dir(path), 0o777))
		if name[len(name)-1] == '/' {
			must(t, os.MkdirAll(path, 0o777))
		} else {
			must(t, os.WriteFile(path, []byte(name), 0o666))
		}
	}
}
