package memfs

import (
	"context"
	"slices"

	"github.com/styxkit/styxkit/lib9p"
	"github.com/styxkit/styxkit/lib9p/srv"
)

// An entry is a name in a directory. It goes on with the file when that is
// renamed. Guarded by the tree's mutex.
type entry struct {
	name   string
	dir    *inode
	node   *inode
	cookie uint64 // where a reader of the directory goes on behind it
	dead   bool   // removed
}

// firstCookie is that of "..".
const firstCookie = 2

// cost is what the entry counts.
func (e *entry) cost() int64 { return entryCost + int64(len(e.name)) }

// insert puts an entry into a directory, where no other has its name.
func (d *inode) insert(e *entry) {
	d.last++
	e.dir, e.cookie = d, d.last
	d.names[e.name] = e
	d.order = append(d.order, e)
	if e.node.isDir() {
		d.nlink++
		e.node.parent = d
		e.node.self = e
	}
}

// take takes an entry out of its directory.
func (d *inode) take(e *entry) {
	delete(d.names, e.name)
	d.order[d.find(e.cookie)] = nil
	if d.gone++; d.gone > len(d.order)/2 && d.gone > 16 {
		d.order = slices.Clip(slices.DeleteFunc(d.order, func(e *entry) bool { return e == nil }))
		d.gone = 0
	}
	if e.node.isDir() {
		d.nlink--
	}
}

// find returns the index in order of a cookie, or of the next higher one. Those
// that are gone are taken for their successors.
func (d *inode) find(cookie uint64) int {
	i, j := 0, len(d.order)
	for i < j {
		m := (i + j) / 2
		k := m
		for k < j && d.order[k] == nil {
			k++
		}
		switch {
		case k == j:
			j = m
		case d.order[k].cookie < cookie:
			i = k + 1
		case d.order[k].cookie == cookie:
			return k
		default:
			j = m
		}
	}
	for i < len(d.order) && d.order[i] == nil {
		i++
	}
	return i
}

// add makes an entry for a new file, for which the caller has reserved nothing yet.
func (f *file) add(name string, i *inode, cost int64) (*entry, error) {
	d := f.e.node
	e := &entry{name: name, node: i}
	switch {
	case len(name) > maxName:
		return nil, lib9p.ENAMETOOLONG
	case d.nlink == 0:
		return nil, lib9p.ENOENT // it is removed itself
	}
	if err := f.t.reserve(cost + e.cost()); err != nil {
		return nil, err
	}
	d.insert(e)
	d.touched()
	return e, nil
}

// Create makes a regular file, or opens the one that is there.
func (f *file) Create(ctx context.Context, name string, flags uint32, n srv.New) (srv.File, srv.Handle, error) {
	f.t.mu.Lock()
	e := f.e.node.names[name]
	switch {
	case e == nil:
		i := f.t.newInode(lib9p.ModeRegular|n.Mode&0o7777, n)
		var err error
		if e, err = f.add(name, i, inodeCost); err != nil {
			f.t.files.Add(-1)
			f.t.mu.Unlock()
			return nil, nil, err
		}
	case flags&lib9p.LEXCL != 0:
		f.t.mu.Unlock()
		return nil, nil, lib9p.EEXIST
	}
	c := e.openLocked(f.t, f.top)
	f.t.mu.Unlock()
	h, err := c.Open(ctx, flags)
	if err == nil && c.e.node.isDir() {
		h.Close()
		err = lib9p.EISDIR
	}
	if err != nil {
		c.Close()
		return nil, nil, err
	}
	return c, h, nil
}

// Make makes a file of any kind.
func (f *file) Make(_ context.Context, name string, n srv.New) (q lib9p.Qid, err error) {
	switch {
	case len(n.Target) > 4095:
		return q, lib9p.ENAMETOOLONG
	case n.Mode&lib9p.ModeFmt == lib9p.ModeSymlink && n.Target == "":
		return q, lib9p.ENOENT
	case n.Mode&lib9p.ModeFmt != lib9p.ModeSymlink:
		n.Target = ""
	}
	f.t.mu.Lock()
	defer f.t.mu.Unlock()
	if f.e.node.names[name] != nil {
		return q, lib9p.EEXIST
	}
	i := f.t.newInode(n.Mode, n)
	if _, err := f.add(name, i, inodeCost+int64(len(n.Target))); err != nil {
		f.t.files.Add(-1)
		return q, err
	}
	return i.qid(), nil
}

