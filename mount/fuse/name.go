package fuse

import (
	"context"

	gofuse "github.com/hanwen/go-fuse/v2/fuse"

	"github.com/styxkit/styxkit/lib9p"
	"github.com/styxkit/styxkit/lib9p/client"
)

// made makes something called name and tells the kernel of it.
func (b *bridge) made(interrupt <-chan struct{}, h *gofuse.InHeader, name string, out *gofuse.EntryOut,
	do func(ctx context.Context, dir *client.Fid, gid uint32) error) gofuse.Status {
	c := b.calls.begin(interrupt, h)
	defer c.end()
	dir := b.node(h.NodeId)
	if dir == nil {
		return status(errStale)
	}
	err := b.on(c, dir, true, func(d *client.Fid) error { return do(c, d, b.group(dir, h.Gid)) })
	if err != nil {
		return b.doubt(c, err)
	}
	n, a, err := b.find(c, dir, name)
	if err != nil {
		return status(err)
	}
	b.entry(out, n, a)
	return gofuse.OK
}

// Mkdir answers mkdir(2).
func (b *bridge) Mkdir(interrupt <-chan struct{}, in *gofuse.MkdirIn, name string, out *gofuse.EntryOut) gofuse.Status {
	return b.made(interrupt, &in.InHeader, name, out, func(ctx context.Context, dir *client.Fid, gid uint32) error {
		return b.dialect.mkdir(ctx, dir, name, in.Mode&0o7777, gid)
	})
}

// Mknod answers mknod(2).
func (b *bridge) Mknod(interrupt <-chan struct{}, in *gofuse.MknodIn, name string, out *gofuse.EntryOut) gofuse.Status {
	// As the kernel packs a device's number into 32 bits.
	major, minor := in.Rdev>>8&0xfff, in.Rdev&0xff|in.Rdev>>12&0xfff00
	return b.made(interrupt, &in.InHeader, name, out, func(ctx context.Context, dir *client.Fid, gid uint32) error {
		return b.dialect.mknod(ctx, dir, name, in.Mode, major, minor, gid)
	})
}

// Symlink answers symlink(2).
func (b *bridge) Symlink(interrupt <-chan struct{}, h *gofuse.InHeader, target, name string, out *gofuse.EntryOut) gofuse.Status {
	return b.made(interrupt, h, name, out, func(ctx context.Context, dir *client.Fid, gid uint32) error {
		return b.dialect.symlink(ctx, dir, name, target, gid)
	})
}

// Readlink answers readlink(2).
func (b *bridge) Readlink(interrupt <-chan struct{}, h *gofuse.InHeader) ([]byte, gofuse.Status) {
	c := b.calls.begin(interrupt, h)
	defer c.end()
	n := b.node(h.NodeId)
	if n == nil {
		return nil, status(errStale)
	}
	var target string
	err := b.on(c, n, false, func(f *client.Fid) (err error) {
		target, err = b.dialect.readlink(c, f)
		return err
	})
	return []byte(target), status(err)
}

// Unlink answers unlink(2).
func (b *bridge) Unlink(interrupt <-chan struct{}, h *gofuse.InHeader, name string) gofuse.Status {
	return b.remove(interrupt, h, name, false)
}

// Rmdir answers rmdir(2).
func (b *bridge) Rmdir(interrupt <-chan struct{}, h *gofuse.InHeader, name string) gofuse.Status {
	return b.remove(interrupt, h, name, true)
}

func (b *bridge) remove(interrupt <-chan struct{}, h *gofuse.InHeader, name string, folder bool) gofuse.Status {
	c := b.calls.begin(interrupt, h)
	defer c.end()
	dir := b.node(h.NodeId)
	if dir == nil {
		return status(errStale)
	}
	if !folder {
		if hidden, err := b.hide(c, dir, name); hidden || err != nil {
			return status(err)
		}
	}
	err := b.removeName(c, dir, name, folder)
	if folder && number(err) == lib9p.ENOTEMPTY && b.expose(c, dir, name) {
		err = b.removeName(c, dir, name, folder)
	}
	return b.doubt(c, err)
}

// removeName has the server remove a name.
func (b *bridge) removeName(ctx context.Context, dir *node, name string, folder bool) error {
	err := b.on(ctx, dir, true, func(d *client.Fid) error { return b.dialect.remove(ctx, d, name, folder) })
	b.doubted(err, dir, name)
	if err == nil {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.unplace(dir, name)
	}
	return err
}

// Rename answers rename(2). No dialect can say renameat2's flags.
func (b *bridge) Rename(interrupt <-chan struct{}, in *gofuse.RenameIn, name, newname string) gofuse.Status {
	if in.Flags != 0 {
		return gofuse.EINVAL
	}
	c := b.calls.begin(interrupt, &in.InHeader)
	defer c.end()
	dir, newdir := b.node(in.NodeId), b.node(in.Newdir)
	if dir == nil || newdir == nil {
		return status(errStale)
	}
	old, spare := b.spare(c, newdir, newname)
	err := b.rename(c, dir, name, newdir, newname)
	if old != nil {
		b.spared(c, old, newdir, spare, err == nil)
	}
	return b.doubt(c, err)
}

// rename has the server rename a file and notes that.
func (b *bridge) rename(ctx context.Context, dir *node, name string, newdir *node, newname string) error {
	err := b.on(ctx, dir, true, func(d *client.Fid) error {
		return b.on(ctx, newdir, true, func(e *client.Fid) error {
			return b.dialect.rename(ctx, d, name, e, newname, dir == newdir)
		})
	})
	b.doubted(err, dir, name)
	b.doubted(err, newdir, newname)
	if err == nil {
		b.moved(dir, name, newdir, newname)
	}
	return err
}

// moved notes that a file has another place. There are servers whose fids are paths, so fids are walked anew.
func (b *bridge) moved(dir *node, name string, newdir *node, newname string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.renames++
	n := dir.children[name]
	if n == nil {
		b.unplace(newdir, newname)
		return
	}
	if n == newdir.children[newname] {
		return // two names of one file: nothing has happened
	}
	b.place(n, newdir, newname)
	b.unplace(dir, name)
	b.unstand(n)
	if n.seen.mode&lib9p.ModeFmt == lib9p.ModeDir {
		b.forsakeBelow(n)
	}
}
