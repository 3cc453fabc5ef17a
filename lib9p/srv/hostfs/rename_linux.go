package hostfs

import (
	"context"

	"golang.org/x/sys/unix"

	"github.com/styxkit/styxkit/lib9p"
	"github.com/styxkit/styxkit/lib9p/srv"
)

// Rename moves what has a name in f to another directory.
func (f *file) Rename(_ context.Context, name string, to srv.File, newname string) error {
	d, ok := to.(*file)
	if !ok || d.n.t != f.n.t {
		return lib9p.EXDEV
	}
	return f.move(nil, name, d, newname, true)
}

// Move renames the file wherever it is.
func (f *file) Move(_ context.Context, to srv.File, newname string, over bool) error {
	d, ok := to.(*file)
	if !ok || d.n.t != f.n.t {
		return lib9p.EXDEV
	}
	for range tries {
		dir, name, err := f.locate()
		if err != nil {
			return err
		}
		err = dir.move(f.n, name, d, newname, over)
		dir.Close()
		if err != errMoved {
			return err
		}
	}
	return lib9p.EBUSY
}

// errMoved says that a file was renamed while somebody was about to do so.
const errMoved = lib9p.Errno(1<<32 - 1)

// move renames in the host and in the table. Nobody else changes or enters the
// two slots meanwhile. Where want is given, it must be what is to be moved.
func (f *file) move(want *node, name string, to *file, newname string, over bool) error {
	t := f.n.t
	if err := t.changing(); err != nil {
		return err
	}
	from, err := f.usable()
	if err != nil {
		return err
	}
	defer f.n.done()
	dest, err := to.usable()
	if err != nil {
		return err
	}
	defer to.n.done()

	a, b := slot{f.n, name}, slot{to.n, newname}
	t.mu.Lock()
	t.claim(a, b)
	n := f.n.kids[name]
	moved := want != nil && (want.parent != f.n || want.name != name)
	if want != nil {
		n = want
	}
	if n != nil {
		n.refs++
	}
	t.mu.Unlock()
	defer func() {
		t.mu.Lock()
		t.release(a, b)
		if n != nil {
			n.unrefLocked()
		}
		t.mu.Unlock()
	}()
	if moved {
		return errMoved
	}
	if n != nil {
		// Held, so that whoever is below finds the way from here, whatever its name is just now.
		if _, err := n.use(); err == nil {
			defer n.done()
		}
	}
	flags := uint(0)
	if !over {
		flags = unix.RENAME_NOREPLACE
	}
	if err := rename(from, name, dest, newname, flags); err != nil {
		return err
	}
	if n == nil {
		return nil
	}
	if st, err := statAt(dest, newname); err != nil || identOf(st) != n.id {
		return nil // it was another file that had the name
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if !to.n.below(n) {
		n.place(to.n, newname)
	}
	return nil
}

// rename is renameat2, without its flags where the file system does not know them.
func rename(from int, name string, to int, newname string, flags uint) error {
	err := unix.Renameat2(from, name, to, newname, flags)
	if flags != 0 && (err == unix.EINVAL || err == unix.ENOSYS) {
		if _, serr := statAt(to, newname); serr == nil {
			return lib9p.EEXIST
		}
		err = unix.Renameat(from, name, to, newname)
	}
	return sysError(err)
}
