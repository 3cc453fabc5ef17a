package hostfs

import (
	"bytes"
	"context"
	"errors"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/styxkit/styxkit/lib9p"
	"github.com/styxkit/styxkit/lib9p/srv"
)

// A file is a node as seen by who attached at top.
type file struct {
	n, top *node // one reference to each
}

func (f *file) Qid() lib9p.Qid { return f.n.qid() }

func (f *file) Close() {
	f.n.unref()
	f.top.unref()
}

// tries is how often a step is taken again when a rename came between.
const tries = 16

// Walk takes one step, down or up.
func (f *file) Walk(_ context.Context, name string) (srv.File, error) {
	if name == ".." {
		return f.up()
	}
	t := f.n.t
	dir, err := f.n.use()
	if err != nil {
		return nil, err
	}
	defer f.n.done()
	at := slot{f.n, name}
	for try := 0; ; try++ {
		t.mu.Lock()
		for t.slots[at] {
			t.change.Wait()
		}
		moves := t.moves
		t.mu.Unlock()
		fd, err := t.openat(dir, name, unix.O_PATH|unix.O_NOFOLLOW, 0)
		if err != nil {
			return nil, err
		}
		st, err := statFd(fd)
		if err == nil {
			err = t.reached(fd, dir, name, st, f.top)
		}
		if err != nil {
			unix.Close(fd)
			return nil, err
		}
		t.mu.Lock()
		if (t.moves != moves || t.slots[at]) && try < tries {
			t.mu.Unlock()
			unix.Close(fd)
			continue
		}
		n := t.child(f.n, name, st, fd)
		f.top.refs++
		t.mu.Unlock()
		return &file{n, f.top}, nil
	}
}

// up is the walk to "..". The parent that the table knows must be the kernel's too.
func (f *file) up() (srv.File, error) {
	t := f.n.t
	if f.n == f.top {
		f.n.ref()
		f.n.ref()
		return &file{f.n, f.n}, nil
	}
	for try := range 2 {
		fd, err := f.n.use()
		if err != nil {
			return nil, err
		}
		var st unix.Statx_t
		err = unix.Statx(fd, "..", unix.AT_NO_AUTOMOUNT, statMask, &st)
		f.n.done()
		if err != nil {
			return nil, sysError(err)
		}
		t.mu.Lock()
		if up := f.n.parent; up.id == identOf(&st) && up.below(f.top) {
			up.refs++
			f.top.refs++
			t.mu.Unlock()
			return &file{up, f.top}, nil
		}
		t.mu.Unlock()
		if try == 0 {
			if err := t.relocate(f.n); err != nil {
				return nil, err
			}
		}
	}
	return nil, lib9p.ESTALE
}

// pathOf returns where the kernel says that a descriptor's file is.
func (t *Tree) pathOf(fd int) (string, error) {
	var buf [unix.PathMax + 64]byte
	n, err := unix.Readlinkat(t.proc, strconv.Itoa(fd), buf[:])
	return string(buf[:max(n, 0)]), sysError(err)
}

// reached says, with ESTALE, when what was opened as a name in dir has not been
// below top since.
func (t *Tree) reached(fd, dir int, name string, st *unix.Statx_t, top *node) error {
	gone, err := t.inside(fd, dir, top)
	if err != nil || !gone {
		return err
	}
	// Removed, or its name looks so. One that was removed outside could
	// otherwise be had when the directory comes back.
	now, err := statAt(dir, name)
	if err != nil || identOf(now) != identOf(st) {
		return stale(err)
	}
	_, err = t.inside(dir, dir, top)
	return err
}

// inside says, with ESTALE, when a file that was found in dir is not below top
// just now, and whether its name was possibly removed.
func (t *Tree) inside(fd, dir int, top *node) (gone bool, err error) {
	topfd, err := top.use()
	if err != nil {
		return false, err
	}
	defer top.done()
	var a, b [unix.PathMax + 64]byte
	for range 3 { // top may be renamed between the two questions
		n, err := unix.Readlinkat(t.proc, strconv.Itoa(topfd), a[:])
		if err != nil {
			return false, t.climb(dir, top)
		}
		m, err := unix.Readlinkat(t.proc, strconv.Itoa(fd), b[:])
		if err != nil {
			return false, t.climb(dir, top) // the path is longer than the kernel can say
		}
		above := bytes.TrimSuffix(a[:n], []byte("/"))
		if rest, ok := bytes.CutPrefix(b[:m], above); ok && (len(rest) == 0 || rest[0] == '/') {
			return bytes.HasSuffix(rest, []byte(" (deleted)")), nil
		}
	}
	return false, lib9p.ESTALE
}

// climb is inside for paths that are too long: it goes up from a directory until it meets top.
func (t *Tree) climb(fd int, top *node) error {
	at := fd
	defer func() {
		if at != fd {
			unix.Close(at)
		}
	}()
	st, err := statFd(fd)
	if err != nil {
		return err
	}
	for {
		id := identOf(st)
		if id == top.id {
			return nil
		}
		up, err := t.openat(at, "..", unix.O_PATH|unix.O_DIRECTORY, 0)
		if err != nil {
			return err
		}
		if at != fd {
			unix.Close(at)
		}
		at = up
		if st, err = statFd(at); err != nil {
			return err
		}
		if identOf(st) == id {
			return lib9p.ESTALE // the root of everything
		}
	}
}

// relocate finds a node again that somebody else has moved within the tree: it
// puts the node into the slot where the kernel says that it is. ESTALE says
// that it is not in the tree.
func (t *Tree) relocate(n *node) error {
	fd, err := n.use()
	if err != nil {
		return err
	}
	defer n.done()
	path, err := t.pathOf(fd)
	if err != nil {
		return lib9p.ESTALE
	}
	root, err := t.pathOf(t.root.fd)
	if err != nil {
		return err
	}
	rest, ok := strings.CutPrefix(path, strings.TrimSuffix(root, "/")+"/")
	if !ok {
		return lib9p.ESTALE
	}
	names := strings.Split(rest, "/")
	t.root.ref()
	t.root.ref()
	at := &file{t.root, t.root}
	defer func() { at.Close() }()
	for _, name := range names[:len(names)-1] {
		next, err := at.Walk(context.Background(), name)
		if err != nil {
			return stale(err)
		}
		at.Close()
		at = next.(*file)
	}
	name := names[len(names)-1]
	if ok, err := n.isAt(at.n, name); !ok {
		return stale(err)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if !at.n.below(n) {
		n.place(at.n, name)
	}
	return nil
}

func stale(err error) error {
	if err == nil || errors.Is(err, lib9p.ENOENT) || errors.Is(err, lib9p.ENOTDIR) {
		return lib9p.ESTALE
	}
	return err
}

// isAt says whether n is what a slot holds.
func (n *node) isAt(dir *node, name string) (bool, error) {
	fd, err := dir.use()
	if err != nil {
		return false, err
	}
	defer dir.done()
	st, err := statAt(fd, name)
	if err != nil {
		return false, err
	}
	return identOf(st) == n.id, nil
}
