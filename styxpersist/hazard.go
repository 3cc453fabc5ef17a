package styxpersist

import (
	"math"
	"slices"

	"github.com/styxkit/styxkit/lib9p"
)

// A change of a file's content or attributes that is sent again does no harm by itself: it is absolute. But as long as the
// old connection may do it still, it may do so after something newer, and undo that. So what is newer, and touches the
// same bytes, or attributes, is held until the old connection is drained.

// A change is what a request does to a file, where it may be done twice.
type change struct {
	from  uint64 // the first byte
	to    uint64 // the byte behind the last; 0 where no content changes
	attrs bool   // mode, owner, times
}

func (c change) none() bool { return c.to == 0 && !c.attrs }

// touches reports whether the order of c and d matters.
func (c change) touches(d change) bool {
	return c.from < d.to && d.from < c.to || c.attrs && d.attrs
}

// A hazard is a change that an old connection may make still.
type hazard struct {
	change
	srv *server
	seq uint64 // the request's
	qid lib9p.Qid
}

var allBytes = change{to: math.MaxUint64}

// changes returns what r changes, and of which file.
func (s *session) changes(r *request) (n *node, c change) {
	if r.of() == nil || r.fid.role != roleFile {
		return nil, c
	}
	n = r.fid.node
	switch r.typ {
	case lib9p.TypeTwrite:
		if !s.appends(r.fid) { // there a proof decides
			c.from = r.frame.U64(lib9p.OffOffset)
			c.to = c.from + uint64(r.frame.U32(lib9p.OffCount))
		}
	case lib9p.TypeTopen:
		if s.truncates(uint32(r.frame[lib9p.OffFid+4])) {
			c = allBytes
		}
	case lib9p.TypeTlopen:
		if s.truncates(r.frame.U32(lib9p.OffFid + 4)) {
			c = allBytes
		}
	case lib9p.TypeTlcreate:
		m := r.msg(s.d).(*lib9p.Tlcreate)
		if old := n.children[m.Name]; old != nil && s.truncates(m.Flags) {
			n, c = old, allBytes
		}
	case lib9p.TypeTsetattr:
		m := r.msg(s.d).(*lib9p.Tsetattr)
		if m.Valid&lib9p.SetSize != 0 {
			c = allBytes
		}
		c.attrs = m.Valid&^lib9p.SetSize != 0
	case lib9p.TypeTwstat:
		c = s.wstats(&r.msg(s.d).(*lib9p.Twstat).Stat)
	}
	return n, c
}

// wstats returns what a Twstat with st changes, but for the name.
func (s *session) wstats(st *lib9p.Stat) (c change) {
	if st.Length != math.MaxUint64 {
		c = allBytes
	}
	none := lib9p.NullStat()
	c.attrs = st.Mode != none.Mode || st.Atime != none.Atime || st.Mtime != none.Mtime || st.Uid != "" || st.Gid != "" ||
		s.d == lib9p.U && (st.Nuid != none.Nuid || st.Ngid != none.Ngid)
	return c
}

// endanger enters what srv, which is dead and not fenced, may do still for r.
func (s *session) endanger(srv *server, r *request) {
	if n, c := s.changes(r); !c.none() {
		s.hazards = append(s.hazards, hazard{c, srv, r.seq, n.qid})
	}
}

// held reports whether r has to wait because an old connection may undo what it does.
func (s *session) held(r *request) bool {
	if r.doubt || r.resent {
		return false // it is older itself
	}
	n, c := s.changes(r)
	if n != nil && r.typ == lib9p.TypeTwrite && s.appends(r.fid) {
		c = allBytes // wherever the end is, which an open that truncates moves
	}
	if c.none() {
		return false
	}
	held := slices.ContainsFunc(s.hazards, func(h hazard) bool {
		return h.seq != r.seq && sameFile(h.qid, n.qid) && c.touches(h.change)
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
	before := len(s.hazards)
	if s.hazards = slices.DeleteFunc(s.hazards, gone); len(s.hazards) == before {
		return
	}
	s.advanceAll()
}
