package styxpersist

import (
	"slices"

	"github.com/styxkit/styxkit/lib9p"
)

// late takes in f, which a dead connection still says. It is the answer to its request, as good as a timely one,
// unless the request has been sent again: then the next connection's counts. The mutex is held.
func (s *session) late(srv *server, f lib9p.Frame) {
	r := srv.outstanding(f.Tag())
	if r == nil || r.own != nil {
		return
	}
	srv.tags[f.Tag()] = nil
	s.liftHazard(srv, r)
	if s.request(r.ctag) != r || r.state != queued && r.state != proving || !slices.Contains(r.old, srv) || !r.outlives() {
		return
	}
	if srv.nums != nil {
		s.translate(srv.nums, r, f)
	}
	refused, err := s.check(r, f)
	if err != nil {
		return
	}
	if refused && (r.resent || s.errnoOf(f) == lib9p.EINTR) {
		return // what was sent twice may be refused for the first time's sake, and what is interrupted so may be our doing
	}
	s.log.Debug("late answer", "type", lib9p.TypeName(r.typ), "tag", r.ctag)
	if err := s.settleAs(r, f); err != nil {
		s.log.Error("cannot take a late answer", "type", lib9p.TypeName(r.typ), "err", err)
		s.refuse(r, errIO)
	}
}

// outlives reports whether what the answer to r says is true when the connection that said it is dead. A lock, the conversation
// of an authentication, the place in a directory, and an attribute that is being written are the connection's.
func (r *request) outlives() bool {
	switch r.typ {
	case lib9p.TypeTlock, lib9p.TypeTauth, lib9p.TypeTflush, lib9p.TypeTversion:
		return false
	case lib9p.TypeTread, lib9p.TypeTreaddir:
		return !r.fid.dir
	}
	return r.fid == nil || r.fid.role != roleXattrW
}

// settleAs gives r the answer f, which no connection gives on which r's fid is, or nobody.
func (s *session) settleAs(r *request, f lib9p.Frame) error {
	if _, err := s.check(r, f); err != nil {
		return err
	}
	s.leaveQueues(r)
	r.state = sent
	usable := s.srv != nil && r.fid != nil && r.fid.usable(s.srv.gen)
	goes := r.typ == lib9p.TypeTclunk || r.typ == lib9p.TypeTremove
	opens := r.changesFid() && !goes
	if usable && r.changesFid() {
		s.srv.discard(r.fid.sfid) // it is what it was before r still, on this connection
	}
	if opens {
		r.fid.gen, r.fid.back = 0, nil
		s.rank(r.fid)
	}
	flushes := r.flushes
	r.flushes = nil // their answers come behind
	f, err := s.learn(r, f)
	if err != nil {
		r.flushes = flushes
		return err
	}
	s.local = append(s.local, f...)
	s.hasLocal.Store(true)
	s.answerFlushes(flushes)
	if opens {
		s.restoreSoon(r.fid)
	}
	return nil
}
