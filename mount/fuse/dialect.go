package fuse

import (
	"context"

	"github.com/styxkit/styxkit/lib9p"
	"github.com/styxkit/styxkit/lib9p/client"
)

// A dialect is what the protocols say in different messages. Attributes, flags, modes and numbers are those of
// Linux, as 9P2000.L has them; the older dialects translate. A directory's fid stays what it is.
type dialect interface {
	getattr(ctx context.Context, f *client.Fid) (*lib9p.Rgetattr, error)
	setattr(ctx context.Context, f *client.Fid, t *lib9p.Tsetattr) error
	// open opens f with flags, lib9p.LRDONLY and so on.
	open(ctx context.Context, f *client.Fid, flags uint32) error
	// create makes a regular file, and returns a fid that is open with flags. Without LEXCL the file may be there.
	create(ctx context.Context, dir *client.Fid, name string, flags, mode, gid uint32) (*client.Fid, error)
	mkdir(ctx context.Context, dir *client.Fid, name string, mode, gid uint32) error
	mknod(ctx context.Context, dir *client.Fid, name string, mode, major, minor, gid uint32) error
	symlink(ctx context.Context, dir *client.Fid, name, target string, gid uint32) error
	readlink(ctx context.Context, f *client.Fid) (string, error)
	link(ctx context.Context, dir, f *client.Fid, name string) error
	// rename moves name in dir to newname in newdir, over what is there; sibling says that these are one directory.
	rename(ctx context.Context, dir *client.Fid, name string, newdir *client.Fid, newname string, sibling bool) error
	// remove removes name from dir; folder says that it is a directory.
	remove(ctx context.Context, dir *client.Fid, name string, folder bool) error
	fsync(ctx context.Context, f *client.Fid, datasync bool) error
	statfs(ctx context.Context, f *client.Fid) (*lib9p.Rstatfs, error)
	// readdir returns the entries of d behind an offset; none are the end.
	readdir(ctx context.Context, d *handle, offset uint64) ([]entry, error)
}

// An entry is what is read of a directory.
type entry struct {
	lib9p.Dirent
	attr *lib9p.Rgetattr // nil where they are to be asked for
}

// linux is 9P2000.L.
type linux struct {
	noRenameat sticky // the server wants Trename
	noUnlinkat sticky // the server wants Tremove
}

func (*linux) getattr(ctx context.Context, f *client.Fid) (*lib9p.Rgetattr, error) {
	return f.Getattr(ctx, lib9p.GetBasic|lib9p.GetBtime)
}

func (*linux) setattr(ctx context.Context, f *client.Fid, t *lib9p.Tsetattr) error {
	return f.Setattr(ctx, t)
}

func (*linux) open(ctx context.Context, f *client.Fid, flags uint32) error {
	return f.Lopen(ctx, flags)
}

func (*linux) create(ctx context.Context, dir *client.Fid, name string, flags, mode, gid uint32) (*client.Fid, error) {
	f, err := dir.Clone(ctx)
	if err != nil {
		return nil, err
	}
	return opened(f, f.Lcreate(ctx, name, flags, mode, gid))
}

func (*linux) mkdir(ctx context.Context, dir *client.Fid, name string, mode, gid uint32) error {
	_, err := dir.Mkdir(ctx, name, mode, gid)
	return err
}

func (*linux) mknod(ctx context.Context, dir *client.Fid, name string, mode, major, minor, gid uint32) error {
	_, err := dir.Mknod(ctx, name, mode, major, minor, gid)
	return err
}

func (*linux) symlink(ctx context.Context, dir *client.Fid, name, target string, gid uint32) error {
	_, err := dir.Symlink(ctx, name, target, gid)
	return err
}

func (*linux) readlink(ctx context.Context, f *client.Fid) (string, error) { return f.Readlink(ctx) }

func (*linux) link(ctx context.Context, dir, f *client.Fid, name string) error {
	return dir.Link(ctx, f, name)
}

func (l *linux) rename(ctx context.Context, dir *client.Fid, name string, newdir *client.Fid, newname string, _ bool) error {
	if !l.noRenameat.is() {
		err := dir.Renameat(ctx, name, newdir, newname)
		if !unsupported(err) {
			return err
		}
		l.noRenameat.set()
	}
	f, err := dir.Walk(ctx, name)
	if err != nil {
		return err
	}
	defer discard(f)
	return f.Rename(ctx, newdir, newname)
}

func (l *linux) remove(ctx context.Context, dir *client.Fid, name string, folder bool) error {
	if !l.noUnlinkat.is() {
		flags := uint32(0)
		if folder {
			flags = lib9p.UnlinkDir
		}
		err := dir.Unlinkat(ctx, name, flags)
		if !unsupported(err) {
			return err
		}
		l.noUnlinkat.set()
	}
	f, err := dir.Walk(ctx, name)
	if err != nil {
		return err
	}
	return f.Remove(ctx)
}

func (*linux) fsync(ctx context.Context, f *client.Fid, datasync bool) error {
	return f.Fsync(ctx, datasync)
}

func (*linux) statfs(ctx context.Context, f *client.Fid) (*lib9p.Rstatfs, error) {
	return f.Statfs(ctx)
}

func (*linux) readdir(ctx context.Context, d *handle, offset uint64) ([]entry, error) {
	list, err := d.fid().Readdir(ctx, offset, readdirSize)
	if err != nil {
		return nil, err
	}
	entries := make([]entry, len(list))
	for i, e := range list {
		entries[i].Dirent = e
	}
	return entries, nil
}
