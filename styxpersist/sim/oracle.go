//go:build sim || mutate

package sim

import (
	"slices"

	"9fans.net/go/plan9"

	"github.com/styxkit/styxkit/lib9p"
)

// recognise finds out whose request r is, which came on c.
func (w *world) recognise(c *sconn, r *sreq) {
	key := keyOf(w.d, r.frame, false)
	changes := mutates(r.msg)
	wrong := (*op)(nil)
	seen := (*op)(nil)
	if h, ok := c.hides(r); ok {
		w.covers(c, r, h)
		return
	}
	if c.unhides(r) {
		return
	}
	if first, _ := r.frame.FidOffsets(); first != 0 && c.fids[r.frame.U32(first)] != nil && c.fids[r.frame.U32(first)].auth {
		return // of the proof
	}
	for _, o := range c.sess.open() {
		if o.key != key {
			continue
		}
		if !c.fits(o, r) {
			wrong = o
			continue
		}
		if slices.Contains(o.sent, c) {
			seen = o
			continue
		}
		o.sent = append(o.sent, c)
		r.op = o
		return
	}
	if !changes || w.rewrites(c, r) {
		return
	}
	if o, from := c.pieceOf(r, c.fits); o != nil && w.pieces {
		o.sent = append(o.sent, c)
		r.op, r.from0, r.part = o, from, true
		return
	}
	name := lib9p.TypeName(r.frame.Type())
	_, repairs := r.repairs()
	switch {
	case repairs, w.insists(c, r):
	case r.frame.Type() == lib9p.TypeTremove && c.sess.closing:
	case seen != nil:
		w.fail("styxpersist sent %s of operation %d twice on one connection", name, seen.id)
	case wrong != nil:
		w.fail("styxpersist sent %s of operation %d on another file than the client's", name, wrong.id)
	default:
		w.fail("styxpersist sent %s, which no client waits for: %s", name, w.format(r.frame))
	}
}

// doubt takes in that r was sent and cannot arrive.
func (w *world) doubt(c *sconn, r *sreq) {
	if h, ok := c.hides(r); ok {
		w.covers(c, r, h)
		return
	}
	key := keyOf(w.d, r.frame, false)
	for _, o := range c.sess.open() {
		if o.key == key && !slices.Contains(o.sent, c) {
			o.sent = append(o.sent, c)
		}
	}
	if o, _ := c.pieceOf(r, func(*op, *sreq) bool { return true }); o != nil {
		o.sent = append(o.sent, c)
	}
}

// open returns what the client waits for, in order.
func (s *session) open() []*op {
	l := make([]*op, 0, len(s.tags))
	for _, o := range s.tags {
		l = append(l, o)
	}
	slices.SortFunc(l, func(a, b *op) int { return a.id - b.id })
	return l
}

// fits reports whether r's fids are at the server what o's are to the client.
func (c *sconn) fits(o *op, r *sreq) bool {
	first, second := r.frame.FidOffsets()
	switch o.typ {
	case lib9p.TypeTversion, lib9p.TypeTattach, lib9p.TypeTflush:
		return true
	case lib9p.TypeTwalk, lib9p.TypeTxattrwalk:
		second = 0
	}
	if num, ok := r.hardLink(); ok && !c.same(o.fid2, num) {
		return false
	}
	return c.same(o.fid, r.frame.U32(first)) && (second == 0 || c.same(o.fid2, r.frame.U32(second)))
}

func (c *sconn) same(f *cfid, num uint32) bool {
	s := c.fids[num]
	if s == nil || f == nil || s.xattrMake && f.xmake && s.xattrSize != uint64(f.xsize) { // of two that write one attribute
		return false
	}
	return s.node == f.node && s.xattrRead == f.xattr && s.open == f.open
}

// changed takes in that o changed the content of n.
func (w *world) changed(n *inode, o *op) {
	n.writes = append(n.writes, o)
	n.version++
}

// executed takes in what the server has done.
func (w *world) executed(c *sconn, r *sreq, reply lib9p.Msg, eff bool, s *sfid) {
	w.timeless(reply)
	if r.early {
		return
	}
	x := exec{at: w.now, reply: reply, eff: eff, c: c}
	if s != nil {
		x.node, x.via = s.node, s.via
	}
	if eff {
		w.changes++
	}
	if r.op == nil || looks(r.op.msg) && r.op.typ != lib9p.TypeTclunk {
		// What only looks is good for every request that asks the same.
		for _, o := range c.sess.open() {
			if o != r.op && o.key == keyOf(w.d, r.frame, false) && looks(o.msg) && !o.late && (o.fid == nil || r.from == o.fid.node) {
				o.execs = append(o.execs, x)
			}
		}
	}
	if r.op == nil {
		return
	}
	o := r.op
	if r.part {
		w.pieceDone(o, r, x)
	} else {
		o.execs = append(o.execs, x)
	}
	if lib9p.ErrorOf(reply) == nil {
		w.checkLocks(c, o, s)
	}
	if !eff {
		return
	}
	name := lib9p.TypeName(o.typ)
	stale := o.renames() && o.s.strayed(o.via, o.issued) // the session may take the new name for the one that the file had
	if o.late && o.effects() > 1 && !w.meddled(o, o.execs[0].at) && !stale && !o.levelled(x.node) {
		w.fail("executed twice: operation %d, %s", o.id, name)
	}
	if o.replied == 0 {
		return
	}
	// It was answered before: the old connection does it late.
	switch {
	case o.outcome == refused && o.late:
		w.fail("operation %d, %s, was executed after the client was told that it had failed", o.id, name)
	case o.outcome == succeeded && !o.late && x.node != nil:
		// A second execution must not destroy what the same client did after the answer; of another, nobody knows.
		for i := len(x.node.writes) - 2; i >= 0; i-- {
			if p := x.node.writes[i]; p != nil && p != o && p.s == o.s && p.issued > o.replied && (p.typ != lib9p.TypeTwrite || slices.Contains(x.node.over, p)) {
				w.fail("operation %d, %s, was executed once more after operation %d, which came after its answer", o.id, name, p.id)
			}
		}
	}
}

