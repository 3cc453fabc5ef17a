package styxpersist

import (
	"slices"
	"strconv"

	"github.com/styxkit/styxkit/lib9p"
)

// What has waited for its fids, or for the server, is sent by a goroutine of its own, in order.

// kick wakes the sender.
func (s *session) kick() {
	select {
	case s.kicked <- struct{}{}:
	default:
	}
}

// sender sends what has waited and may go. It is a goroutine of its own
// because those who let requests go must not wait for the server.
func (s *session) sender() {
	for {
		select {
		case <-s.ctx.Done():
			return
		case <-s.kicked:
		}
		s.gate.Lock()
		s.mu.Lock()
		s.release()
		s.mu.Unlock()
		s.send(&s.out)
		s.gate.Unlock()
		s.tell(nil)
	}
}

// maxRelease is about how much the sender sends with one write, in bytes.
const maxRelease = 1 << 20

// release puts into out what is ready: patched copies of the waiting requests, and clunks of
// sfids that nobody wants. Gate and mutex are held.
func (s *session) release() {
	srv, out := s.srv, &s.out
	if srv == nil || srv.stuck.Load() {
		return
	}
	out.srv = srv
	for len(s.ready) > 0 {
		if len(out.run) > maxRelease {
			s.kick()
			break
		}
		r := s.ready[0]
		detour := s.detour(srv, r)
		if r.state == queued && detour == nil && !s.assign(r, srv) {
			break // the answer that frees a tag will kick
		}
		s.ready = s.ready[1:]
		r.unsentLess()
		switch {
		case r.state == done:
		case detour != nil:
			detour()
		default:
			at := len(out.run)
			out.run = append(out.run, s.wire(srv, r)...)
			s.patch(out.run[at:], r)
			out.ends = append(out.ends, burstEnd{r, r.seq, len(out.run)})
			if r.ahead != nil { // in vain
				r.ahead = nil
				s.leave(r.fid, r)
			}
		}
	}
	for len(srv.discards) > 0 && srv.own < maxOwn/2 { // the answers kick
		b, ok := srv.appendClunk(out.run, srv.discards[0])
		if !ok {
			break
		}
		out.run, srv.discards = b, srv.discards[1:]
	}
}

// wire returns r's message for srv, but for what patch does.
func (s *session) wire(srv *server, r *request) lib9p.Frame {
	switch {
	case r.hardLink:
		return s.wireLink(r)
	case r.typ == lib9p.TypeTwrite && r.inPieces(srv):
		return r.nextPiece(srv)
	}
	return r.frame
}

// wireLink returns r, a Tcreate that makes a hard link, with the server's number of the fid that its text names.
func (s *session) wireLink(r *request) lib9p.Frame {
	m := r.msg(s.d).(*lib9p.Tcreate)
	m.Extension = strconv.FormatUint(uint64(r.fid2.sfid), 10) + "\n" // as v9fs writes it
	f, err := lib9p.Pack(s.d, r.ctag, m)
	if err != nil {
		panic("styxpersist: a Tcreate does not pack: " + err.Error())
	}
	return f
}

// detour returns what has to be done with r, which is ready, where it cannot be sent as it stands.
func (s *session) detour(srv *server, r *request) func() {
	switch {
	case r.state == done:
		return nil
	case r.state == queued && (r.behind() || s.awaitsHiding(r)):
		return func() { s.putBack(r) }
	case r.state == queued && s.isRemoved(r): // since it was noted
		return func() { s.refuse(r, errNotFound) }
	case r.state == queued && r.provenHere(s):
		return func() { s.attachFor(srv, r) }
	case r.wantsHelp(srv) || s.hides(r) || s.strays(r):
		return func() { s.help(srv, r) }
	case s.tooLong(srv, r):
		return func() { s.refuseTooLong(r) }
	case r.state == queued && r.ahead != nil && !s.inVain(r.ahead):
		return func() { s.overtake(srv, r) }
	}
	return nil
}

// goOn has r sent, now that what was before it is done.
func (s *session) goOn(r *request) {
	r.state, r.doubt = queued, false
	if r.hide != nil {
		defer s.advanceAll()
	}
	if slices.Contains(r.fid.waiting, r) {
		s.advance(r.fid)
		if r.fid2 != nil {
			s.advance(r.fid2)
		}
		return
	}
	r.fid.unsent++
	if r.fid2 != nil && r.fid2 != r.fid {
		r.fid2.unsent++
	}
	s.ready = append(s.ready, r)
	s.kick()
}

// behind reports whether a request that came before r, and now turns out to take longer, has to be done first.
func (r *request) behind() bool {
	for _, f := range [...]*fid{r.fid, r.fid2} {
		if f != nil && f.barrier != nil && f.barrier.seq < r.seq {
			return true
		}
	}
	return false
}

// putBack has r, which was about to be sent, wait again in its place.
func (s *session) putBack(r *request) {
	r.ahead = nil
	for i, f := range [...]*fid{r.fid, r.fid2} {
		if f == nil || i > 0 && f == r.fid {
			continue
		}
		if f.barrier == r {
			f.barrier = nil
		}
		at := slices.IndexFunc(f.waiting, func(w *request) bool { return w.seq > r.seq })
		if at < 0 {
			at = len(f.waiting)
		}
		f.waiting = slices.Insert(f.waiting, at, r)
	}
}

// unsentLess says that r has left the queue of what is ready.
func (r *request) unsentLess() {
	for i, f := range [...]*fid{r.fid, r.fid2} {
		if f != nil && f.unsent > 0 && (i == 0 || f != r.fid) {
			f.unsent--
		}
	}
}
