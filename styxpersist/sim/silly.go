//go:build sim || mutate

package sim

import (
	"slices"

	"github.com/styxkit/styxkit/lib9p"
	"github.com/styxkit/styxkit/lib9p/hidden"
)

// With Config.Silly a regular file that is removed while a client has it open gets a hidden name instead, and one whose name another
// takes gets one beside, before. To the oracle such a rename is the client's request that it stands for. A file that is
// hidden is there for those who have it open, through every death of a connection, and for nobody else; and
// in the end no hidden name is left.

// A hiding is what a request of styxpersist's own does that gives a file a hidden name.
type hiding struct {
	e    *entry // by which the file is found; nil where there is none
	as   string
	link bool // the file keeps its other name
}

// hides reports whether r gives a file a hidden name, and returns which.
func (c *sconn) hides(r *sreq) (h hiding, ok bool) {
	of := func(num uint32) *entry {
		if f := c.fids[num]; f != nil {
			return f.via
		}
		return nil
	}
	switch m := r.msg.(type) {
	case *lib9p.Trenameat:
		if h.as = m.Newname; c.fids[m.Olddirfid] != nil {
			h.e = c.fids[m.Olddirfid].node.entries[m.Oldname]
		}
	case *lib9p.Trename:
		h.as, h.e = m.Name, of(m.Fid)
	case *lib9p.Twstat:
		h.as, h.e = m.Stat.Name, of(m.Fid)
	case *lib9p.Tlink:
		h.as, h.e, h.link = m.Name, of(m.Fid), true
	case *lib9p.Tcreate:
		if num, ok := r.hardLink(); ok {
			h.as, h.e, h.link = m.Name, of(num), true
		}
	}
	return h, hidden.Is(h.as)
}

func (e *entry) isHidden() bool { return e != nil && hidden.Is(e.name) }

// unhides reports whether r removes a hidden name that the session has given: no client's Tremove is sent to such a file.
func (c *sconn) unhides(r *sreq) bool {
	m, ok := r.msg.(*lib9p.Tremove)
	f := (*sfid)(nil)
	if ok {
		f = c.fids[m.Fid]
	}
	return f != nil && f.via.isHidden() && f.via.by == c.sess
}

// covers finds out for which of a client's requests r is, which gives a file a hidden name that has another.
func (w *world) covers(c *sconn, r *sreq, h hiding) {
	if r.hideFor != nil || h.e == nil || h.e.gone != 0 || h.e.by == c.sess {
		return
	}
	var all []*op
	for _, o := range c.sess.open() {
		switch {
		case h.link && o.renames() && slices.ContainsFunc(h.e.past, o.about):
			r.hideFor = o
			return
		case !h.link && o.removes(h.e) && (o.rebuffed || !slices.Contains(o.covered, c)):
			o.tried = append(o.tried, c)
			all = append(all, o)
		}
	}
	if len(all) == 0 {
		w.fail("styxpersist hides file %d, which no client removes: %s", h.e.node.path, w.format(r.frame))
		return
	}
	if r.hideFor = all[0]; len(all) == 1 { // which it is, of several, cannot be seen
		r.op, all[0].covered = all[0], append(all[0].covered, c)
	}
}

// removes reports whether o removes e, as its client sees it.
func (o *op) removes(e *entry) bool {
	switch m := o.msg.(type) {
	case *lib9p.Tunlinkat:
		return o.dir == e.dir && m.Name == e.name
	case *lib9p.Tremove:
		return o.dir == e.node
	case *lib9p.Tclunk:
		return o.fid.rclose && o.dir == e.node
	}
	return false
}

// removers returns the requests for any of which h may be: which it is, when there are several, cannot be seen.
func (s *session) removers(h hiding) []*op {
	if h.e == nil || h.link {
		return nil
	}
	return slices.DeleteFunc(s.open(), func(o *op) bool { return !o.removes(h.e) })
}

// hid takes in what the server has done to h.
func (w *world) hid(c *sconn, r *sreq, h hiding, reply lib9p.Msg, removers []*op) {
	if err := lib9p.ErrorOf(reply); err != nil {
		if r.hideFor != nil {
			removers = append(removers, r.hideFor)
		}
		for _, o := range removers {
			o.rebuffed, o.bared = true, o.bared || err.Number() != lib9p.EOPNOTSUPP
		}
		return
	}
	for _, e := range h.e.node.names {
		if e.gone == 0 && e.name == h.as {
			e.by = c.sess
		}
	}
	for _, o := range removers {
		o.hidden = true
	}
}

