package styxpersist

import (
	"math"
	"slices"

	"github.com/styxkit/styxkit/lib9p"
)

// A change of a file's content that is sent again, to the same place, does no harm by itself. But as long as the old connection
// may do it still, it may do so after something newer, and undo that. So what is newer, and touches the
// same bytes, is held until the old connection is drained.

// A hazard is a change of a file's bytes that an old connection may make still.
type hazard struct {
	srv  *server
	seq  uint64 // the request's
	qid  lib9p.Qid
	from uint64
	to   uint64 // the byte behind the last
}

// changes returns which bytes of which file r changes, by offset.
func (s *session) changes(r *request) (n *node, from, to uint64) {
	if r.fid == nil || r.fid.node == nil || r.fid.role != roleFile {
		return nil, 0, 0
	}
	n = r.fid.node
	switch r.typ {
	case lib9p.TypeTwrite:
		from = r.frame.U64(lib9p.OffOffset)
		to = from + uint64(r.frame.U32(lib9p.OffCount))
		if s.appends(r.fid) {
			return nil, 0, 0 // a proof decides
		}
		return n, from, to
	case lib9p.TypeTopen:
		if s.truncates(uint32(r.frame[lib9p.OffFid+4])) {
			return n, 0, math.MaxUint64
		}
	case lib9p.TypeTlopen:
		if s.truncates(r.frame.U32(lib9p.OffFid + 4)) {
			return n, 0, math.MaxUint64
		}
	case lib9p.TypeTlcreate:
		m := r.msg(s.d).(*lib9p.Tlcreate)
		if c := n.children[m.Name]; c != nil && s.truncates(m.Flags) {
			return c, 0, math.MaxUint64
		}
	case lib9p.TypeTsetattr:
		if m := r.msg(s.d).(*lib9p.Tsetattr); m.Valid&lib9p.SetSize != 0 {
			return n, 0, math.MaxUint64
		}
	case lib9p.TypeTwstat:
		if m := r.msg(s.d).(*lib9p.Twstat); m.Stat.Length != math.MaxUint64 {
			return n, 0, math.MaxUint64
		}
	}
	return nil, 0, 0
}

// endanger enters what srv, which is dead and not fenced, may do still for r.
func (s *session) endanger(srv *server, r *request) {
	if n, from, to := s.changes(r); n != nil {
		s.hazards = append(s.hazards, hazard{srv, r.seq, n.qid, from, to})
	}
}

// held reports whether r has to wait because an old connection may undo what it does.
func (s *session) held(r *request) bool {
	if r.doubt || r.resent {
		return false // it is older itself
	}
	n, from, to := s.changes(r)
	if n == nil {
		return false
	}
	held := slices.ContainsFunc(s.hazards, func(h hazard) bool {
		return h.seq != r.seq && sameFile(h.qid, n.qid) && from < h.to && h.from < to
	})
	if held {
		s.log.Debug("held: the old connection may undo it still", "type", lib9p.TypeName(r.typ), "path", n.String())
	}
	return held
}

// liftHazard takes in that srv has done r, or never will.
func (s *session) liftHazard(srv *server, r *request) {
	s.liftHazardsThat(func(h hazard) bool { return h.srv == srv && h.seq == r.seq })
}

// liftHazards takes in that srv does nothing more, or is not waited for.
func (s *session) liftHazards(srv *server) {
	s.liftHazardsThat(func(h hazard) bool { return h.srv == srv })
}

func (s *session) liftHazardsThat(gone func(hazard) bool) {
	if len(s.hazards) == 0 {
		return
	}
	s.hazards = slices.DeleteFunc(s.hazards, gone)
	for _, f := range s.fidsThat(func(f *fid) bool { return len(f.waiting) > 0 }) {
		s.advance(f)
	}
}
