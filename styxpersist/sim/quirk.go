//go:build sim || mutate

package sim

import (
	"math/rand/v2"
	"slices"

	"9fans.net/go/plan9"

	"github.com/styxkit/styxkit/lib9p"
)

// Quirks are what servers do differently. A history's server has some.
type quirks struct {
	partialMakes bool // a walk half the way makes newfid all the same, as diod's does
	shaky        bool // directory cookies change with a restart
	tears        bool // what was written of an attribute becomes its value when the connection ends
	exclusive    bool // .L: every Tlcreate wants a new file, as hugelgupf's server does
	noAt         bool // .L: no Tunlinkat and no Trenameat, as Debian's diod
	guarded      bool // a file's mode counts also for its owner
	scarce       bool // for lack of descriptors a walk or an open fails now and then
	pieces       bool // connections after the first have a smaller msize and iounit
	renumbers    bool // when it starts it gives its files other qids
	haunted      bool // connections mostly fall silent, and what they were sent is done when there is another
	visited      bool // somebody else changes the tree
	hasty        bool // it reads from files that have not been opened, and finds nothing in them
}

func drawQuirks(r *rand.Rand) quirks {
	some := func(n int) bool { return r.IntN(n) == 0 }
	return quirks{
		partialMakes: some(2), shaky: some(2), tears: some(2), exclusive: some(4), noAt: some(6),
		guarded: some(2), scarce: some(6), pieces: some(4), visited: some(6), haunted: some(5), renumbers: some(8),
	}
}

// lacks reports whether the server has no descriptor left for what would need one.
func (c *sconn) lacks() bool { return c.w.scarce && !c.w.calm.Load() && c.w.luck.IntN(8) == 0 }

// forbids reports whether n's mode does not allow what flags, or a mode of Topen, ask for.
func (w *world) forbids(n *inode, flags uint32) bool {
	if !w.guarded || n.isDir() {
		return false
	}
	need := [...]uint32{0o400, 0o200, 0o600, 0o400}[flags&3]
	if flags&plan9.OTRUNC != 0 && w.d != lib9p.L || flags&lib9p.LTRUNC != 0 && w.d == lib9p.L {
		need |= 0o200
	}
	return n.mode&need != need
}

// An eased mode is one that styxpersist has changed.
type eased struct {
	was   uint32   // what the file was made with
	by    *session // who changed it last
	epoch uint64   // of the tree then
}

// chmod is a change of n's mode, which no client of ours asks for. styxpersist does where a file was made with a mode that forbids
// what its maker goes on doing, and has to put it back.
func (w *world) chmod(c *sconn, n *inode, mode uint32) {
	if (mode^n.mode)&0o777&^0o600 != 0 {
		w.fail("styxpersist changed the mode of file %d from %o to %o", n.path, n.mode, mode)
	}
	if n.eased == nil {
		n.eased = &eased{was: n.mode}
	}
	n.eased.by, n.eased.epoch = c.sess, w.tree.epoch
	n.mode = n.mode&^0o777 | mode&0o777
}

// modes looks, in the end, whether the modes that styxpersist has changed are as they were. A tree that came back with other
// numbers after the change, and was refused for that, may be another one, in which nothing must be changed.
func (w *world) modes() {
	for _, o := range w.ops {
		for _, n := range [...]*inode{o.dir, o.dir2} {
			if n == nil || n.eased == nil || n.eased.was == n.mode || n.links == 0 || w.misplaced(n) || n.eased.by.refused > n.eased.epoch || n.eased.by.isCutOff() {
				continue
			}
			w.fail("the mode of file %d is %o and was %o", n.path, n.mode, n.eased.was)
			return
		}
	}
}

// borrow takes in that a client opens n with flags, which n's own mode forbids. Where it was another session that has changed the mode,
// nobody can tell this one that it will not be able to open it so again.
func (w *world) borrow(r *sreq, n *inode, flags uint32) {
	if r.op == nil || r.op.fid == nil || n.eased == nil || n.eased.by == r.op.s {
		return
	}
	now := n.mode
	n.mode = n.eased.was
	r.op.fid.borrowed = r.op.fid.borrowed || w.forbids(n, flags)
	n.mode = now
}

// repairs reports whether r, which no client has sent, changes a mode and nothing else.
func (r *sreq) repairs() (mode uint32, ok bool) {
	switch m := r.msg.(type) {
	case *lib9p.Tsetattr:
		return m.Mode, m.Valid == lib9p.SetMode
	case *lib9p.Twstat:
		null := lib9p.NullStat()
		if m.Stat.Mode == null.Mode {
			return 0, false
		}
		null.Mode = m.Stat.Mode
		return uint32(m.Stat.Mode), m.Stat.Dir == null.Dir
	}
	return 0, false
}

// opened returns what a Tlcreate in doubt did where the server insisted on a new file and there was one: an open.
func (w *world) opened(o *op, m lib9p.Msg) *exec {
	t, ok := o.msg.(*lib9p.Tlcreate)
	r, ok2 := m.(*lib9p.Rlcreate)
	if !ok || !ok2 || !w.exclusive && !w.guarded || !o.inDoubt() || t.Flags&lib9p.LEXCL != 0 {
		return nil
	}
	for _, e := range slices.Backward(o.dir.ever) {
		if e.was(o.dir, t.Name) && (e.gone == 0 || e.gone > o.issued) && (e.node.path == r.Qid.Path || w.renumbers) {
			return &exec{node: e.node, via: e}
		}
	}
	return nil
}

// insists reports whether r opens what a Tlcreate was refused for.
func (w *world) insists(c *sconn, r *sreq) bool {
	m, ok := r.msg.(*lib9p.Tlopen)
	f := c.fids[r.frame.U32(lib9p.OffFid)]
	if !ok || !w.exclusive && !w.guarded || f == nil || f.via == nil {
		return false
	}
	for _, o := range c.sess.open() {
		t, ok := o.msg.(*lib9p.Tlcreate)
		if ok && t.Flags&^m.Flags == lib9p.LCREATE && f.via.was(o.dir, t.Name) && o.inDoubt() {
			return true
		}
	}
	return false
}

// misplaced reports whether some session cannot know where n is.
func (w *world) misplaced(n *inode) bool {
	return slices.ContainsFunc(n.names, func(e *entry) bool {
		return slices.ContainsFunc(w.sessions, func(s *session) bool { return s.lost(e) })
	})
}
