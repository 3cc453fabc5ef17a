package styxpersist

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"time"

	"github.com/styxkit/styxkit/lib9p"
	"github.com/styxkit/styxkit/styxpersist/internal/mutate"
)

// A link is the client's side of the connection. It outlives the sessions
// that the client begins on it, one with each Tversion.
type link struct {
	cfg  Config
	log  *slog.Logger
	conn lib9p.Transport
	in   *lib9p.Reader
	wall func() time.Time
	wmu  sync.Mutex // one writer at a time
	gens int        // generations of server connections so far

	session *session // the present one, which only serve begins and ends; wmu
}

// firstMsize bounds the client's first message, a Tversion.
const firstMsize = 8192

// serve is the client's reader: it runs sessions until the client hangs up or speaks nonsense, or ctx ends.
func (l *link) serve(ctx context.Context) error {
	stop := context.AfterFunc(ctx, func() { l.conn.Close() })
	defer stop()
	l.in = lib9p.NewReader(l.conn, firstMsize)
	if l.cfg.Counters == nil {
		l.cfg.Counters = new(Counters)
	}
	var s *session
	defer func() {
		l.conn.Close() // a client that has ended what it says need not read what is still said to it
		if s != nil {
			s.end()
		}
	}()
	for {
		f, err := l.in.Next()
		for err == nil && f != nil {
			switch {
			case f.Type() == lib9p.TypeTversion:
				if s != nil {
					s.end()
				}
				s, err = l.version(ctx, f)
				f = nil
			case s == nil || !s.agreed():
				err = fmt.Errorf("client sent %s before it had an answer to Tversion", lib9p.TypeName(f.Type()))
			default:
				if f, err = s.relay(l.in, f); err == nil {
					err = s.tell(nil)
				}
				s.waitForRoom()
			}
		}
		switch {
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return fmt.Errorf("client: %w", err)
		}
	}
}

// version begins a session as f, the client's Tversion, asks for it. No session where no dialect fits.
func (l *link) version(ctx context.Context, f lib9p.Frame) (*session, error) {
	_, m, err := lib9p.Unpack(lib9p.P2000, f)
	if err != nil {
		return nil, err
	}
	t := m.(*lib9p.Tversion)
	if t.Msize < lib9p.MinMsize {
		return nil, fmt.Errorf("client offers msize %d; %d is the least that works", t.Msize, lib9p.MinMsize)
	}
	d, ok := lib9p.Negotiate(t.Version)
	if !ok {
		reply, err := lib9p.Pack(lib9p.P2000, lib9p.NoTag, &lib9p.Rversion{Msize: t.Msize, Version: "unknown"})
		if err != nil {
			return nil, err
		}
		return nil, l.write(reply)
	}
	s := newSession(l, d, min(t.Msize, maxMsize))
	l.in.SetMax(s.msize)
	l.wmu.Lock()
	l.session = s
	l.wmu.Unlock()
	s.begin(ctx)
	return s, nil
}

// maxMsize is the largest message that is agreed to, in bytes: what Linux takes, and the header of its I/O.
const maxMsize = 1<<20 + lib9p.IOHeader

func (l *link) write(b []byte) error {
	l.wmu.Lock()
	defer l.wmu.Unlock()
	_, err := l.conn.Write(b)
	return err
}

// tell writes to the client what the session has to say itself, then run.
// A session that has ended says nothing: its tags mean nothing to the client any more.
func (s *session) tell(run []byte) error {
	if len(run) == 0 && !s.hasLocal.Load() {
		return nil
	}
	l := s.link
	l.wmu.Lock()
	defer l.wmu.Unlock()
	if s.over.Load() {
		return nil
	}
	if s.hasLocal.Load() {
		s.mu.Lock()
		s.local, s.telling = s.telling[:0], s.local
		s.hasLocal.Store(false)
		s.mu.Unlock()
		if err := s.writeClient(s.telling); err != nil {
			return err
		}
	}
	if len(run) == 0 {
		return nil
	}
	return s.writeClient(run)
}

// writeClient is done with link.wmu held.
func (s *session) writeClient(b []byte) error {
	n, err := s.link.conn.Write(b)
	s.counters.ToClient.Add(int64(n))
	if err != nil {
		s.link.conn.Close()
		return fmt.Errorf("write to the client: %w", err)
	}
	return nil
}

// answer gives r an answer of the session's own. It goes out with the next tell, which every
// goroutine that may have caused one calls when it has let go of the mutex.
func (s *session) answer(r *request, m lib9p.Msg) {
	s.replyTag(r.ctag, m)
	s.finish(r)
}

// refuse answers r with an error; what it should have made is not made.
func (s *session) refuse(r *request, err *lib9p.Error) {
	if err == errUndecided {
		s.crowd(r)
		s.mayBe(r)
		s.replaced(r)
	}
	r.state = done // so that it is not answered once more with those that wait for the same fid
	if r.makes != nil {
		s.unmake(r)
	}
	if r.writes != nil {
		r.writes.unknown(s.seq)
	}
	reply := lib9p.ErrorMsg(s.d, err)
	if r.fid != nil && (r.typ == lib9p.TypeTremove || r.typ == lib9p.TypeTclunk) {
		// The fid is gone even if the clunk fails, which matters to nobody but where it was to write an attribute.
		if s.srv != nil && r.fid.usable(s.srv.gen) && r.srv != s.srv {
			s.srv.discard(r.fid.sfid) // it was brought back meanwhile, and this server knows nothing of the remove
		}
		if r.typ == lib9p.TypeTclunk && r.fid.role != roleXattrW && !mutate.Has(mutate.StaleClunk) {
			reply = &lib9p.Rclunk{}
		}
		s.forget(r.fid)
	}
	s.answer(r, reply)
}

func (s *session) replyTag(tag uint16, m lib9p.Msg) {
	b, err := lib9p.Append(s.local, s.d, tag, m)
	if err != nil {
		s.log.Error("cannot answer", "tag", tag, "err", err)
		return
	}
	s.local = b
	s.hasLocal.Store(true)
}
