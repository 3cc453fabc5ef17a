package fuse

import (
	"context"

	gofuse "github.com/hanwen/go-fuse/v2/fuse"

	"github.com/styxkit/styxkit/lib9p"
	"github.com/styxkit/styxkit/lib9p/client"
)

// linkable reports whether attributes are of a file that may have other names.
func linkable(a *lib9p.Rgetattr) bool {
	return a.Nlink > 1 && a.Mode&lib9p.ModeFmt == lib9p.ModeRegular && a.Valid&lib9p.GetCtime != 0
}

// twin returns the node that the kernel has for the file of attributes a under a name other than this, or nil. The
// kernel should have one inode for all names of a file, or what is written by one name is not seen by another for a
// while. The qid alone does not prove that two names are one file: there are servers that make it of the
// inode number and leave the device out. So all attributes must agree, the time of the last change to the nanosecond.
func (b *bridge) twin(ctx context.Context, dir *node, name string, a *lib9p.Rgetattr) *node {
	if !linkable(a) {
		return nil
	}
	b.mu.Lock()
	n, known := b.links[a.Qid.Path], dir.children[name]
	b.mu.Unlock()
	if n == nil || n == known {
		return nil
	}
	other, err := b.getattr(ctx, n, nil)
	if err != nil || !same(other.Qid, a.Qid) || other.Ctime != a.Ctime || other.Mtime != a.Mtime || other.Size != a.Size ||
		other.Nlink != a.Nlink || other.Mode != a.Mode || other.Uid != a.Uid || other.Gid != a.Gid {
		return nil
	}
	return n
}

// Link gives a file a further name.
func (b *bridge) Link(interrupt <-chan struct{}, in *gofuse.LinkIn, name string, out *gofuse.EntryOut) gofuse.Status {
	c := b.calls.begin(interrupt, &in.InHeader)
	defer c.end()
	dir, n := b.node(in.NodeId), b.node(in.Oldnodeid)
	if dir == nil || n == nil {
		return status(errStale)
	}
	err := b.on(c, n, false, func(f *client.Fid) error {
		return b.on(c, dir, true, func(d *client.Fid) error { return b.dialect.link(c, d, f, name) })
	})
	if err != nil {
		return b.doubt(c, err)
	}
	a, err := b.getattr(c, n, nil)
	if err != nil {
		return status(err)
	}
	b.entry(out, b.enter(dir, name, nil, a, n), a)
	return gofuse.OK
}
