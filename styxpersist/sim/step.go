//go:build sim || mutate

package sim

import (
	"fmt"
	"io"
	"math/rand/v2"
	"time"
)

// How the world moves.

type answer struct {
	conn rwc
	err  error
}

// dial is what the session's dialer calls.
func (s *session) dial() (io.ReadWriteCloser, error) {
	c := make(chan answer)
	s.dials <- c
	a := <-c
	return a.conn, a.err
}

// settle lets styxpersist run until it waits, and takes in what it has said.
func (w *world) settle() {
	for again := true; again && w.err == nil; {
		w.wait()
		again = false
		for _, s := range w.sessions {
			for _, c := range s.conns {
				c.arrive()
			}
			s.hear()
			select {
			case s.dialing = <-s.dials:
			default:
			}
			select {
			case err := <-s.served:
				if !s.closing || err != nil {
					w.fail("Serve returned %v", err)
				}
				s.served = nil
			default:
			}
		}
	}
	w.impatient()
}

type choice struct {
	weight int
	do     func()
}

// step lets one thing happen.
func (w *world) step(r *rand.Rand) {
	w.settle()
	if w.err != nil {
		return
	}
	var choices []choice
	may := func(weight int, do func()) { choices = append(choices, choice{weight, do}) }
	for _, s := range w.sessions {
		if s.dialing != nil {
			may(4, func() { w.answer(s, r) })
		}
		for _, c := range s.conns {
			w.mayHappen(c, r, may)
		}
	}
	if len(choices) == 0 {
		w.pass(time.Duration(10+r.IntN(2000)) * time.Millisecond)
		return
	}
	may(1, func() { w.pass(time.Duration(1+r.IntN(150)) * time.Millisecond) })
	total := 0
	for _, c := range choices {
		total += c.weight
	}
	n := r.IntN(total)
	for _, c := range choices {
		if n -= c.weight; n < 0 {
			c.do()
			return
		}
	}
}

func (w *world) pass(d time.Duration) {
	w.trace(evTime, nil, 0, nil, nil).text = d.String()
	time.Sleep(d)
}

// mayHappen says what can happen on c.
func (w *world) mayHappen(c *sconn, r *rand.Rand, may func(int, func())) {
	switch {
	case c.doomed != nil:
		may(2, func() { d := c.doomed; c.doomed = nil; d() })
	case !c.timeout.IsZero():
		if !time.Now().Before(c.timeout) {
			may(20, func() { c.timedOut() })
		}
	}
	if c.dead && c.lateAt != 0 && !time.Now().Before(c.lateUntil) {
		c.end()
	}
	if len(c.pending) > 0 && (!c.dead || c.lateAt != 0 && (!w.haunted || c.timeout.IsZero() && !c.hung)) {
		weight := 8
		if c.dead {
			weight = 2
		}
		if c.dead && w.haunted {
			weight = 1
		}
		may(weight, func() {
			c.order()
			c.execute(r.IntN(len(c.pending)))
			if c.dieAfter > 0 && !c.dead {
				if c.dieAfter--; c.dieAfter == 0 && !w.calm.Load() {
					w.die(c, r)
				}
			}
			if n := len(c.unsaid); n > 0 && !c.dead && r.IntN(10) < 6 {
				c.say(n - 1)
			}
		})
	}
	if len(c.unsaid) > 0 && !c.dead {
		may(6, func() { c.say(r.IntN(len(c.unsaid))) })
	}
}

// answer answers a dial.
func (w *world) answer(s *session, r *rand.Rand) {
	c := s.dialing
	s.dialing = nil
	w.now++
	say := func(what string) { w.trace(evFault, s, 0, nil, nil).text = "dial: " + what }
	switch {
	case w.refusals > 0 && !w.calm.Load():
		w.refusals--
		say("refused")
		c <- answer{err: errRefused}
		return
	case s.closing:
		c <- answer{err: errRefused}
		return
	}
	plan := ""
	if len(s.plan) > 0 && !w.calm.Load() {
		plan, s.plan = s.plan[0], s.plan[1:]
	}
	if plan == "timeout" {
		say("no answer")
		c <- answer{err: errTimeout}
		return
	}
	sc := &sconn{w: w, sess: s, gen: len(s.conns) + 1, c: newConn(), d: w.d}
	switch plan {
	case "mute":
		sc.mute = true
	case "short":
		sc.dieAfter = 1 + r.IntN(14)
	}
	say(fmt.Sprint("connection ", sc.gen, " ", plan))
	s.conns = append(s.conns, sc)
	s.live = sc
	c <- answer{conn: sc.c}
}

// until lets the world go on until ok, or fails after a long time.
func (w *world) until(r *rand.Rand, long time.Duration, ok func() bool) bool {
	end := time.Now().Add(long)
	for w.err == nil {
		w.settle()
		if ok() {
			return true
		}
		if time.Now().After(end) {
			return false
		}
		w.step(r)
	}
	return false
}
