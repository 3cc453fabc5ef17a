//go:build sim || mutate

package sim

import (
	"errors"
	"io"
	"math/rand/v2"
	"time"

	"github.com/styxkit/styxkit/lib9p"
)

// The end of a history.

// finish ends the history in peace, and looks at what is left.
func (w *world) finish(r *rand.Rand) {
	w.calm.Store(true)
	w.refusals = 0
	for _, s := range w.sessions {
		s.plan = nil
	}
	if w.err != nil {
		w.hangUp(r)
		return
	}
	idle := func() bool {
		for _, s := range w.sessions {
			if !s.idle() {
				return false
			}
		}
		return true
	}
	long := 10 * time.Minute
	if w.deaf {
		long = time.Hour // a session is patient with a server that may be at something
	}
	if !w.until(r, long, idle) {
		w.unanswered()
	}
	for _, s := range w.sessions {
		for _, f := range s.sorted() {
			if w.err == nil {
				s.issue(&lib9p.Tclunk{Fid: f.num}, f, nil, nil)
				w.until(r, long, s.idle)
			}
		}
	}
	if !w.until(r, time.Minute, idle) {
		w.unanswered()
	}
	w.rest(r)
	w.audit()
	w.contents()
	w.modes()
	w.leftovers()
	w.hangUp(r)
}

// audit looks whether anything is left where the clients have clunked everything.
func (w *world) audit() {
	for _, s := range w.sessions {
		c := s.live
		if w.err != nil || c == nil || c.dead || c.insane || !s.connected() {
			continue
		}
		fids := make(map[uint32]bool)
		for num, f := range c.fids {
			fids[num] = true
			if f.node != w.tree.root || f.open || len(c.fids) > 1 && !(f.top && w.tree.epoch > 0) { // a tree may have been taken for another
				w.fail("fid %d of file %d is left at the server after the client has clunked everything (%d fids in all)", num, f.node.path, len(c.fids))
			}
		}
		if err := s.audit(fids); err != nil {
			w.fail("session %d: the table is not in order after the client has clunked everything: %v", s.num, err)
		}
	}
}

// connected reports whether the session lives on its last connection.
func (s *session) connected() bool { return s.live.version }

// rest lets everything come to an end that goes on by itself.
func (w *world) rest(r *rand.Rand) {
	for quiet := 0; quiet < 4 && w.err == nil; quiet++ {
		w.settle()
		for _, s := range w.sessions {
			if s.dialing != nil {
				quiet = 0
			}
			for _, c := range s.conns {
				if !c.dead && len(c.pending)+len(c.unsaid) > 0 || c.doomed != nil || !c.timeout.IsZero() {
					quiet = 0
				}
			}
		}
		if quiet == 0 {
			w.step(r)
		} else {
			w.pass(10 * time.Second)
		}
	}
}

func (w *world) unanswered() {
	for _, s := range w.sessions {
		for _, o := range w.ops {
			if o.s == s && o.replied == 0 {
				w.fail("never answered: session %d, operation %d, %s", s.num, o.id, lib9p.Format(w.d, o.tag, o.msg))
			}
		}
	}
}

// hangUp ends the clients' connections and waits for Serve.
func (w *world) hangUp(r *rand.Rand) {
	err, kind := w.err, w.kind
	for _, s := range w.sessions {
		s.closing = true
		s.client.fail(io.EOF, errPipe, false)
	}
	end := time.Now().Add(time.Minute)
	for {
		w.err = nil // what is wrong is known; go on all the same
		left := false
		w.settle()
		for _, s := range w.sessions {
			left = left || s.served != nil
		}
		if !left {
			break
		}
		if time.Now().After(end) {
			if err == nil {
				err, kind = errors.New("hang: Serve does not return though the client has hung up"), "hang"
			}
			for _, s := range w.sessions {
				for _, c := range s.conns {
					c.c.fail(io.EOF, errPipe, true)
				}
			}
			break
		}
		w.step(r)
	}
	for _, s := range w.sessions {
		close(s.redial)
		if s.dialing != nil {
			s.dialing <- answer{err: errRefused}
		}
	}
	w.err, w.kind = err, kind
}
