//go:build sim || mutate

package sim

import (
	"io"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/styxkit/styxkit/lib9p"
)

// fault makes something bad happen.
func (w *world) fault(r *rand.Rand) {
	w.now++
	s := w.sessions[r.IntN(len(w.sessions))]
	for range r.IntN(3) {
		s.plan = append(s.plan, [...]string{"timeout", "mute", "short", "short", ""}[r.IntN(5)])
	}
	if r.IntN(4) == 0 {
		w.crash(r)
		return
	}
	if s.live != nil && !s.live.dead {
		w.die(s.live, r)
	}
}

// crash ends the server's process, and starts another some time later.
func (w *world) crash(r *rand.Rand) {
	w.refusals = r.IntN(4)
	w.trace(evFault, nil, 0, nil, nil).text = "the server crashes"
	for _, s := range w.sessions {
		for _, c := range s.conns {
			switch {
			case !c.dead:
				w.dieLoud(c, r)
			case c.lateAt != 0:
				c.end()
			}
		}
	}
	if w.renumbers {
		w.tree.epoch++
	}
	if w.shaky {
		w.tree.salt++
	}
}

// die ends one connection, in one of the ways in which connections end.
func (w *world) die(c *sconn, r *rand.Rand) {
	n := r.IntN(9)
	if w.haunted {
		n %= 3
	}
	switch n {
	case 0, 1, 2:
	case 3:
		w.babble(c)
		return
	default:
		w.dieLoud(c, r)
		return
	}
	// It falls silent, and the session learns it later. What it has sent, and may be still
	// sending, is executed late, or not.
	c.dead, c.lateAt = true, 1
	text := "falls silent"
	if r.IntN(2) == 0 {
		c.c.hole(r.IntN(40))
		text = "falls silent in both directions"
	}
	c.timeout = time.Now().Add(time.Duration(r.IntN(5000)) * time.Millisecond)
	c.lateFor = time.Duration(r.IntN(2800)) * time.Millisecond
	if w.haunted {
		c.timeout = time.Now().Add(time.Duration(1+r.IntN(300)) * time.Millisecond)
		c.lateFor = time.Duration(1500+r.IntN(1300)) * time.Millisecond
	}
	c.lateUntil = c.timeout.Add(time.Hour)
	if w.deaf && r.IntN(2) == 0 {
		c.hung, c.timeout, c.lateUntil = true, time.Time{}, c.timeout.Add(24*time.Hour)
		text += ", for good"
	}
	c.unsaid = nil
	c.sess.deaths++
	w.trace(evFault, c.sess, c.gen, nil, nil).text = text
}

// own reports whether p, which came on c, is certainly styxpersist's own.
func (c *sconn) own(p *sreq) bool {
	if p.op != nil || mutates(p.msg) || p.tag == lib9p.NoTag || p.frame.Type() == lib9p.TypeTflush {
		return false
	}
	key := keyOf(c.d, p.frame, false)
	return !slices.ContainsFunc(c.sess.open(), func(o *op) bool {
		return o.key == key || o.typ == lib9p.TypeTclunk && p.frame.Type() == o.typ // which would remove, were its file not hidden
	})
}

// babble has the server say what is no message. It knows nothing of that, and works on until the session hangs up.
func (w *world) babble(c *sconn) {
	if c.insane {
		return
	}
	c.insane = true
	c.sess.deaths++
	w.trace(evFault, c.sess, c.gen, nil, nil).text = "speaks nonsense"
	for _, p := range c.pending {
		if c.own(p) {
			c.c.put([]byte{7, 0, 0, 0, 255, byte(p.tag), byte(p.tag >> 8)}) // an answer to styxpersist itself
			return
		}
	}
	c.c.put([]byte{3, 0, 0, 0})
}

// timedOut tells the session that the connection is no more.
func (c *sconn) timedOut() {
	c.w.trace(evFault, c.sess, c.gen, nil, nil).text = "times out"
	c.timeout = time.Time{}
	c.lateUntil = time.Now().Add(c.lateFor)
	c.c.fail(errTimeout, errTimeout, false)
	c.loses()
}

// dieLoud ends a connection so that the session hears of it: nothing more is executed then.
func (w *world) dieLoud(c *sconn, r *rand.Rand) {
	c.order()
	for len(c.pending) > 0 && r.IntN(5) < 3 {
		c.execute(r.IntN(len(c.pending)))
	}
	for len(c.unsaid) > 0 && r.IntN(2) == 0 {
		c.say(r.IntN(len(c.unsaid)))
	}
	c.dead, c.fenced = true, true
	c.sess.deaths++
	say := func(text string) { w.trace(evFault, c.sess, c.gen, nil, nil).text = text }
	if len(c.unsaid) > 0 && r.IntN(3) == 0 {
		say("is cut in the middle of a reply")
		f := c.unsaid[0].reply
		c.c.put(f[:1+r.IntN(len(f)-1)])
	}
	switch r.IntN(4) {
	case 0:
		say("is reset")
		c.c.fail(errReset, errPipe, r.IntN(2) == 0)
		c.loses()
	case 1:
		say("takes no more")
		c.c.choke(r.IntN(40))
		c.doomed = func() { c.c.fail(errReset, errPipe, false); c.loses() }
	default:
		say("is closed by the server")
		c.c.fail(io.EOF, errPipe, false)
		c.loses()
	}
	c.end()
}

// hungUp takes in that styxpersist has ended its side.
func (w *world) hungUp(c *sconn) {
	w.trace(evFault, c.sess, c.gen, nil, nil).text = "is closed by styxpersist"
	c.dead = true
	c.loses()
	if !c.insane {
		c.sess.deaths++
	}
	stays := c.insane && c.gen%3 == 0 // it does not end its side
	if c.c.isClosed() || stays {
		c.lateAt, c.lateUntil = 1, time.Now().Add(2*time.Second)
		return
	}
	r := w.random(1<<22 + c.gen)
	c.order()
	for len(c.pending) > 0 && r.IntN(4) > 0 {
		c.execute(0)
	}
	for len(c.unsaid) > 0 {
		c.say(0)
	}
	c.fenced = true
	c.c.fail(io.EOF, errPipe, false)
	c.end()
}

// givenUp takes in that the session does not wait any longer for a connection that says nothing: it has listened for a second more,
// and ended its side. That may have been when time passed last, so that nothing is done late from now on.
func (c *sconn) givenUp() {
	c.w.trace(evFault, c.sess, c.gen, nil, nil).text = "is given up by styxpersist"
	c.loses()
	c.hung, c.lateUntil = false, time.Now()
}

// hole makes writes go nowhere after n bytes.
func (c *conn) hole(n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.outLeft, c.outErr = n, nil
}

// choke makes a write fail after n bytes.
func (c *conn) choke(n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.outLeft, c.outErr = n, errPipe
}

type evKind uint8

const (
	evIssue evKind = iota
	evReply
	evArrive
	evLost
	evExecute
	evSay
	evTime
	evFault
)

// An event is a line of the trace.
type event struct {
	kind evKind
	at   int
	when time.Duration
	s    *session
	gen  int
	f    lib9p.Frame
	op   *op
	text string
}

var began = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC) // when bubbles begin

func (w *world) trace(kind evKind, s *session, gen int, f lib9p.Frame, o *op) *event {
	w.events = append(w.events, event{kind: kind, at: w.now, when: time.Since(began), s: s, gen: gen, f: f, op: o})
	return &w.events[len(w.events)-1]
}
