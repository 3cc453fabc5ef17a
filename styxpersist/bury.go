package styxpersist

import (
	"time"

	"github.com/styxkit/styxkit/lib9p"
)

// A client may wait for the answer to a Tflush unkillably, so it gets one also where the server is silent or takes
// nothing. The request that it cancels may be executed at any time after. If that changes nothing that others see, it is as
// though it never were; else the client is told first that it may be done. Either way the request is buried: its stag is
// kept until the server has answered, and what the server has made of it by then is undone.

const (
	flushSilent = time.Second           // how long a server may take nothing until flushes that it has are answered for it
	flushPause  = 20 * time.Millisecond // between two looks whether an answer is on its way to the client
)

// silent reports whether the server is not to be relied on for an answer at present.
func (srv *server) silent() bool { return srv.stuck.Load() || srv.quiet }

// bury takes r, which has been sent, away from its server. It can be answered then.
func (s *session) bury(r *request) *request {
	srv := r.srv
	s.hauntNames(r)
	t := &request{own: make(chan lib9p.Frame, 1), buried: true, typ: r.typ, stag: r.stag, seq: r.seq, state: sent, srv: srv}
	srv.tags[r.stag] = t
	if r.makes != nil {
		t.waste = append(t.waste, r.makes.sfid)
	}
	if r.stand != nil {
		t.waste, r.stand = append(t.waste, r.stand.sfid), nil
	}
	if f := r.fid; f != nil && (r.changesFid() || r.typ == lib9p.TypeTlock) && f.usable(srv.gen) {
		t.waste, f.gen = append(t.waste, f.sfid), 0 // it will come back as it was
		s.rank(f)
	}
	s.endanger(srv, r)
	r.srv, r.state, r.kept = nil, queued, true
	return t
}

// exhume takes in that the server has answered t, which was buried.
func (s *session) exhume(t *request) {
	srv := t.srv
	for _, sfid := range t.waste {
		srv.discard(sfid)
	}
	s.liftHazard(srv, t)
	if old := t.cancels; old != nil && srv.outstanding(old.stag) == old {
		srv.freeTag(old) // there will be no other answer to it
		s.exhume(old)
	}
}

// flushBeside answers r, a Tflush of old, while the server is silent.
func (s *session) flushBeside(r, old *request) {
	srv := s.srv
	switch {
	case old != nil && old.state == sent && old.srv == srv:
		r.cancels = s.answerBuried(old)
	case old == nil && srv.reads.Load()%2 == 0: // what was learned last is on its way to the client, and comes first
		r.kept = true
		s.after(flushPause, func() {
			switch {
			case r.state != queued || r.srv != nil:
			case s.srv == srv:
				s.flushBeside(r, nil)
			default:
				s.flushHere(r, nil)
			}
		})
		return
	}
	s.flushHere(r, old)
}

// answerBuried buries old, and answers it if the client has to know that it may be done.
func (s *session) answerBuried(old *request) *request {
	harm := s.alters(old)
	t := s.bury(old)
	if harm {
		s.doubtful(old, "it was cancelled while the server was silent")
	} else {
		s.cancelled(old)
	}
	return t
}

// alters reports whether r, executed after the client believes that it is not, would be noticed.
func (s *session) alters(r *request) bool {
	if s.needsProof(r) {
		return true
	}
	switch r.typ {
	case lib9p.TypeTwrite, lib9p.TypeTlcreate:
		return true
	}
	_, c := s.changes(r)
	return !c.none()
}

// flushAll answers the flushes that srv has, which has become silent.
func (s *session) flushAll(srv *server) {
	for _, r := range s.reqs {
		if r == nil || r.typ != lib9p.TypeTflush || r.state != sent || r.srv != srv {
			continue
		}
		old := s.request(r.frame.U16(lib9p.OffBody))
		if old != nil && (old.seq != r.oldSeq || r.oldSeq == 0) {
			old = nil
		}
		t := s.bury(r)
		s.flushBeside(r, old)
		t.cancels = r.cancels
	}
}
