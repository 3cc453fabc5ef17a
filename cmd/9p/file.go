//go:build linux

package main

import (
	"context"
	"errors"
	"os"
	"strconv"
	"sync"
	"syscall"

	"9fans.net/go/plan9"

	"github.com/styxkit/styxkit/lib9p"
	"github.com/styxkit/styxkit/lib9p/client"
)

func (f file) linux() bool { return f.root.Conn().Dialect() == lib9p.L }

func (f file) name() string {
	if len(f.names) == 0 {
		return "/"
	}
	return f.names[len(f.names)-1]
}

// parent walks to the directory that f is in, for the making of f.
func (f file) parent(ctx context.Context) (*client.Fid, error) {
	if len(f.names) == 0 {
		return nil, errors.New("the root is there already")
	}
	return f.root.Walk(ctx, f.names[:len(f.names)-1]...)
}

// open opens f with a mode of open(5).
func (f file) open(ctx context.Context, mode uint8) (*client.Fid, error) {
	fid, err := f.root.Walk(ctx, f.names...)
	if err != nil {
		return nil, err
	}
	if f.linux() {
		flags := uint32(mode & 3) // the numbers are the same
		if mode&plan9.OTRUNC != 0 {
			flags |= lib9p.LTRUNC
		}
		err = fid.Lopen(ctx, flags)
	} else {
		err = fid.Open(ctx, mode)
	}
	if err != nil {
		fid.Clunk(ctx)
		return nil, err
	}
	return fid, nil
}

// make makes f, which must not exist.
func (f file) make(ctx context.Context, dir bool) error {
	fid, err := f.parent(ctx)
	if err != nil {
		return err
	}
	defer fid.Clunk(ctx)
	perm := uint32(0o666)
	if dir {
		perm = 0o777
	}
	perm &^= umask()
	if f.linux() {
		if dir {
			_, err := fid.Mkdir(ctx, f.name(), perm, uint32(os.Getgid()))
			return err
		}
		return fid.Lcreate(ctx, f.name(), lib9p.LWRONLY|lib9p.LCREATE|lib9p.LEXCL, perm, uint32(os.Getgid()))
	}
	// Tcreate of a file that exists is left to the server, and some truncate it.
	if there, err := fid.Walk(ctx, f.name()); err == nil {
		there.Clunk(ctx)
		return &lib9p.Error{Errno: lib9p.EEXIST}
	}
	if dir {
		perm |= plan9.DMDIR
	}
	return fid.Create(ctx, f.name(), perm, plan9.OREAD, "")
}

func umask() uint32 {
	mask := syscall.Umask(0)
	syscall.Umask(mask)
	return uint32(mask)
}

// dir returns the directory entry of the file that fid, named name, stands for.
func (f file) dir(ctx context.Context, fid *client.Fid, name string) (plan9.Dir, error) {
	if !f.linux() {
		s, err := fid.Stat(ctx)
		return s.Dir, err
	}
	a, err := fid.Getattr(ctx, lib9p.GetBasic)
	if err != nil {
		return plan9.Dir{}, err
	}
	uid, gid := strconv.Itoa(int(a.Uid)), strconv.Itoa(int(a.Gid))
	return plan9.Dir{
		Qid: a.Qid, Mode: permOf(a.Mode), Atime: uint32(a.Atime.Sec), Mtime: uint32(a.Mtime.Sec),
		Length: a.Size, Name: name, Uid: uid, Gid: gid, Muid: uid,
	}, nil
}

// permOf turns a mode of Linux into one of stat(5) and its extension.
func permOf(mode uint32) plan9.Perm {
	p := plan9.Perm(mode & 0o777)
	for _, b := range []struct {
		typ  uint32
		perm plan9.Perm
	}{
		{lib9p.ModeDir, plan9.DMDIR},
		{lib9p.ModeSymlink, plan9.DMSYMLINK},
		{lib9p.ModeBlock, plan9.DMDEVICE},
		{lib9p.ModeChar, plan9.DMDEVICE},
		{lib9p.ModePipe, plan9.DMNAMEDPIPE},
		{lib9p.ModeSocket, plan9.DMSOCKET},
	} {
		if mode&lib9p.ModeFmt == b.typ {
			p |= b.perm
		}
	}
	return p
}

// list returns the entries of the directory f, in the server's order. With only names it does not ask for more.
func (f file) list(ctx context.Context, namesOnly bool) ([]plan9.Dir, error) {
	fid, err := f.open(ctx, plan9.OREAD)
	if err != nil {
		return nil, err
	}
	defer fid.Clunk(ctx)
	var all []plan9.Dir
	for off := uint64(0); ; {
		n := len(all)
		if f.linux() {
			ents, err := fid.Readdir(ctx, off, fid.Iounit())
			if err != nil || len(ents) == 0 {
				return f.fill(ctx, all, namesOnly, err)
			}
			for _, e := range ents {
				off = e.Offset
				if e.Name != "." && e.Name != ".." {
					all = append(all, plan9.Dir{Name: e.Name})
				}
			}
			continue
		}
		var stats []lib9p.Stat
		if stats, off, err = fid.ReadDirStats(ctx, off, fid.Iounit()); err != nil {
			return nil, err
		}
		for _, s := range stats {
			all = append(all, s.Dir)
		}
		if len(all) == n {
			return all, nil
		}
	}
}

// fill asks for the attributes of entries that have a name only. What has gone meanwhile is left out.
func (f file) fill(ctx context.Context, names []plan9.Dir, namesOnly bool, err error) ([]plan9.Dir, error) {
	if namesOnly || err != nil {
		return names, err
	}
	dir, err := f.root.Walk(ctx, f.names...)
	if err != nil {
		return nil, err
	}
	defer dir.Clunk(ctx)
	errs := make([]error, len(names))
	var all sync.WaitGroup
	slots := make(chan bool, 16) // so many at a time
	for i := range names {
		slots <- true
		all.Go(func() {
			defer func() { <-slots }()
			fid, err := dir.Walk(ctx, names[i].Name)
			if err == nil {
				defer fid.Clunk(ctx)
				names[i], err = f.dir(ctx, fid, names[i].Name)
			}
			errs[i] = err
		})
	}
	all.Wait()
	var there []plan9.Dir
	for i, err := range errs {
		switch {
		case err == nil:
			there = append(there, names[i])
		case !errors.Is(err, lib9p.ENOENT):
			return nil, err
		}
	}
	return there, nil
}
