//go:build sim || mutate

package sim

import (
	"fmt"
	"math/rand/v2"

	"github.com/styxkit/styxkit/lib9p"
)

// intrude has somebody change the tree who is no client of styxpersist's. What is done is a request that
// nobody sent, of a session that is none, so that the oracle knows of it.
func (w *world) intrude(r *rand.Rand) {
	dir := w.tree.someDir(r)
	names := dir.shown()
	if len(names) == 0 {
		return
	}
	w.now++
	e := dir.entries[names[r.IntN(len(names))]]
	name := [...]string{"a", "b", "c", "d", "e", "f"}[r.IntN(6)]
	switch r.IntN(6) {
	case 0, 1:
		if len(e.node.entries) > 0 {
			return
		}
		e.cut(w.now)
		w.intruded(&lib9p.Tunlinkat{Name: e.name}, dir, dir, nil)
	case 2, 3:
		to := w.tree.someDir(r)
		if e.node.isDir() && to.within(e.node) || to.entries[name] != nil {
			return
		}
		e.move(w.now, to, name, w.intruded(&lib9p.Trenameat{Oldname: e.name, Newname: name}, dir, to, nil))
	case 4:
		if dir.entries[name] != nil {
			return
		}
		w.tree.put(w.now, dir, name, w.tree.newInode(lib9p.ModeRegular|0o644))
		w.intruded(&lib9p.Tmknod{Name: name}, dir, dir, nil)
	default:
		if !e.node.isRegular() {
			return
		}
		data := fmt.Appendf(nil, "<foreign %d>", w.id())
		at := min(uint64(r.IntN(100)), uint64(len(e.node.data)))
		m := &lib9p.Twrite{Offset: at, Data: data}
		o := w.intruded(m, e.node, e.node, &cfid{s: w.stranger, node: e.node, via: e, ready: true, regular: true})
		e.node.set(at, data, o)
		w.changed(e.node, o)
	}
}

// intruded enters what the stranger has done.
func (w *world) intruded(m lib9p.Msg, dir, dir2 *inode, f *cfid) *op {
	o := &op{id: len(w.ops), s: w.stranger, msg: m, typ: lib9p.TypeOf(m), fid: f, dir: dir, dir2: dir2,
		issued: w.now, replied: w.now, outcome: succeeded, execs: []exec{{at: w.now, eff: true}}}
	w.ops = append(w.ops, o)
	w.changes++
	w.trace(evFault, nil, 0, nil, o).text = fmt.Sprintf("somebody else: %s in directories %d, %d", lib9p.Format(lib9p.L, 0, m), dir.path, dir2.path)
	return o
}

// someDir returns the root, or a directory below it.
func (t *tree) someDir(r *rand.Rand) *inode {
	dir := t.root
	for range r.IntN(3) {
		var l []*inode
		for _, name := range dir.sortedNames() {
			if n := dir.entries[name].node; n.isDir() {
				l = append(l, n)
			}
		}
		if len(l) > 0 {
			dir = l[r.IntN(len(l))]
		}
	}
	return dir
}
