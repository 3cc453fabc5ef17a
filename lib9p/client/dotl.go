package client

import (
	"context"
	"fmt"

	"github.com/styxkit/styxkit/lib9p"
)

// The methods of this file are those of 9P2000.L, in the order of their messages' numbers.

// Statfs returns what the server says of its file system.
func (f *Fid) Statfs(ctx context.Context) (*lib9p.Rstatfs, error) {
	return ask[*lib9p.Rstatfs](ctx, f.c, &lib9p.Tstatfs{Fid: f.num}, f)
}

// Lopen prepares the fid for reading and writing. flags are those of lib9p, LRDONLY and so on.
func (f *Fid) Lopen(ctx context.Context, flags uint32) error {
	r, err := ask[*lib9p.Rlopen](ctx, f.c, &lib9p.Tlopen{Fid: f.num, Flags: flags}, f)
	if err != nil {
		return err
	}
	f.opened(r.Qid, r.Iounit)
	return nil
}

// Lcreate makes a regular file in the directory f, which becomes the fid of the new file, open with flags.
func (f *Fid) Lcreate(ctx context.Context, name string, flags, mode, gid uint32) error {
	m := &lib9p.Tlcreate{Fid: f.num, Name: name, Flags: flags, Mode: mode, Gid: gid}
	r, err := ask[*lib9p.Rlcreate](ctx, f.c, m, f)
	if err != nil {
		return err
	}
	f.opened(r.Qid, r.Iounit)
	return nil
}

// Symlink makes a symbolic link to target in the directory f.
func (f *Fid) Symlink(ctx context.Context, name, target string, gid uint32) (lib9p.Qid, error) {
	r, err := ask[*lib9p.Rsymlink](ctx, f.c, &lib9p.Tsymlink{Fid: f.num, Name: name, Target: target, Gid: gid}, f)
	if err != nil {
		return lib9p.Qid{}, err
	}
	return r.Qid, nil
}

// Mknod makes a device, pipe or socket in the directory f; mode says which.
func (f *Fid) Mknod(ctx context.Context, name string, mode, major, minor, gid uint32) (lib9p.Qid, error) {
	m := &lib9p.Tmknod{Dfid: f.num, Name: name, Mode: mode, Major: major, Minor: minor, Gid: gid}
	r, err := ask[*lib9p.Rmknod](ctx, f.c, m, f)
	if err != nil {
		return lib9p.Qid{}, err
	}
	return r.Qid, nil
}

// Rename moves the file f to name in the directory dfid.
func (f *Fid) Rename(ctx context.Context, dfid *Fid, name string) error {
	_, err := ask[*lib9p.Rrename](ctx, f.c, &lib9p.Trename{Fid: f.num, Dfid: dfid.num, Name: name}, f, dfid)
	return err
}

// Readlink returns the target of the symbolic link f.
func (f *Fid) Readlink(ctx context.Context) (string, error) {
	r, err := ask[*lib9p.Rreadlink](ctx, f.c, &lib9p.Treadlink{Fid: f.num}, f)
	if err != nil {
		return "", err
	}
	return r.Target, nil
}

// Getattr returns the file's attributes; mask says which are wanted, lib9p.GetBasic and so on.
func (f *Fid) Getattr(ctx context.Context, mask uint64) (*lib9p.Rgetattr, error) {
	k := f.c.newCall(lib9p.TypeRgetattr)
	defer f.c.free(k)
	k.tgetattr = lib9p.Tgetattr{Fid: f.num, Mask: mask}
	if err := f.c.rpc(ctx, k, &k.tgetattr, f); err != nil {
		return nil, err
	}
	return k.msg.(*lib9p.Rgetattr), nil
}

// Setattr changes the attributes that t.Valid names; t.Fid is not looked at.
func (f *Fid) Setattr(ctx context.Context, t *lib9p.Tsetattr) error {
	m := *t
	m.Fid = f.num
	_, err := ask[*lib9p.Rsetattr](ctx, f.c, &m, f)
	return err
}

// Xattrwalk returns a fid from which the value of the extended attribute can be read, and the value's size.
// With the empty name it is the list of the names, each ended by a zero byte.
func (f *Fid) Xattrwalk(ctx context.Context, name string) (*Fid, uint64, error) {
	g, err := f.c.newFid()
	if err != nil {
		return nil, 0, err
	}
	m, err := f.c.make(ctx, g, 0, &lib9p.Txattrwalk{Fid: f.num, Newfid: g.num, Name: name}, f)
	if err != nil {
		return nil, 0, err
	}
	return g, m.(*lib9p.Rxattrwalk).Size, nil
}

