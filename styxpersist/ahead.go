package styxpersist

import (
	"9fans.net/go/plan9"

	"github.com/styxkit/styxkit/lib9p"
	"github.com/styxkit/styxkit/styxpersist/internal/mutate"
)

// A fid that comes back has its file walked to, and proved to be the same, before it is opened. But the read that the client waits
// for need not wait for the open: it goes directly behind, as a request of the session's own, which saves a round trip. When
// the fid is back and the client's request has its turn, that takes the answer, or the place of what has none yet.
//
// A server may be at both at once, and read before it opens. So neither a refusal counts, nor that nothing is there, nor what is said
// before the open is answered: the read is sent once more then. Until it is certain, what the client asks of the fid behind
// the read waits.
//
// An answer that nobody wants must lose nothing, and a read must come to its end without what waits behind it: so it is one of
// a regular file, and of one with a length, for those of Linux that give each byte once have none. On a file that the client has a
// lock on it must not read before that is back. And a server that has died of such a read, as far as one can tell, gets no more of them.

// maxAhead bounds what is asked for ahead on a connection, in bytes: all of it may have to be kept. The first requests are in a hurry.
const maxAhead = 4 << 20

// sendAhead sends the read that f's client waits for first behind open, which is to open sfid for f. It returns what it has
// sent, or nil. The mutex is held.
func (s *session) sendAhead(f *fid, sfid uint32, open *request) *request {
	srv, r := open.srv, s.mayGoAhead(f)
	if r == nil {
		return nil
	}
	m := r.msg(s.d).(*lib9p.Tread)
	m.Fid, m.Count = sfid, min(m.Count, srv.room())
	if srv.ahead += uint64(m.Count); srv.ahead > maxAhead {
		return nil
	}
	a := &request{
		own: make(chan lib9p.Frame, 1), open: open, seq: r.seq, ctag: r.ctag,
		typ: lib9p.TypeTread, state: sent, srv: srv, asked: s.seq,
	}
	if srv.post(a, m) != nil {
		return nil
	}
	srv.turns++
	a.turn = srv.turns
	return a
}

// mayGoAhead returns the request that is the first to wait for f, if it is a read that may go ahead, or nil.
func (s *session) mayGoAhead(f *fid) *request {
	const noRead = 1 // of OREAD, OWRITE, ORDWR and OEXEC, and the same of .L: those that are not for reading, or become another
	n := f.node
	if s.wary || !f.open || f.dir || n.kind != kindRegular || n.sum().length == 0 || n.qid.Type != plan9.QTFILE || f.flags&noRead != 0 || len(f.locks)+len(f.lost) > 0 {
		return nil
	}
	for _, r := range f.waiting {
		switch {
		case r.state == done:
		case r.state == queued && r.typ == lib9p.TypeTread:
			return r
		default:
			return nil
		}
	}
	return nil
}

// wentAhead takes in that the open behind which a, if any, was sent has succeeded.
func (s *session) wentAhead(a *request) {
	if a == nil {
		return
	}
	if r := s.request(a.ctag); r != nil && r.seq == a.seq && r.state == queued {
		r.ahead = a
	}
}

// inVain reports whether a, which was sent ahead, has an answer that does not count.
func (s *session) inVain(a *request) bool {
	select {
	case a.frame = <-a.own:
	default:
	}
	return a.frame != nil && (a.early && !mutate.Has(mutate.Early) || s.tooEarly(a.frame))
}

// tooEarly reports whether f, the answer to a read that was sent ahead, may be so because the file was not open.
func (s *session) tooEarly(f lib9p.Frame) bool {
	return (f.Type() == s.errorType() || f.U32(lib9p.OffBody) == 0) && !mutate.Has(mutate.Early)
}

// overtake makes r the read that was sent ahead for it.
func (s *session) overtake(srv *server, r *request) {
	a := r.ahead
	r.state, r.srv, r.asked, r.turn = sent, srv, a.asked, a.turn
	if a.frame == nil {
		srv.handOver(a, r)
		return
	}
	f, err := s.learn(r, a.frame)
	if err != nil {
		s.refuse(r, errIO)
		srv.giveUp(botch{err})
		return
	}
	s.local = append(s.local, f...)
	s.hasLocal.Store(true)
}

// sendAfter has r, whose answer does not count as it was sent ahead, sent once more.
func (s *session) sendAfter(r *request) {
	r.ahead = nil
	if r.flushing { // its Rflush is on its way
		r.srv.freeTag(r)
		r.state, r.srv = queued, nil
		return
	}
	s.sendNext(r)
	s.leave(r.fid, r)
}

// diedAhead reports whether srv, which is dead, owes an answer to what was sent ahead.
func (srv *server) diedAhead() bool {
	for _, r := range srv.tags {
		if r != nil && (r.open != nil || r.ahead != nil) {
			return true
		}
	}
	return false
}