// Link gives a file another name.
func (f *file) Link(_ context.Context, old srv.File, name string) error {
	o, ok := old.(*file)
	if !ok || o.t != f.t {
		return lib9p.EXDEV
	}
	f.t.mu.Lock()
	defer f.t.mu.Unlock()
	i := o.e.node
	switch {
	case i.isDir():
		return lib9p.EPERM
	case i.nlink == 0:
		return lib9p.ENOENT
	case f.e.node.names[name] != nil:
		return lib9p.EEXIST
	}
	if _, err := f.add(name, i, 0); err != nil {
		return err
	}
	i.nlink++
	i.relinked()
	return nil
}

// Unlink removes a name.
func (f *file) Unlink(_ context.Context, name string, dir bool) error {
	f.t.mu.Lock()
	defer f.t.mu.Unlock()
	e := f.e.node.names[name]
	switch {
	case e == nil:
		return lib9p.ENOENT
	case dir && !e.node.isDir():
		return lib9p.ENOTDIR
	case !dir && e.node.isDir():
		return lib9p.EISDIR
	}
	return f.t.remove(e)
}

// remove takes an entry away. t.mu is held.
func (t *Tree) remove(e *entry) error {
	switch {
	case e.node == t.root:
		return lib9p.EBUSY
	case e.dead:
		return lib9p.ENOENT
	case len(e.node.names) > 0:
		return lib9p.ENOTEMPTY
	}
	e.dir.take(e)
	e.dir.touched()
	t.drop(e)
	return nil
}

// drop ends an entry that is in no directory any more.
func (t *Tree) drop(e *entry) {
	e.dead = true
	t.reserve(-e.cost())
	if e.node.nlink--; e.node.isDir() {
		e.node.nlink = 0
	}
	e.node.relinked()
	e.node.reap()
}

// Rename moves what has a name.
func (f *file) Rename(_ context.Context, name string, to srv.File, newname string) error {
	f.t.mu.Lock()
	defer f.t.mu.Unlock()
	e := f.e.node.names[name]
	if e == nil {
		return lib9p.ENOENT
	}
	return f.t.rename(e, to, newname, true)
}

// Move renames the file.
func (f *file) Move(_ context.Context, to srv.File, newname string, over bool) error {
	f.t.mu.Lock()
	defer f.t.mu.Unlock()
	return f.t.rename(f.e, to, newname, over)
}

// rename moves an entry to another place, over what is there. t.mu is held.
func (t *Tree) rename(e *entry, to srv.File, newname string, over bool) error {
	d, ok := to.(*file)
	if !ok || d.t != t {
		return lib9p.EXDEV
	}
	dir := d.e.node
	old := dir.names[newname]
	switch {
	case e.node == t.root:
		return lib9p.EBUSY
	case e.dead, dir.nlink == 0:
		return lib9p.ENOENT
	case len(newname) > maxName:
		return lib9p.ENAMETOOLONG
	case old != nil && !over:
		return lib9p.EEXIST
	case e.node.isDir() && dir.below(e.node):
		return lib9p.EINVAL
	case old != nil && old.node == e.node:
		return nil // two names of one file
	case old != nil && old.node.isDir() && !e.node.isDir():
		return lib9p.EISDIR
	case old != nil && !old.node.isDir() && e.node.isDir():
		return lib9p.ENOTDIR
	case old != nil && len(old.node.names) > 0:
		return lib9p.ENOTEMPTY
	}
	if err := t.reserve(int64(len(newname) - len(e.name))); err != nil {
		return err
	}
	if old != nil {
		dir.take(old)
		t.drop(old)
	}
	from := e.dir
	from.take(e)
	e.name = newname
	dir.insert(e)
	from.touched()
	dir.touched()
	e.node.relinked()
	return nil
}

// below says whether a directory is top or below it. t.mu is held.
func (i *inode) below(top *inode) bool {
	for ; i != top; i = i.parent {
		if i == i.parent {
			return false
		}
	}
	return true
}
