//go:build sim || mutate

package sim

import (
	"bytes"
	"cmp"
	"slices"
	"strings"

	"github.com/styxkit/styxkit/lib9p"
)

// setAttr makes v the value of attribute name, which it removes where size is 0.
func (n *inode) setAttr(name string, size uint64, v []byte) {
	if n.xattrs == nil {
		n.xattrs = make(map[string]string)
	}
	if size == 0 {
		delete(n.xattrs, name)
	} else {
		n.xattrs[name] = strings.Clone(string(v))
	}
}

// tear does at the end of a connection what diod does: what was written of an attribute becomes its value, and
// what was not is rubbish.
func (c *sconn) tear() {
	var l []*sfid
	for _, f := range c.fids {
		if f.xattrMake {
			l = append(l, f)
		}
	}
	slices.SortFunc(l, func(a, b *sfid) int {
		return cmp.Or(cmp.Compare(a.node.path, b.node.path), cmp.Compare(a.xattr, b.xattr), bytes.Compare(a.value, b.value))
	})
	for _, f := range l {
		v := append(slices.Clone(f.value), strings.Repeat("#", max(0, int(f.xattrSize)-len(f.value)))...)
		f.node.setAttr(f.xattr, f.xattrSize, v)
		if len(f.value) < int(f.xattrSize) && bytes.Contains(f.value, []byte("-of-")) { // which tells whose it is
			c.w.torn(f)
		}
	}
}

// torn fails where the client has been told that the attribute of which f was a part is written.
func (w *world) torn(f *sfid) {
	for _, o := range w.ops {
		if o.typ == lib9p.TypeTclunk && o.fid.xmake && o.outcome == succeeded && bytes.HasPrefix(o.fid.xwant, f.value) && o.fid.node == f.node {
			w.fail("operation %d: attribute %s was acknowledged and is destroyed late", o.id, f.xattr)
		}
	}
}

// rewrites reports whether styxpersist may send r of its own accord: a part of an attribute
// that a client is writing, to a connection that has not had it.
func (w *world) rewrites(c *sconn, r *sreq) bool {
	if c.sess.deaths == 0 {
		return false
	}
	switch m := r.msg.(type) {
	case *lib9p.Txattrcreate:
		return w.writesAttr(c, m.Fid, func(f *cfid) bool { return f.xname == m.Name && uint64(f.xsize) == m.Size })
	case *lib9p.Twrite:
		s := c.fids[m.Fid]
		if w.soft > 0 && s != nil && s.xattrMake {
			return true // what was begun is brought to an end, though the client may not wait for it any more
		}
		return s != nil && s.xattrMake && w.writesAttr(c, m.Fid, func(f *cfid) bool {
			return f.xname == s.xattr && int(m.Offset)+len(m.Data) <= len(f.xwant) && bytes.Equal(f.xwant[m.Offset:][:len(m.Data)], m.Data)
		})
	}
	return false
}

func (w *world) writesAttr(c *sconn, sfid uint32, ok func(f *cfid) bool) bool {
	s := c.fids[sfid]
	return s != nil && slices.ContainsFunc(c.sess.sorted(), func(f *cfid) bool { return f.xmake && f.node == s.node && ok(f) })
}

// overwritten reports whether another clunk about the attribute that o writes may have been executed since o was, or an end of
// a connection have had that effect.
func (o *op) overwritten() bool {
	for _, s := range o.s.w.sessions {
		for _, f := range s.sorted() {
			if f != o.fid && f.xmake && f.node == o.fid.node && f.xname == o.fid.xname {
				return true
			}
		}
	}
	for _, p := range o.s.w.ops {
		if p != o && p.typ == lib9p.TypeTclunk && p.fid.xmake && p.fid.node == o.fid.node && p.fid.xname == o.fid.xname && (p.replied == 0 || p.replied > o.issued) {
			return true
		}
	}
	return false
}
