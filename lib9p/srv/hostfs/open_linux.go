package hostfs

import (
	"context"
	"os"
	"strconv"

	"golang.org/x/sys/unix"

	"github.com/styxkit/styxkit/lib9p"
	"github.com/styxkit/styxkit/lib9p/srv"
)

// openBits are the flags that a client's open passes on, as this machine has
// them. Direct I/O is not among them: it is between a program and its own kernel.
var openBits = []struct {
	from uint32
	to   int
}{
	{lib9p.LEXCL, unix.O_EXCL},
	{lib9p.LTRUNC, unix.O_TRUNC},
	{lib9p.LAPPEND, unix.O_APPEND},
	{lib9p.LDSYNC, unix.O_DSYNC},
	{lib9p.LDIRECTORY, unix.O_DIRECTORY},
	{lib9p.LNOATIME, unix.O_NOATIME},
	{lib9p.LSYNC, unix.O_SYNC},
}

// hostFlags returns the flags for open(2). Nothing ever waits in it for
// another process, and no terminal becomes the server's own.
func hostFlags(flags uint32) int {
	host := int(flags&lib9p.LACCMODE) | unix.O_NOCTTY | unix.O_NONBLOCK
	for _, b := range openBits {
		if flags&b.from == b.from {
			host |= b.to
		}
	}
	return host
}

// Open opens the file.
func (f *file) Open(_ context.Context, flags uint32) (srv.Handle, error) {
	t := f.n.t
	if flags&lib9p.LACCMODE != lib9p.LRDONLY || flags&lib9p.LTRUNC != 0 {
		if err := t.changing(); err != nil {
			return nil, err
		}
	}
	path, err := f.n.use()
	if err != nil {
		return nil, err
	}
	defer f.n.done()
	dir, name := t.proc, strconv.Itoa(path)
	if f.n.mode == unix.S_IFDIR {
		dir, name = path, "."
	}
	host := hostFlags(flags)
	fd, err := t.openat(dir, name, host, 0)
	if err != nil && toErrno(err) == lib9p.EPERM && host&unix.O_NOATIME != 0 {
		fd, err = t.openat(dir, name, host&^unix.O_NOATIME, 0) // for the owner only
	}
	if err != nil {
		return nil, err
	}
	st, err := statFd(fd)
	if err != nil {
		unix.Close(fd)
		return nil, err
	}
	f.n.seen(st)
	return f.handle(fd, host), nil
}

// handle makes a Handle of a descriptor of f.
func (f *file) handle(fd, flags int) srv.Handle {
	f.n.ref()
	h := handle{n: f.n, fd: fd, writes: flags&unix.O_ACCMODE != unix.O_RDONLY}
	switch f.n.mode {
	case unix.S_IFDIR:
		return &dirHandle{handle: h, top: f.n == f.top}
	case unix.S_IFREG, unix.S_IFBLK:
		return &fileHandle{h}
	}
	return &streamHandle{h, os.NewFile(uintptr(fd), f.n.name)}
}

// Create makes and opens a regular file. One that is there already is opened as
// Open does it: only what has been found to be in the tree may be truncated.
func (f *file) Create(ctx context.Context, name string, flags uint32, n srv.New) (srv.File, srv.Handle, error) {
	for try := 0; ; try++ {
		c, h, err := f.createNew(name, flags, n)
		if err == nil || toErrno(err) != lib9p.EEXIST || flags&lib9p.LEXCL != 0 {
			return c, h, err
		}
		c, err = f.Walk(ctx, name)
		if err == nil {
			if h, err = f.openOld(ctx, c, flags); err == nil {
				return c, h, nil
			}
			c.Close()
		}
		if toErrno(err) != lib9p.ENOENT || try == tries { // it may have gone meanwhile
			return nil, nil, err
		}
	}
}

func (f *file) openOld(ctx context.Context, c srv.File, flags uint32) (srv.Handle, error) {
	if c.(*file).n.mode == unix.S_IFDIR {
		return nil, lib9p.EISDIR
	}
	return c.Open(ctx, flags&^lib9p.LCREATE)
}

// createNew makes and opens a file that is not there.
func (f *file) createNew(name string, flags uint32, n srv.New) (srv.File, srv.Handle, error) {
	t := f.n.t
	if err := t.canMake(n); err != nil {
		return nil, nil, err
	}
	dir, err := f.usable()
	if err != nil {
		return nil, nil, err
	}
	defer f.n.done()
	host := hostFlags(flags) | unix.O_CREAT | unix.O_EXCL
	var fd int
	err = t.withGid(n.Gid, func() (err error) {
		fd, err = t.openat(dir, name, host, n.Mode&0o7777)
		return err
	})
	if err != nil {
		return nil, nil, err
	}
	st, err := statFd(fd)
	if err == nil {
		if _, err = t.inside(fd, dir, f.top); err != nil {
			// The directory has been moved away since it was looked at.
			if now, serr := statAt(dir, name); serr == nil && identOf(now) == identOf(st) {
				unlink(dir, name, false)
			}
		}
	}
	path := -1
	if err == nil {
		path, err = t.openat(t.proc, strconv.Itoa(fd), unix.O_PATH, 0)
	}
	if err != nil {
		unix.Close(fd)
		return nil, nil, err
	}
	t.mu.Lock()
	c := &file{t.child(f.n, name, st, path), f.top}
	f.top.refs++
	t.mu.Unlock()
	return c, c.handle(fd, host), nil
}

// canMake refuses what cannot be made.
func (t *Tree) canMake(n srv.New) error {
	if n.Qtype&^qtTmp != 0 {
		// A host file has nowhere to keep DMAPPEND and DMEXCL, and who asks for
		// them would lose data without.
		return &lib9p.Error{Ename: "append-only and exclusive-use files are not supported here", Errno: lib9p.EOPNOTSUPP}
	}
	return t.changing()
}

// usable is use for a directory that is about to be changed: it must be below
// what f's client attached to. The caller calls f.n.done.
func (f *file) usable() (fd int, err error) {
	if fd, err = f.n.use(); err != nil {
		return -1, err
	}
	if _, err = f.n.t.inside(fd, fd, f.top); err != nil {
		f.n.done()
		return -1, err
	}
	return fd, nil
}
