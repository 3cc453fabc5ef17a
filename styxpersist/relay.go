package styxpersist

import (
	"fmt"

	"github.com/styxkit/styxkit/lib9p"
)

// relay passes on f and what lies behind it in the client's buffer: each message is noted, and those that may go
// to the server are patched where they lie and go with one write. It holds the gate from the first note to the last write,
// so who holds the gate knows that every request is either written or waits.
// It returns a Tversion that it came upon, which is not the session's to handle.
func (s *session) relay(in *lib9p.Reader, f lib9p.Frame) (version lib9p.Frame, err error) {
	s.gate.Lock()
	defer s.gate.Unlock()
	version, err = s.noteAll(in, f)
	s.send(&s.burst)
	return version, err
}

// noteAll notes f and what lies behind it, and leaves in burst what is to be written. Gate is held.
func (s *session) noteAll(in *lib9p.Reader, f lib9p.Frame) (version lib9p.Frame, err error) {
	run := &s.burst
	for {
		s.mu.Lock()
		r, err := s.note(f)
		if r != nil && run.fits(r.srv, f) {
			run.add(r, f)
			r = nil
		}
		s.mu.Unlock()
		if err != nil {
			return nil, err
		}
		if r != nil {
			s.send(run)
			run.add(r, f)
		}
		if !in.More() {
			return nil, nil
		}
		if f, err = in.Next(); err != nil {
			return nil, err
		}
		if f.Type() == lib9p.TypeTversion {
			return f, nil
		}
	}
}

// A burst is requests that go to one server with one write.
type burst struct {
	srv  *server
	run  lib9p.Frame // the messages, one behind the other
	ends []burstEnd
}

// A burstEnd tells where a request's message ends in the run. The request may have its answer
// and serve another purpose by the time that the write returns; seq tells.
type burstEnd struct {
	r   *request
	seq uint64
	end int
}

// fits reports whether f lies behind the run, and is for the same server.
func (b *burst) fits(srv *server, f lib9p.Frame) bool {
	return len(b.run) == 0 || b.srv == srv && cap(b.run)-len(b.run) == cap(f)
}

func (b *burst) add(r *request, f lib9p.Frame) {
	if len(b.run) == 0 {
		b.srv, b.run = r.srv, f
	} else {
		b.run = b.run[:len(b.run)+len(f)]
	}
	b.ends = append(b.ends, burstEnd{r, r.seq, len(b.run)})
}

// send writes a burst.
func (s *session) send(b *burst) {
	if len(b.run) == 0 {
		return
	}
	if !s.behind(b) {
		switch n, err := b.srv.writeSome(b.run); {
		case err == errStalled:
			s.stall(b.rest(n))
		case err != nil:
			s.mu.Lock()
			s.unsend(b, n)
			s.mu.Unlock()
		}
	}
	b.srv, b.run, b.ends = nil, nil, b.ends[:0]
}

// unsend takes in that only n bytes of b went. What did not go as a whole was
// certainly not executed and waits for the next connection.
func (s *session) unsend(b *burst, n int) {
	for _, e := range b.ends {
		if e.end > n && e.r.seq == e.seq && e.r.state == sent && e.r.srv == b.srv {
			e.r.state = queued
		}
	}
}

// fromServer reads srv's answers until it has no more, and passes on to the client what is for it.
// Answers that lie one behind the other go with one write.
func (s *session) fromServer(srv *server) error {
	in := lib9p.NewReader(hearing{srv}, s.msize)
	for {
		f, err := in.Next()
		if err != nil {
			return err
		}
		var run lib9p.Frame
		for {
			s.mu.Lock()
			out, err := s.take(srv, f)
			s.mu.Unlock()
			switch {
			case err != nil:
				s.tell(run)
				return botch{err}
			case out == nil:
			case len(run) > 0 && len(out) == len(f) && &out[0] == &f[0] && cap(run)-len(run) == cap(f):
				run = run[:len(run)+len(f)]
			default:
				if err := s.tell(run); err != nil {
					return err
				}
				run = out
			}
			if !in.More() {
				break
			}
			if f, err = in.Next(); err != nil {
				s.tell(run)
				return err
			}
		}
		if err := s.tell(run); err != nil {
			return err
		}
	}
}

// take finds the request that f answers and returns what the client is to be told, if anything.
// The error says that srv speaks nonsense. The mutex is held.
func (s *session) take(srv *server, f lib9p.Frame) (lib9p.Frame, error) {
	if srv.dead {
		s.late(srv, f)
		return nil, nil
	}
	if f.Size() > srv.msize {
		return nil, fmt.Errorf("server sent %d bytes, more than the msize of %d", f.Size(), srv.msize)
	}
	r := srv.outstanding(f.Tag())
	if r == nil && f.Tag() == lib9p.NoTag && f.Type() == s.errorType() {
		r = srv.only() // some servers answer so what they cannot read
	}
	if r == nil {
		if f.Type() == lib9p.TypeRversion || f.Type() == lib9p.TypeRauth {
			return nil, fmt.Errorf("server sent %s out of place", lib9p.TypeName(f.Type()))
		}
		srv.unknown++
		if srv.unknown == 1 {
			s.log.Warn("server answers what nobody asked", "type", lib9p.TypeName(f.Type()), "tag", f.Tag())
		}
		if srv.unknown > maxUnknown {
			return nil, fmt.Errorf("server sent %d answers that nobody asked for", srv.unknown)
		}
		return nil, nil
	}
	if r.own != nil {
		if err := s.checkOwn(r, f); err != nil {
			return nil, err
		}
	}
	if srv.nums != nil {
		s.translate(srv.nums, r, f)
		r.translated = r.own != nil
	}
	if r.own != nil {
		switch {
		case r == srv.ping:
			srv.pong()
		case r.buried:
			s.exhume(r)
		}
		srv.freeTag(r)
		r.state, r.early = done, r.open != nil && r.open.state == sent
		if r.discards {
			srv.freeSfid(r.frame.U32(lib9p.OffFid))
		}
		if len(s.ready) > 0 || len(srv.discards) > 0 {
			s.kick()
		}
		srv.window.grow()
		s.fill(srv)
		r.own <- append(lib9p.Frame(nil), f...)
		return nil, nil
	}
	if r.turn > 0 {
		srv.tookTurn(r.turn)
	}
	flushes := r.flushes
	r.flushes = nil
	out, err := s.learn(r, f)
	if len(flushes) > 0 && err == nil { // from when it was proved; their answers come behind this one
		s.local = append(s.local, out...)
		s.hasLocal.Store(true)
		s.answerFlushes(flushes)
		return nil, nil
	}
	r.flushes = flushes
	if err != nil && err != errEarly && r.typ != lib9p.TypeTflush { // a Tflush is answered when srv is given up
		if s.needsProof(r) {
			s.doubtful(r, "the server's answer makes no sense")
		} else {
			s.refuse(r, errIO)
		}
	}
	return out, err
}

// maxUnknown is how many answers to no question a server may give.
const maxUnknown = 100