// cut takes e away, as r says. With Silly the file has a hidden name for those who had it open by e, unless they could not be spared.
func (w *world) cut(r *sreq, e *entry) {
	if o := r.op; w.silly && o != nil && e.node.isRegular() && !e.isHidden() && !o.s.lost(e) && !o.s.lost(o.via) {
		for _, f := range o.s.sorted() {
			if f.via != e || f == o.fid || !f.kept(o.issued) {
				continue
			}
			if e.heir = o.s.hiddenName(e.node); e.heir == nil && !o.bared && !o.s.mayDie(f) {
				w.fail("operation %d, %s, removed file %d, which fid %d has open", o.id, lib9p.TypeName(o.typ), e.node.path, f.num)
			}
		}
	}
	e.cut(w.now)
}

// hiddenName returns the last hidden name that s has given n, if it is there.
func (s *session) hiddenName(n *inode) (last *entry) {
	for _, e := range n.names {
		if e.gone == 0 && e.isHidden() && e.by == s {
			last = e
		}
	}
	return last
}

// unhide looks, before styxpersist removes the hidden name e, whether nobody has the file open.
func (w *world) unhide(c *sconn, e *entry) {
	s := c.sess
	if s.closing || slices.ContainsFunc(s.open(), func(o *op) bool { return e.dir.up != nil && o.removes(e.dir.up) }) {
		return
	}
	for _, f := range s.sorted() {
		if f.via != nil && (f.via == e || f.via.heir == e) && f.kept(w.now) && !s.mayDie(f) && !s.lost(f.via) {
			w.fail("styxpersist removes file %d, which was removed and fid %d has open", e.node.path, f.num)
		}
	}
}

// kept reports whether the client has had f open since, and means to keep it.
func (f *cfid) kept(since int) bool {
	if !f.open || f.dead || f.opened > since {
		return false
	}
	for _, o := range f.s.tags {
		if o.fid == f && (o.typ == lib9p.TypeTclunk || o.typ == lib9p.TypeTremove) {
			return false
		}
	}
	return true
}

// vanished reports whether o, which was refused with e, is what a client may not do to a file that it has removed.
func (o *op) vanished(e *lib9p.Error) bool {
	if !o.s.w.silly || e.Number() != lib9p.ENOENT {
		return false
	}
	switch o.typ {
	case lib9p.TypeTremove, lib9p.TypeTrename, lib9p.TypeTwstat, lib9p.TypeTopen, lib9p.TypeTlopen:
		return o.s.mayBeHidden(o.fid)
	}
	for _, f := range [...]*cfid{o.fid, o.fid2} { // the second is what is linked, and nobody keeps the file for a fid that is not open
		if f != nil && !f.open && o.s.mayBeHidden(f) {
			return true
		}
	}
	return false
}

// mayBeHidden reports whether the session may take f's file for hidden, or for gone since.
func (s *session) mayBeHidden(f *cfid) bool {
	if f == nil || f.via == nil {
		return false
	}
	return f.via.by == s || f.via.gone != 0 || s.lost(f.via) || s.mayHaveReplaced(f.via)
}

// mayHaveReplaced reports whether the session has told its client that nobody knows whether a rename took e's place: it
// takes the file for hidden then, which is there in any case.
func (s *session) mayHaveReplaced(e *entry) bool {
	return slices.ContainsFunc(s.w.ops, func(o *op) bool {
		return o.s == s && o.outcome == undecided && o.renames() && slices.ContainsFunc(e.past, o.about)
	})
}

// leftovers looks, in the end, whether a file is left under a hidden name. Where the files have other numbers, and the client has no
// fids, nothing shows the session that it is where it was, and the name goes with the session.
func (w *world) leftovers() {
	if w.tree.epoch > 0 {
		return
	}
	var down func(dir *inode)
	down = func(dir *inode) {
		for _, name := range dir.sortedNames() {
			e := dir.entries[name]
			if e.node.isDir() {
				down(e.node)
			}
			s := e.by
			if s == nil || s.live == nil || s.live.dead || s.refused > 0 || s.lost(e) {
				continue
			}
			if e.stays() {
				w.fail("file %d, which was removed, is left as %s in directory %d", e.node.path, name, dir.path)
			}
		}
	}
	down(w.tree.root)
}

// stays reports whether the hidden name e is, or was, the only one of a file: another that is beside one is not
// looked for where a connection has died.
func (e *entry) stays() bool {
	return len(e.past) > 1 || slices.ContainsFunc(e.node.names, func(n *entry) bool { return n.heir == e })
}
