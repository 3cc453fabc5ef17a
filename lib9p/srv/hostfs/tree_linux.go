package hostfs

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/styxkit/styxkit/lib9p"
	"github.com/styxkit/styxkit/lib9p/srv"
)

// Options say how a directory is served.
type Options struct {
	ReadOnly bool // refuse with EROFS whatever changes something

	// Descriptors is how many descriptors the cache of unopened files may
	// have. Zero means a quarter of what the process can open, and no more than 32768.
	Descriptors int
}

// A Tree is a directory of the host. It is a [srv.Tree].
type Tree struct {
	dir   string // as given, cleaned and absolute
	ro    bool
	root  *node
	proc  int // O_PATH on /proc/self/fd
	gid   uint32
	super bool // can give files to any group
	locks srv.Locks
	names

	mu     sync.Mutex // guards the table of nodes and the cache of descriptors
	change sync.Cond  // a node has been opened, a slot has become free
	slots  map[slot]bool
	moves  uint64 // counts renames
	cache  cache
}

var _ interface {
	srv.Tree
	srv.Locking
	srv.Naming
} = (*Tree)(nil)

// New returns the tree below dir. The process's umask applies to what is
// created; a server that wants to follow its clients in this clears it.
func New(dir string, o Options) (*Tree, error) {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("serve %s: %w", dir, err)
	}
	t := &Tree{dir: abs, ro: o.ReadOnly, gid: uint32(os.Getegid()), super: os.Geteuid() == 0, slots: make(map[slot]bool)}
	t.change.L = &t.mu
	t.cache.max = o.Descriptors
	if t.cache.max <= 0 {
		t.cache.max = cacheSize()
	}
	if t.proc, err = unix.Open("/proc/self/fd", unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0); err != nil {
		return nil, fmt.Errorf("serve %s: open /proc/self/fd: %w: is /proc mounted?", dir, err)
	}
	fd, err := unix.Open(abs, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		unix.Close(t.proc)
		return nil, fmt.Errorf("serve %s: %w", dir, err)
	}
	st, err := statFd(fd)
	if err == nil {
		_, err = t.pathOf(fd)
	}
	if err != nil {
		unix.Close(fd)
		unix.Close(t.proc)
		return nil, fmt.Errorf("serve %s: %w", dir, err)
	}
	t.root = &node{t: t, id: identOf(st), mode: typeOf(st), fd: fd, pins: 1, refs: 1, name: "/"}
	t.root.seen(st)
	return t, nil
}

// Close gives back what the tree holds of the host. No connection may use it any more.
func (t *Tree) Close() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.cache.shrink(0)
	unix.Close(t.root.fd)
	return unix.Close(t.proc)
}

// Locks returns the table of record locks.
func (t *Tree) Locks() *srv.Locks { return &t.locks }

// Attach returns the directory itself for an aname that is empty, "/", or the
// directory's name, and otherwise the file below it that aname names, by its
// name in the host or from the directory.
func (t *Tree) Attach(ctx context.Context, u srv.User, aname string) (srv.File, error) {
	t.root.ref()
	f := &file{n: t.root, top: t.root}
	t.root.ref()
	for _, name := range t.split(aname) {
		if name == "." || name == ".." || strings.ContainsRune(name, 0) {
			f.Close()
			return nil, lib9p.EINVAL
		}
		next, err := f.Walk(ctx, name)
		f.Close()
		if err != nil {
			return nil, err
		}
		f = next.(*file)
	}
	// Nothing above is had from here on.
	f.n.ref()
	f.top.unref()
	f.top = f.n
	return f, nil
}

// split returns the names that lead from the root to aname.
func (t *Tree) split(aname string) []string {
	rest, ok := strings.CutPrefix(aname, t.dir)
	if !ok || rest != "" && rest[0] != '/' && t.dir != "/" {
		rest = aname
	}
	return strings.FieldsFunc(rest, func(r rune) bool { return r == '/' })
}

// changing refuses where the tree is served read-only.
func (t *Tree) changing() error {
	if t.ro {
		return lib9p.EROFS
	}
	return nil
}
