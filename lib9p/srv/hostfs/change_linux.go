package hostfs

import (
	"context"
	"runtime"
	"strconv"

	"9fans.net/go/plan9"
	"golang.org/x/sys/unix"

	"github.com/styxkit/styxkit/lib9p"
	"github.com/styxkit/styxkit/lib9p/srv"
)

const qtTmp = plan9.QTTMP

// withGid does something with gid as the group of what is made, where the
// server may give it: a file is never there with another group first.
func (t *Tree) withGid(gid uint32, do func() error) error {
	if gid == lib9p.NoUid || gid == t.gid || !t.super {
		return do()
	}
	// The group belongs to the thread.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	unix.SetfsgidRetGid(int(gid))
	defer unix.SetfsgidRetGid(int(t.gid))
	return do()
}

// Make makes a file that is not opened.
func (f *file) Make(_ context.Context, name string, n srv.New) (q lib9p.Qid, err error) {
	t := f.n.t
	if err := t.canMake(n); err != nil {
		return q, err
	}
	dir, err := f.usable()
	if err != nil {
		return q, err
	}
	defer f.n.done()
	err = t.withGid(n.Gid, func() error {
		switch n.Mode & lib9p.ModeFmt {
		case lib9p.ModeDir:
			return unix.Mkdirat(dir, name, n.Mode&0o7777)
		case lib9p.ModeSymlink:
			return unix.Symlinkat(n.Target, dir, name)
		}
		return unix.Mknodat(dir, name, n.Mode, int(unix.Mkdev(n.Major, n.Minor)))
	})
	if err != nil {
		return q, sysError(err)
	}
	st, err := statAt(dir, name)
	if err != nil {
		return q, err
	}
	return lib9p.Qid{Type: qidType(typeOf(st)), Vers: version(st), Path: t.qidPath(identOf(st).dev, st.Ino)}, nil
}

// Link gives a file another name.
func (f *file) Link(_ context.Context, old srv.File, name string) error {
	o, ok := old.(*file)
	if !ok || o.n.t != f.n.t {
		return lib9p.EXDEV
	}
	if err := f.n.t.changing(); err != nil {
		return err
	}
	if o.n.mode == unix.S_IFDIR {
		return lib9p.EPERM
	}
	dir, err := f.usable()
	if err != nil {
		return err
	}
	defer f.n.done()
	return o.with(func(fd int) error {
		return sysError(unix.Linkat(f.n.t.proc, strconv.Itoa(fd), dir, name, unix.AT_SYMLINK_FOLLOW))
	})
}

// Unlink removes a name.
func (f *file) Unlink(_ context.Context, name string, dir bool) error {
	if err := f.n.t.changing(); err != nil {
		return err
	}
	fd, err := f.usable()
	if err != nil {
		return err
	}
	defer f.n.done()
	return unlink(fd, name, dir)
}

func unlink(fd int, name string, dir bool) error {
	flags := 0
	if dir {
		flags = unix.AT_REMOVEDIR
	}
	return sysError(unix.Unlinkat(fd, name, flags))
}

// Name returns the last name that the file is known to have.
func (f *file) Name() string {
	f.n.t.mu.Lock()
	defer f.n.t.mu.Unlock()
	if f.n == f.top {
		return "/"
	}
	return f.n.name
}

// Dir returns the directory that the file is in.
func (f *file) Dir(context.Context) (srv.File, error) {
	if f.n.mode == unix.S_IFDIR {
		return f.up()
	}
	dir, _, err := f.locate()
	if err != nil {
		return nil, err
	}
	return dir, nil
}

// locate returns the directory and name where the file is, with a reference to
// the directory.
func (f *file) locate() (dir *file, name string, err error) {
	t := f.n.t
	if f.n == f.top {
		return nil, "", lib9p.EBUSY // it is the root of what is served
	}
	for try := range 2 {
		t.mu.Lock()
		up, name := f.n.parent, f.n.name
		ok := up.below(f.top)
		if ok {
			up.refs++
			f.top.refs++
		}
		t.mu.Unlock()
		if ok {
			dir := &file{up, f.top}
			if at, err := f.n.isAt(up, name); at {
				return dir, name, nil
			} else if err != nil && toErrno(err) != lib9p.ENOENT {
				dir.Close()
				return nil, "", err
			}
			dir.Close()
		}
		if try == 0 {
			if err := t.relocate(f.n); err != nil {
				break
			}
		}
	}
	return nil, "", lib9p.ENOENT
}

// Remove removes the file where it is.
func (f *file) Remove(context.Context) error {
	if err := f.n.t.changing(); err != nil {
		return err
	}
	dir, name, err := f.locate()
	if err != nil {
		return err
	}
	defer dir.Close()
	fd, err := dir.usable()
	if err != nil {
		return err
	}
	defer dir.n.done()
	return unlink(fd, name, f.n.mode == unix.S_IFDIR)
}
