package styxpersist

import (
	"errors"
	"math"
	"sync/atomic"
	"time"

	"github.com/styxkit/styxkit/lib9p"
)

// A line can break without a word, and a server can stop without closing anything. So a connection from which nothing comes
// while something is awaited is pinged: a Tflush of a tag that nobody uses, which a server answers at once, at
// least when it is at nothing else. Slow is not dead: a connection is given up only when nothing at all has come for long after.
//
// Somebody looks every few seconds; those who relay only count their reads.

const (
	lookEvery = 5 * time.Second
	pingIdle  = 20 * time.Second // silence after which a ping is sent
	pingDead  = 60 * time.Second // silence after which a connection is dead, if a ping is among what is not answered
	pingSlow  = 10 * pingDead    // where the server does one thing after the other, and may be at something that takes so long
	pingSlept = 5 * time.Second  // after the machine has slept
	evidence  = 16               // answers in order, though others were awaited, that make a server one that does one thing after the other
)

var errHung = errors.New("it is silent, and answers no ping")

// hearing is the connection of a server for its reader, who counts.
type hearing struct{ srv *server }

func (h hearing) Read(b []byte) (int, error) {
	h.srv.reads.Add(1)
	n, err := h.srv.conn.Read(b)
	h.srv.reads.Add(1)
	return n, err
}

// A pulse is what a session knows of whether a connection lives.
type pulse struct {
	reads atomic.Uint64 // twice those that have returned, and one more while one waits

	// Of the session's mutex.
	ping    *request // that has no answer
	pinged  uint64   // turns when it was sent
	turns   uint64   // requests of the client's sent
	last    uint64   // the latest of these that is answered
	ordered int      // answers in the order of their requests, though others were awaited
	mixed   bool     // there was one out of order
}

// tookTurn takes in that the request of number turn is answered.
func (p *pulse) tookTurn(turn uint64) {
	switch {
	case turn < p.last:
		p.mixed = true
	case turn < p.turns:
		p.ordered++
	}
	p.last = max(p.last, turn)
}

// A watch is who looks whether a connection lives.
type watch struct {
	s     *session
	srv   *server
	reads uint64
	since time.Time // when something was heard last, or nothing was awaited
	slept bool      // the machine has slept since
	now   time.Time // of the last look
	wall  time.Time
}

// watch looks after srv until it is given up.
func (s *session) watch(srv *server) {
	w := watch{s: s, srv: srv, since: time.Now(), now: time.Now(), wall: s.link.wall()}
	every := lookEvery
	if soft := s.link.cfg.Soft; soft > 0 {
		every = min(every, max(soft/4, time.Millisecond))
	}
	for sleep(srv.ctx, every) == nil {
		w.look()
	}
}

func (w *watch) look() {
	now, wall := time.Now(), w.s.link.wall()
	jumped := wall.Sub(w.wall)-now.Sub(w.now) > pingSlept
	w.now, w.wall = now, wall
	reads := w.srv.reads.Load()
	if reads != w.reads || reads%2 == 0 { // it does not wait for the server, but for the client
		w.reads, w.since, w.slept = reads, now, false
		w.refresh()
	}
	if jumped {
		w.since, w.slept = now, true
	}
	w.s.mu.Lock()
	awaited, oldest := w.srv.awaits()
	pinging := w.srv.ping != nil || w.srv.stuck.Load() // what cannot go is as good as a ping
	if quiet := pinging && w.since != now; quiet != w.srv.quiet {
		if w.srv.quiet = quiet; quiet && w.s.srv == w.srv {
			w.s.flushAll(w.srv)
		}
	}
	idle := pingIdle
	behind := pinging && oldest <= w.srv.pinged && !w.srv.mixed && w.srv.ordered >= evidence
	patience := min(pingDead<<min(w.s.hangs, 4), pingSlow)
	if soft := w.s.link.cfg.Soft; soft > 0 {
		idle = min(idle, soft/2)
		if pinging && !behind && now.Sub(w.since) >= soft && w.s.srv == w.srv && !w.s.tired {
			w.s.tire()
		}
	}
	w.s.mu.Unlock()
	w.s.tell(nil)
	if !awaited && !pinging && w.srv.kept() && !jumped {
		w.since = now // the kernel looks after it
	}
	switch {
	case behind:
		patience = pingSlow
	case w.slept:
		patience = pingSlept
	}
	switch silence := now.Sub(w.since); {
	case pinging && silence >= patience && !jumped:
		w.srv.giveUp(errHung)
	case !pinging && (jumped || silence >= idle):
		w.s.spawn(w.srv.sendPing)
	}
}

// refresh takes in that the server says something.
func (w *watch) refresh() {
	w.s.mu.Lock()
	defer w.s.mu.Unlock()
	if w.s.srv == w.srv {
		w.s.tired = false
	}
}

// awaits reports whether the server owes an answer to anything but a ping, and which of the client's requests is the oldest of those.
func (srv *server) awaits() (something bool, oldest uint64) {
	oldest = math.MaxUint64
	for _, r := range srv.tags {
		if r == nil || r == srv.ping {
			continue
		}
		something = true
		if r.own == nil && r.turn > 0 {
			oldest = min(oldest, r.turn)
		}
	}
	return something, oldest
}

// kept reports whether the kernel finds out when the peer is lost.
func (srv *server) kept() bool {
	_, ok := srv.conn.(interface{ SetKeepAlive(bool) error })
	return ok
}

// sendPing sends a ping, if there is a tag.
func (srv *server) sendPing() {
	s := srv.s
	r := &request{own: make(chan lib9p.Frame, 1), typ: lib9p.TypeTflush, state: sent, srv: srv}
	s.mu.Lock()
	if srv.ping != nil || !srv.newTag(r) {
		s.mu.Unlock()
		return
	}
	srv.ping, srv.pinged = r, srv.turns
	s.mu.Unlock()
	f, err := lib9p.Pack(s.d, r.stag, &lib9p.Tflush{Oldtag: tagUnused})
	if err != nil {
		panic("styxpersist: a Tflush does not pack: " + err.Error())
	}
	srv.write(&burst{srv: srv, run: f})
}

// pong takes in that the ping is answered: a server that has done so before an older request does not do one thing after the other.
func (srv *server) pong() {
	_, oldest := srv.awaits()
	srv.mixed = srv.mixed || oldest <= srv.pinged
	srv.ping, srv.quiet = nil, false
	if srv.s.srv == srv {
		srv.s.tired = false
	}
}
