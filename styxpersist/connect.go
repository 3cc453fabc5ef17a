package styxpersist

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/styxkit/styxkit/lib9p"
	"github.com/styxkit/styxkit/styxpersist/internal/mutate"
)

const (
	handshakeTime = 15 * time.Second // for a Tversion or Tattach of our own
	remind        = time.Minute      // how often to say why there is no connection
	redialLeast   = 250 * time.Millisecond
	redialMost    = 8 * time.Second
	healthy       = time.Second // after a connection that lived as long the first attempt is at once

	mostBotches = 5 // connections of a server that speaks nonsense, within botchTime, until it is given a rest
	botchTime   = time.Minute
)

// keep is the session's life: a connection, what it takes to live on it, its death, another one.
func (s *session) keep() {
	pauses := &backoff{least: redialLeast, most: redialMost, rand: s.link.cfg.Rand}
	if pauses.rand == nil {
		pauses.rand = rand.Float64
	}
	var botches []time.Time
	for {
		srv, err := s.connect(pauses)
		if err != nil {
			return
		}
		began := time.Now()
		s.resume(srv)
		select {
		case <-srv.gone:
		case <-s.ctx.Done():
			s.goodbye(srv)
			return
		}
		s.lose(srv)
		pauses.next = redialLeast
		if time.Since(began) > healthy {
			pauses.next = 0
		}
		if botched(srv.cause) {
			botches = slices.DeleteFunc(append(botches, time.Now()), func(t time.Time) bool { return time.Since(t) > botchTime })
			if len(botches) >= mostBotches {
				pauses.next = redialMost
			}
		}
	}
}

// A botch is what no server may say.
type botch struct{ error }

func (b botch) Unwrap() error { return b.error }

// botched reports whether a connection ended because the server spoke nonsense.
func botched(cause error) bool {
	_, bad := errors.AsType[botch](cause)
	_, frame := errors.AsType[*lib9p.FrameError](cause)
	return bad || frame
}

// connect asks for connections until one is there that speaks the session's protocol.
// The error is ctx's: only the end of the session ends the attempts.
func (s *session) connect(pauses *backoff) (*server, error) {
	began, said := time.Now(), time.Duration(0)
	for attempt := 1; ; attempt++ {
		if err := sleep(s.ctx, pauses.pause()); err != nil {
			return nil, err
		}
		s.counters.Dials.Add(1)
		conn, err := s.link.ask(s.ctx)
		if err == nil {
			var srv *server
			if srv, err = s.handshake(conn); err == nil {
				s.connected(srv)
				return srv, nil
			}
		}
		if s.ctx.Err() != nil {
			return nil, s.ctx.Err()
		}
		s.mu.Lock()
		if refusedByHost(err) {
			s.fence()
		}
		s.mu.Unlock()
		away := time.Since(began)
		due := away-said >= remind
		if due {
			said = away
		}
		s.report(Redial{Attempt: attempt, Away: away, Err: err, remind: due})
	}
}

// connected takes in that srv speaks the session's protocol.
func (s *session) connected(srv *server) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.spawn(func() { s.watch(srv) })
	s.counters.Connections.Add(1)
	s.absence.until = time.Now()
	if s.absence.back != nil {
		close(s.absence.back)
	}
	s.report(Connected{Generation: srv.gen, Version: s.d.String(), Msize: srv.msize})
}

// handshake negotiates on conn: for the first time what the client offered,
// later what was agreed on then, which the client relies on.
func (s *session) handshake(conn lib9p.Transport) (*server, error) {
	s.link.gens++
	srv := newServer(s, conn, s.link.gens)
	s.spawn(func() {
		err := s.fromServer(srv)
		srv.stopWrites()
		if srv.fences(err) {
			s.mu.Lock()
			s.ended(srv, true)
			s.mu.Unlock()
		}
		srv.giveUp(err)
		s.readOut(srv, err)
	})
	s.spawn(srv.poster)
	ctx, cancel := context.WithTimeout(s.ctx, handshakeTime)
	defer cancel()
	if mutate.Has(mutate.NoTimeout) {
		ctx = s.ctx
	}
	err := s.negotiate(ctx, srv)
	if err != nil {
		srv.conn.Close()
		<-srv.gone
		if errors.Is(err, errGone) {
			err = srv.cause
		}
		return nil, err
	}
	return srv, nil
}

func (s *session) negotiate(ctx context.Context, srv *server) error {
	s.mu.Lock()
	offer := &lib9p.Tversion{Msize: s.msize, Version: s.d.String()}
	first := !s.agreedOn
	s.mu.Unlock()
	m, err := srv.call(ctx, offer)
	if errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("no answer to Tversion within %v", handshakeTime)
	}
	if err != nil {
		return err
	}
	v := m.(*lib9p.Rversion)
	d, ok := lib9p.ParseDialect(v.Version)
	switch {
	case !ok || d > s.d:
		return fmt.Errorf("server answers version %q to %s", v.Version, s.d)
	case v.Msize < lib9p.MinMsize:
		return fmt.Errorf("server wants msize %d; %d is the least that works", v.Msize, lib9p.MinMsize)
	case first:
		s.agree(srv, d, min(v.Msize, offer.Msize))
	case d != s.d:
		return fmt.Errorf("server speaks %s now, where the session is one of %s", d, s.d)
	case v.Msize < min(leastMsize, s.msize):
		return fmt.Errorf("server wants msize %d now, where the session has %d", v.Msize, s.msize)
	}
	s.mu.Lock()
	srv.msize = min(v.Msize, s.msize)
	s.mu.Unlock()
	return nil
}

// agree settles dialect and msize and tells the client.
func (s *session) agree(srv *server, d lib9p.Dialect, msize uint32) {
	s.mu.Lock()
	s.d, s.msize, srv.msize, s.agreedOn = d, msize, msize, true
	s.replyTag(lib9p.NoTag, &lib9p.Rversion{Msize: msize, Version: d.String()})
	s.mu.Unlock()
	s.tell(nil)
}

// goodbye ends the connection of a session that ends: what is to be removed
// on close is, and the server has a moment to finish what it is at.
func (s *session) goodbye(srv *server) {
	ctx, cancel := context.WithTimeout(context.Background(), harvest)
	defer cancel()
	defer context.AfterFunc(ctx, func() { srv.conn.Close() })() // a writer may hold up the removals
	s.mu.Lock()
	var remove []uint32
	s.order.hereOpen.each(func(f *fid) {
		if f.rclose {
			remove = append(remove, f.sfid)
		}
	})
	s.mu.Unlock()
	for _, sfid := range remove {
		srv.call(ctx, &lib9p.Tremove{Fid: sfid})
	}
	s.leaveHidden(ctx, srv)
	s.leaveModes(ctx, srv)
	if c, ok := srv.conn.(interface{ CloseWrite() error }); ok && c.CloseWrite() == nil {
		select {
		case <-srv.gone:
		case <-ctx.Done():
		}
	}
	srv.conn.Close()
	<-srv.gone
}

func sleep(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
