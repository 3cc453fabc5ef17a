package styxpersist

import (
	"time"

	"github.com/styxkit/styxkit/lib9p"
)

// flushGrace is how long a Tflush waits for the probe that decides the request it cancels.
const flushGrace = 2 * time.Second

// noteFlush takes in a Tflush. Where the server may have seen the old request on the present connection it
// decides, and f goes there; else the answer is given here, because a client may wait for it unkillably.
//
// A flush of what is answered already goes to the server too while there is one: its
// answer then comes behind the old one's, which may not be written yet.
func (s *session) noteFlush(r *request, f lib9p.Frame) bool {
	old := s.request(f.U16(lib9p.OffBody))
	if old != nil && (old == r || old.typ == lib9p.TypeTflush) {
		old = nil
	}
	if s.srv != nil && s.srv.silent() {
		s.flushBeside(r, old)
		return false
	}
	if s.srv != nil && (old == nil || old.state == sent && old.srv == s.srv && s.srv.newTag(r)) {
		oldtag := uint16(tagUnused)
		if old != nil {
			oldtag, r.oldSeq, old.flushing = old.stag, old.seq, true
		} else if !s.srv.newTag(r) {
			s.answer(r, &lib9p.Rflush{})
			return false
		}
		r.state, r.srv = sent, s.srv
		f.SetTag(r.stag)
		f.PutU16(lib9p.OffBody, oldtag)
		return true
	}
	s.flushHere(r, old)
	return false
}

// flushHere answers a Tflush that no server will.
func (s *session) flushHere(r, old *request) {
	switch {
	case old == nil || old.state == done:
	case old.state == proving && s.srv != nil:
		r.oldSeq = old.seq
		old.flushes = append(old.flushes, r)
		seq := old.seq
		s.after(flushGrace, func() {
			switch {
			case old.seq != seq || old.state != proving:
			case old.mayBeDone():
				s.doubtful(old, "it was cancelled before it could be looked for")
			default:
				s.cancelled(old) // nothing was sent but what has to be done before it
			}
		})
		return
	case old.doubt && s.needsProof(old):
		s.doubtful(old, "it was cancelled while the server was away") // it may have been done: the client has to know
	default:
		s.cancelled(old)
	}
	if r.state != done { // the old request's answer may have brought this one
		s.answer(r, &lib9p.Rflush{})
	}
}

// cancelled forgets a request as though it had never been sent; it gets no answer,
// unless some of what it writes has been written.
func (s *session) cancelled(old *request) {
	if s.wroteSome(old) {
		return
	}
	if old.doubt {
		s.crowd(old)
	}
	if old.doubt || old.state != queued {
		s.mayBe(old)
	}
	if old.makes != nil {
		s.forget(old.makes)
	}
	if f := old.fid; f != nil && f.leaving && (old.typ == lib9p.TypeTclunk || old.typ == lib9p.TypeTremove) {
		f.leaving = false
		if s.fids[f.num] != f { // another has its number already
			if s.srv != nil && f.usable(s.srv.gen) {
				s.srv.discard(f.sfid)
			}
			s.forget(f)
		}
		s.rank(f)
	}
	s.finish(old)
}

// answerFlushes answers those that waited for the answer of the request that they cancel.
func (s *session) answerFlushes(flushes []*request) {
	for _, fl := range flushes {
		if fl.state != done {
			s.answer(fl, &lib9p.Rflush{})
		}
	}
}
