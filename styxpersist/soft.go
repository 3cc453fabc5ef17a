package styxpersist

import (
	"cmp"
	"slices"
	"time"

	"github.com/styxkit/styxkit/lib9p"
)

// With Config.Soft nobody waits for ever: once the server has been away, or silent, for so long, what waits is answered with an
// error, and what comes is, at once, until the server says something. What may have been done is said to be in doubt, and
// is neither sent again nor looked into: who has got an error may have done something else by now.
// The same holds for one tree, where the server is there and the tree cannot be attached for so long.

// soften takes in that a connection is dead, and gives up on what waits when none has been of use for so long. One that dies
// before its trees are attached was of none.
func (s *session) soften() {
	d := s.link.cfg.Soft
	if d <= 0 || !s.useless.IsZero() {
		return
	}
	since := time.Now()
	s.useless = since
	s.after(d, func() {
		if s.srv == nil && s.useless == since {
			s.tire()
		}
	})
}

// tire answers everything that waits for the server.
func (s *session) tire() {
	s.tired = true
	var all []*request
	for _, r := range s.reqs {
		if r != nil && r.typ != lib9p.TypeTflush {
			r.kept = true
			all = append(all, r)
		}
	}
	s.log.Info("nobody waits for the server any longer", "requests", len(all))
	slices.SortFunc(all, func(a, b *request) int { return cmp.Compare(a.seq, b.seq) })
	for _, r := range all {
		s.tireOf(r)
	}
	if s.srv != nil {
		s.flushAll(s.srv)
	}
}

// tireOf answers r, which waits for the server.
func (s *session) tireOf(r *request) {
	harm := r.mayBeDone() && s.alters(r)
	if r.state == sent {
		s.bury(r)
	}
	if r.state != done {
		s.leaveQueues(r)
	}
	switch f := r.fid; {
	case r.state == done: // another's answer brought it
	case harm:
		s.doubtful(r, "the server has been away for too long")
	case r.typ == lib9p.TypeTclunk && !f.rclose && f.role != roleXattrW:
		if s.srv != nil && f.usable(s.srv.gen) {
			s.srv.discard(f.sfid)
		}
		s.clunkDead(r, f)
	default:
		s.refuse(r, errNoServer)
	}
}

// tireOfTree gives up on what waits for the tree of w, unless it is there, until it is.
func (s *session) tireOfTree(srv *server, w *rootWay) {
	if w.isReady() || srv.ctx.Err() != nil {
		return
	}
	w.tired = true
	srv.tiring++
	for _, r := range s.inOrder() {
		if r.typ != lib9p.TypeTflush && s.lacksTree(r) {
			r.kept = true
			s.tireOf(r)
		}
	}
}

// lacksTree reports whether r waits for a tree that nobody waits for any longer.
func (s *session) lacksTree(r *request) bool {
	if s.srv == nil || s.srv.tiring == 0 {
		return false
	}
	for _, f := range [...]*fid{r.fid, r.fid2} {
		if f != nil && f.node != nil && !f.usable(s.srv.gen) {
			if w := s.srv.roots[f.node.root]; w != nil && w.tired {
				return true
			}
		}
	}
	return false
}
