package fuse

import (
	"errors"
	"net"
	"os"
	"strconv"
	"sync"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/styxkit/styxkit/lib9p"
	"github.com/styxkit/styxkit/lib9p/srv/hostfs"
)

// A tally counts the messages of one type that go to the server.
type tally struct {
	net.Conn
	typ uint8

	mu   sync.Mutex
	part []byte
	n    int
}

func (c *tally) Write(b []byte) (int, error) {
	c.mu.Lock()
	for c.part = append(c.part, b...); len(c.part) >= lib9p.HeaderSize; {
		size := int(lib9p.Frame(c.part).Size())
		if size > len(c.part) {
			break
		}
		if lib9p.Frame(c.part).Type() == c.typ {
			c.n++
		}
		c.part = c.part[size:]
	}
	c.mu.Unlock()
	return c.Conn.Write(b)
}

// take returns how many there were since it was called last.
func (c *tally) take() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := c.n
	c.n = 0
	return n
}

// ask asks for what ls -l asks of each file.
func ask(file string) error {
	_, err := unix.Lgetxattr(file, "security.selinux", make([]byte, 255))
	if errors.Is(err, unix.ENODATA) {
		_, err = unix.Lgetxattr(file, "system.posix_acl_access", make([]byte, 255))
	}
	return err
}

// Files without extended attributes cost one question each, and nobody waits for that when a directory is listed.
func TestBare(t *testing.T) {
	host, count := t.TempDir(), &tally{typ: lib9p.TypeTxattrwalk}
	r := mountTree(t, lib9p.L, got(hostfs.New(host, hostfs.Options{}))(t), host, func(c net.Conn) net.Conn {
		count.Conn = c
		return count
	}, func(o *Options) { o.Cache = CacheLoose })
	const files = 40
	for _, dir := range []string{"first", "second"} {
		must(t, os.Mkdir(r.path(dir), 0o755))
		for i := range files {
			must(t, os.WriteFile(r.path(dir, strconv.Itoa(i)), nil, 0o644))
		}
	}
	r.Drop()
	must(t, ignore(ask(r.path("first", "0")), unix.ENODATA))
	count.take()
	got(os.ReadDir(r.path("second")))(t)
	if n := count.take(); n < files/2 {
		t.Errorf("when %d files were listed %d were asked", files, n)
	}
	for i := range files {
		if err := ask(r.path("second", strconv.Itoa(i))); !errors.Is(err, unix.ENODATA) {
			t.Error(err)
		}
	}
	if n := count.take(); n > files/2 {
		t.Errorf("of %d files that were listed %d were asked once more", files, n)
	}
	// One that has some, and one that is given some.
	f := r.path("second", "1")
	must(t, unix.Setxattr(f, "user.x", []byte("x"), 0))
	if n, err := unix.Getxattr(f, "user.x", make([]byte, 10)); n != 1 {
		t.Errorf("what was set has %d bytes, %v", n, err)
	}
	if os.Geteuid() == 0 {
		must(t, unix.Setxattr(f, "security.selinux", []byte("label"), 0))
		if n, err := unix.Getxattr(f, "security.selinux", make([]byte, 10)); n != 5 {
			t.Errorf("a label that was set has %d bytes, %v", n, err)
		}
		must(t, unix.Removexattr(f, "security.selinux"))
	}
	if err := ask(f); !errors.Is(err, unix.ENODATA) {
		t.Error(err)
	}
}

// Without a cache each question is asked.
func TestBareUncached(t *testing.T) {
	host := t.TempDir()
	r := mountTree(t, lib9p.L, got(hostfs.New(host, hostfs.Options{}))(t), host, nil, func(o *Options) { o.Cache = CacheNone })
	must(t, os.WriteFile(r.path("f"), nil, 0o644))
	asRoot(t, "sets a label")
	for _, want := range []string{"one", "three"} {
		must(t, ignore(ask(r.path("f")), unix.ENODATA))
		must(t, unix.Setxattr(host+"/f", "security.selinux", []byte(want), 0))
		if n, err := unix.Getxattr(r.path("f"), "security.selinux", make([]byte, 10)); n != len(want) {
			t.Errorf("the label has %d bytes, %v", n, err)
		}
	}
}

// ignore leaves out an error that is expected.
func ignore(err, expected error) error {
	if errors.Is(err, expected) {
		return nil
	}
	return err
}
