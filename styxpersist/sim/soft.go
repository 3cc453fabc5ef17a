//go:build sim || mutate

package sim

import (
	"time"

	"github.com/styxkit/styxkit/lib9p"
)

// With Config.Soft nobody waits for longer than that while the server is away, or silent. What was never sent is refused, and must
// never be done then; what was may be done at any time, and the client is told that nobody knows.

var softTimes = [...]time.Duration{500 * time.Millisecond, 2 * time.Second, 10 * time.Second}

// comesBack takes in that styxpersist sends r on c. When it does what a client asks it does not wait any more, but for a Tattach, which
// it makes by itself too.
func (c *sconn) comesBack(r *sreq) {
	typ := r.frame.Type()
	if typ == lib9p.TypeTversion {
		return
	}
	c.sess.lostAt = time.Time{}
	looks := c.w.tree.epoch > 0 && r.op != nil && looks(r.op.msg) // as it does, too, at a tree that may be another
	if r.op == nil || typ == lib9p.TypeTattach || looks || c.back || c.dead {
		return
	}
	if c.back = true; c.sess.isSilent() {
		c.sess.tiredUntil = time.Now() // what was issued before has its answer on the way
	}
	c.sess.heard = c.said
}

// heardFrom takes in that s hears something from c. Whether it may still refuse at once it finds out when it looks.
func (s *session) heardFrom(c *sconn) {
	now := time.Now()
	if c.dead || c.insane {
		return
	}
	if c.said = now; !c.back {
		return
	}
	if s.isSilent() {
		s.tiredUntil = now.Add(min(5*time.Second, s.w.soft/4))
	}
	s.heard = now
}

// isSilent reports whether s has heard nothing for as long as it is to wait. It looks four times in that time, and may count from a look on.
func (s *session) isSilent() bool { return s.w.soft > 0 && time.Since(s.heard) >= s.w.soft*3/4 }

// mayTire reports whether s may have given up waiting, also for one tree, where to prove who attaches takes that long.
func (s *session) mayTire() bool {
	return s.isSilent() || s.w.soft > 0 && (s.w.proved || !time.Now().After(s.tiredUntil))
}

// loses takes in that the session knows that c is dead.
func (c *sconn) loses() {
	if s := c.sess; s.live == c && s.lostAt.IsZero() {
		s.lostAt = time.Now()
	}
}

// isCutOff reports whether s has no server, which nobody has waited for.
func (s *session) isCutOff() bool { return s.w.soft > 0 && s.live != nil && s.live.dead }

// impatient looks whether somebody waits for longer than Soft.
func (w *world) impatient() {
	const late = 2 * time.Second // until what a broken connection still says has been heard
	for _, s := range w.sessions {
		if w.soft == 0 || s.closing || s.lostAt.IsZero() || time.Since(s.lostAt) < w.soft+late {
			continue
		}
		for _, o := range s.open() {
			if o.typ != lib9p.TypeTflush && time.Since(o.when) >= w.soft+late {
				w.fail("operation %d, %s, waits though the server has been away for longer than Soft", o.id, lib9p.TypeName(o.typ))
			}
		}
	}
}

// tired reports whether e, the answer to o, is what is said where nobody waits any longer.
func (o *op) tired(e *lib9p.Error) bool {
	w := o.s.w
	return w.soft > 0 && (w.isNoServer(e) || w.isUndecided(e) && o.s.mayTire())
}

func (w *world) isNoServer(e *lib9p.Error) bool {
	return w.d != lib9p.L && e.Ename == "server not responding"
}

// judgeTired judges such an answer.
func (w *world) judgeTired(o *op, e *lib9p.Error) {
	name := lib9p.TypeName(o.typ)
	o.outcome = undecided
	switch {
	case !o.s.mayTire():
		w.fail("operation %d, %s, was refused as the server is away, which it is not", o.id, name)
	case w.isNoServer(e) || len(o.asked()) == 0 && w.d == lib9p.L: // which has one error for both
		o.outcome = refused
		if o.late && o.effects() > 0 {
			w.fail("operation %d, %s, was refused as the server is away, and has been done", o.id, name)
		}
	case len(o.asked()) == 0:
		w.fail("operation %d, %s, was called undecided though it was never sent", o.id, name)
	}
	if o.fid != nil && (o.changesFid() || o.fid.xmake) {
		o.fid.dead = true // what it has made of its fid, nobody knows
	}
}
