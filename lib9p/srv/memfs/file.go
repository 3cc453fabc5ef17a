package memfs

import (
	"context"

	"github.com/styxkit/styxkit/lib9p"
	"github.com/styxkit/styxkit/lib9p/srv"
)

// A file is an entry as seen by who attached at top.
type file struct {
	t   *Tree
	e   *entry
	top *inode
}

// open returns a file for the entry and counts it.
func (e *entry) open(t *Tree, top *inode) *file {
	t.mu.Lock()
	defer t.mu.Unlock()
	return e.openLocked(t, top)
}

func (e *entry) openLocked(t *Tree, top *inode) *file {
	e.node.refs++
	return &file{t: t, e: e, top: top}
}

func (f *file) Close() {
	f.t.mu.Lock()
	defer f.t.mu.Unlock()
	f.e.node.forget()
}

func (f *file) Qid() lib9p.Qid { return f.e.node.qid() }

// Walk takes one step.
func (f *file) Walk(_ context.Context, name string) (srv.File, error) {
	f.t.mu.Lock()
	defer f.t.mu.Unlock()
	if name == ".." {
		return f.up()
	}
	e := f.e.node.names[name]
	switch {
	case !f.e.node.isDir():
		return nil, lib9p.ENOTDIR
	case len(name) > maxName:
		return nil, lib9p.ENAMETOOLONG
	case e == nil:
		return nil, lib9p.ENOENT
	}
	return e.openLocked(f.t, f.top), nil
}

// up is the walk to "..". f.t.mu is held.
func (f *file) up() (*file, error) {
	dir := f.e.dir
	if f.e.node.isDir() {
		dir = f.e.node.parent
	}
	switch {
	case f.e.node == f.top:
		dir = f.top
	case !dir.below(f.top):
		return nil, lib9p.ESTALE // moved away from below what was attached to
	}
	return dir.self.openLocked(f.t, f.top), nil
}

func (f *file) Stat(context.Context) (srv.Attr, error) { return f.e.node.attr(), nil }

func (f *file) SetAttr(_ context.Context, c srv.Change) error { return f.e.node.setAttr(c) }

func (f *file) Readlink(context.Context) (string, error) {
	if f.e.node.target == "" {
		return "", lib9p.EINVAL
	}
	return f.e.node.target, nil
}

// StatFS tells of the limit.
func (f *file) StatFS(context.Context) (lib9p.Rstatfs, error) {
	const bsize = 4096
	blocks := uint64(f.t.limit) / bsize
	free := blocks - min(blocks, uint64(max(f.t.used.Load(), 0)+bsize-1)/bsize)
	files, ffree := uint64(f.t.files.Load()), free*bsize/(inodeCost+entryCost)
	const tmpfs = 0x01021994
	return lib9p.Rstatfs{FSType: tmpfs, Bsize: bsize, Blocks: blocks, Bfree: free, Bavail: free,
		Files: files + ffree, Ffree: ffree, Fsid: f.t.root.path, Namelen: maxName}, nil
}

// Name returns the name that the file has, or had last.
func (f *file) Name() string {
	f.t.mu.RLock()
	defer f.t.mu.RUnlock()
	if f.e.node == f.top {
		return "/"
	}
	return f.e.name
}

// Dir returns the directory that the file is in.
func (f *file) Dir(context.Context) (srv.File, error) {
	f.t.mu.Lock()
	defer f.t.mu.Unlock()
	return f.up()
}

// Remove removes the name that the fid came by.
func (f *file) Remove(context.Context) error {
	f.t.mu.Lock()
	defer f.t.mu.Unlock()
	if f.e.node == f.top {
		return lib9p.EBUSY
	}
	return f.t.remove(f.e)
}