// Xattrcreate turns f into a fid to which size bytes of the extended attribute's value are to be written.
// The server sets the attribute when f is clunked, and that Clunk returns the error; size 0 removes the attribute.
func (f *Fid) Xattrcreate(ctx context.Context, name string, size uint64, flags uint32) error {
	_, err := ask[*lib9p.Rxattrcreate](ctx, f.c, &lib9p.Txattrcreate{Fid: f.num, Name: name, Size: size, Flags: flags}, f)
	return err
}

// Readdir returns entries of the directory, open for reading, in at most count bytes. offset is 0 or the Offset of an
// entry delivered before, behind which the reading goes on. No entries without an error are the end.
func (f *Fid) Readdir(ctx context.Context, offset uint64, count uint32) ([]lib9p.Dirent, error) {
	count = min(count, f.Iounit())
	b := f.c.buffer(int(count))
	defer f.c.recycle(b)
	k := f.c.newCall(lib9p.TypeRreaddir)
	defer f.c.free(k)
	k.dst, k.max = b.b[:count], count
	if err := f.c.rpc(ctx, k, &lib9p.Treaddir{Fid: f.num, Offset: offset, Count: count}, f); err != nil {
		return nil, err
	}
	var ents []lib9p.Dirent
	for rest := b.b[:k.n]; len(rest) > 0; {
		e, more, err := lib9p.NextDirent(rest)
		if err != nil {
			return nil, fmt.Errorf("read directory: %w", err)
		}
		ents, rest = append(ents, e), more
	}
	return ents, nil
}

// Fsync has the server write the file to its disk; datasync leaves out what is not needed to read the data back.
func (f *Fid) Fsync(ctx context.Context, datasync bool) error {
	m := &lib9p.Tfsync{Fid: f.num}
	if datasync {
		m.Datasync = 1
	}
	_, err := ask[*lib9p.Rfsync](ctx, f.c, m, f)
	return err
}

// Lock asks for a lock, or gives one up, and returns the status, lib9p.LockSuccess and so on; t.Fid is not looked at.
func (f *Fid) Lock(ctx context.Context, t lib9p.Tlock) (status uint8, err error) {
	t.Fid = f.num
	r, err := ask[*lib9p.Rlock](ctx, f.c, &t, f)
	if err != nil {
		return lib9p.LockError, err
	}
	return r.Status, nil
}

// Getlock returns a lock that stands in the way of t, or t with LockType LockUnlock; t.Fid is not looked at.
func (f *Fid) Getlock(ctx context.Context, t lib9p.Tgetlock) (*lib9p.Rgetlock, error) {
	t.Fid = f.num
	return ask[*lib9p.Rgetlock](ctx, f.c, &t, f)
}

// Link makes name in the directory f a further name of the file of fid.
func (f *Fid) Link(ctx context.Context, fid *Fid, name string) error {
	_, err := ask[*lib9p.Rlink](ctx, f.c, &lib9p.Tlink{Dfid: f.num, Fid: fid.num, Name: name}, f, fid)
	return err
}

// Mkdir makes a directory in the directory f. Not every server says a true qid.
func (f *Fid) Mkdir(ctx context.Context, name string, mode, gid uint32) (lib9p.Qid, error) {
	r, err := ask[*lib9p.Rmkdir](ctx, f.c, &lib9p.Tmkdir{Dfid: f.num, Name: name, Mode: mode, Gid: gid}, f)
	if err != nil {
		return lib9p.Qid{}, err
	}
	return r.Qid, nil
}

// Renameat moves the name old of the directory f to the name new of the directory newdir.
func (f *Fid) Renameat(ctx context.Context, old string, newdir *Fid, new string) error {
	m := &lib9p.Trenameat{Olddirfid: f.num, Oldname: old, Newdirfid: newdir.num, Newname: new}
	_, err := ask[*lib9p.Rrenameat](ctx, f.c, m, f, newdir)
	return err
}

// Unlinkat removes name from the directory f; flags is 0 or lib9p.UnlinkDir.
func (f *Fid) Unlinkat(ctx context.Context, name string, flags uint32) error {
	_, err := ask[*lib9p.Runlinkat](ctx, f.c, &lib9p.Tunlinkat{Dirfd: f.num, Name: name, Flags: flags}, f)
	return err
}
