package styxpersist

import (
	"github.com/styxkit/styxkit/lib9p"
)

// learnWrite keeps account of a file's length.
func (s *session) learnWrite(r *request, count uint64) {
	if r.fid.attr != nil {
		s.learnAttrWrite(r.fid.attr, r.offset(), r.data()[:count])
	}
	if r.fid.role != roleFile {
		return
	}
	c := r.fid.node.content()
	c.changed = s.seq
	if s.appends(r.fid) {
		c.length += count
		return
	}
	c.length = max(c.length, r.offset()+count)
	if c.writing > 1 {
		c.known = false
	}
}

func (s *session) learnAttr(r *request, f lib9p.Frame) {
	const offMode = lib9p.OffBody + 8 + lib9p.QidSize
	const offLinks, offSize = offMode + 12, offMode + 12 + 16
	n := r.fid.node
	if r.fid.role != roleFile {
		return
	}
	valid := f.U64(lib9p.OffBody)
	if n.hidden && valid&lib9p.GetNlink != 0 && f.U64(offLinks) > 0 {
		f.PutU64(offLinks, f.U64(offLinks)-1) // the hidden name is none
	}
	if valid&lib9p.GetMode != 0 {
		n.kind = kindOfMode(f.U32(offMode))
	}
	n.learnLook(f, valid, r.seq)
	if valid&lib9p.GetSize != 0 {
		s.learnLength(r, f.U64(offSize))
	}
}

func (s *session) learnStat(r *request, f lib9p.Frame) {
	if r.fid.role != roleFile {
		return
	}
	_, m, err := lib9p.Unpack(s.d, f)
	if err != nil {
		return
	}
	st := &m.(*lib9p.Rstat).Stat
	if k := kindOfStat(st); k != kindUnknown {
		r.fid.node.kind = k
	}
	n := r.fid.node
	n.look, n.told = look{timed: true, length: st.Length, sec: uint64(st.Mtime), version: st.Qid.Vers}, r.seq
	s.learnLength(r, st.Length)
}

// emptied takes in that n was made, or truncated. What is written at the same time may be there still.
func (s *session) emptied(n *node) {
	c := n.content()
	c.length, c.changed, c.known = 0, s.seq, c.writing == 0
}

// lengthUnknown takes in that a file's length may have been changed.
func (s *session) lengthUnknown(n *node) { n.content().unknown(s.seq) }

func (c *content) unknown(seq uint64) { c.known, c.changed = false, seq }

// learnLength takes a length that the server told, unless a write is under way
// or has been answered since it was asked for: it may or may not count that.
func (s *session) learnLength(r *request, length uint64) {
	c := r.fid.node.content()
	c.length = length
	c.known = c.writing == 0 && r.seq > c.changed
}