// levelled reports whether o writes to the end of n, from which another client has cut something off: then it may be as long
// as the session knew it before o was done.
func (o *op) levelled(n *inode) bool {
	return o.typ == lib9p.TypeTwrite && n != nil && slices.ContainsFunc(n.writes, func(p *op) bool {
		return p != nil && p.s != o.s && p.typ != lib9p.TypeTwrite
	})
}

// looks reports whether m changes nothing at the server that another fid could see.
func looks(m lib9p.Msg) bool { return !mutates(m) || lib9p.TypeOf(m) == lib9p.TypeTxattrcreate }

// apply takes in what a success means to the client.
func (w *world) apply(o *op, m lib9p.Msg, x *exec) {
	f := o.fid
	switch t := o.msg.(type) {
	case *lib9p.Tattach:
		o.makes.ready, o.makes.node, o.makes.dir = true, w.tree.root, true
	case *lib9p.Twalk:
		to := f
		if o.makes != nil {
			to = o.makes
		}
		if len(m.(*lib9p.Rwalk).Wqid) < len(t.Wname) {
			if o.makes != nil {
				delete(o.s.fids, to.num)
			}
			return
		}
		via := f.via // whichever of the file's names the server came by
		if len(t.Wname) > 0 {
			via = x.via
			to.regular, to.missed = false, nil
		}
		to.ready, to.node, to.via, to.dir = true, x.node, via, x.node.isDir()
		to.born = f.born
		to.up = f.up || slices.Contains(t.Wname, "..")
	case *lib9p.Topen:
		f.open, f.opened, f.flags, f.rclose = true, w.now, uint32(t.Mode), t.Mode&plan9.ORCLOSE != 0
	case *lib9p.Tlopen:
		f.open, f.opened, f.flags = true, w.now, t.Flags
	case *lib9p.Tcreate:
		f.rclose = t.Mode&plan9.ORCLOSE != 0
		w.applyCreate(f, x, uint32(t.Mode))
		if w.d == lib9p.U && t.Perm&specials != 0 {
			f.open, f.regular = false, false
		}
	case *lib9p.Tlcreate:
		w.applyCreate(f, x, t.Flags)
	case *lib9p.Tclunk, *lib9p.Tremove:
		delete(o.s.fids, f.num)
		if f.xmake && len(f.xwant) == f.xdone && f.node.xattrs[f.xname] != string(f.xwant) && !o.overwritten() {
			w.fail("operation %d: the clunk that writes attribute %s was acknowledged and has not been done", o.id, f.xname)
		}
	case *lib9p.Tgetattr:
		f.regular = f.regular || f.node.isRegular()
	case *lib9p.Tstat:
		st := &m.(*lib9p.Rstat).Stat
		f.regular = f.regular || st.Mode&plan9.DMDIR == 0 && st.Length > 0
	case *lib9p.Txattrwalk:
		o.makes.ready, o.makes.xattr, o.makes.node, o.makes.via = true, true, f.node, f.via
		o.makes.born = f.born
	case *lib9p.Txattrcreate:
		f.xmake = true
	case *lib9p.Twrite:
		o.count = int(m.(*lib9p.Rwrite).Count)
		if f.xmake {
			f.xdone += len(t.Data)
		}
	case *lib9p.Tread:
		if f.dir {
			w.listed(o, m.(*lib9p.Rread).Data, t.Offset+uint64(len(m.(*lib9p.Rread).Data)))
		}
	case *lib9p.Treaddir:
		w.listed(o, m.(*lib9p.Rreaddir).Data, 0)
	case *lib9p.Tlock:
		w.applyLock(f, t, m.(*lib9p.Rlock).Status)
	}
}

func (w *world) applyCreate(f *cfid, x *exec, flags uint32) {
	f.node, f.via, f.dir = x.node, x.via, x.node.isDir()
	f.open, f.opened, f.flags, f.missed = true, w.now, flags, nil
	f.regular = f.node.isRegular() && !f.node.append && !f.node.excl
}
