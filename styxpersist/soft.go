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

// softAfter gives up on what waits d from now, if the server is still away as it is now.
func (s *session) softAfter(d time.Duration) {
	if d <= 0 {
		return
	}
	since := s.absence.since
	s.after(d, func() {
		if s.srv == nil && s.absence.since == since {
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
