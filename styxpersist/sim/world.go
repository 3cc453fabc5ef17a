//go:build sim || mutate

package sim

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"time"

	"github.com/styxkit/styxkit/lib9p"
	"github.com/styxkit/styxkit/styxpersist"
)

type rwc = io.ReadWriteCloser

// A History says what is to happen. Two runs of one are the same.
type History struct {
	Seed    uint64
	Dialect lib9p.Dialect
	Slots   int
	Skip    map[int]bool // slots that are left out
}

// A world is the clients, the server and the clock of one history.
type world struct {
	h        History
	d        lib9p.Dialect
	wait     func() // until styxpersist can do nothing more
	tree     *tree
	sessions []*session
	ops      []*op
	events   []event
	now      int // counts what happens
	changes  int // of the tree
	ids      uint32
	err      error
	kind     string // of err
	msize    uint32
	refusals int // dials to refuse until the server is up again
	faults   int // of a hundred slots
	calm     bool

	quirks
	luck     *rand.Rand    // what happens to a request when it is executed
	pair     bool          // two clients
	silly    bool          // with Config.Silly
	soft     time.Duration // Config.Soft
	deaf     bool          // of connections that fall silent the session learns no more than that
	proved   bool          // the server wants users to be proved, with Config.Auth
	ahead    int           // reads that came before their fid was open
	early    int           // and were executed before
	sole     bool          // styxpersist is told that nobody else makes names
	stranger *session      // whose the changes of somebody else are
}

func (w *world) id() uint32 { w.ids++; return w.ids }

func (w *world) fail(format string, args ...any) {
	if w.err == nil {
		w.err = fmt.Errorf(format, args...)
		w.kind = format
	}
}

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

func (w *world) random(slot int) *rand.Rand {
	return rand.New(rand.NewPCG(w.h.Seed, uint64(slot)<<8|uint64(w.d)))
}

// run plays the history. It must be called in a bubble of testing/synctest, whose Wait is wait.
func (h History) run(wait func()) *world {
	w := &world{h: h, d: h.Dialect, wait: wait, tree: newTree(), msize: 8192}
	r := w.random(1 << 20)
	w.faults = [...]int{0, 3, 6, 12}[r.IntN(4)]
	w.quirks = drawQuirks(r)
	w.luck, w.stranger = w.random(1<<20+2), &session{w: w, num: 9}
	w.tears = w.random(1<<21).IntN(2) == 0
	w.hasty = w.random(1<<23).IntN(3) == 0
	w.silly = w.random(1<<20+3).IntN(4) == 0
	w.deaf = w.random(1<<20+4).IntN(6) == 0
	if r := w.random(1<<20 + 5); r.IntN(6) == 0 {
		w.soft = softTimes[r.IntN(len(softTimes))]
	}
	w.proved = w.random(1<<20+4).IntN(8) == 0
	if r.IntN(8) == 0 {
		w.msize = 512
	}
	w.furnish(r)
	n := 1
	if w.pair = r.IntN(3) == 0; w.pair {
		n = 2
	}
	w.sole = !w.pair && !w.visited && w.random(1<<22).IntN(2) == 0
	for i := range n {
		w.begin(i)
	}
	for slot := 0; slot < h.Slots && w.err == nil; slot++ {
		if h.Skip[slot] {
			continue
		}
		r := w.random(slot)
		switch {
		case r.IntN(100) < w.faults:
			w.fault(r)
		case w.visited && r.IntN(30) == 0:
			w.intrude(r)
		default:
			s := w.sessions[r.IntN(len(w.sessions))]
			(&drawing{s, r}).next()
		}
		for n := w.steps(r); n > 0 && w.err == nil; n-- {
			w.step(r)
		}
	}
	w.finish(w.random(1<<20 + 1))
	return w
}

// steps says how far the world gets before the next slot.
func (w *world) steps(r *rand.Rand) int {
	if r.IntN(4) == 0 {
		return 0
	}
	return 1 + r.IntN(6)
}

// furnish puts something into the tree.
func (w *world) furnish(r *rand.Rand) {
	t := w.tree
	for _, name := range []string{"a", "b"} {
		dir := t.newInode(lib9p.ModeDir | 0o755)
		t.put(0, t.root, name, dir)
		for i := range 1 + r.IntN(8) {
			f := t.newInode(lib9p.ModeRegular | 0o644)
			f.data = fmt.Appendf(nil, "%s/%d: the first content of this file", name, i)
			f.append = w.d != lib9p.L && r.IntN(4) == 0
			t.put(0, dir, string(rune('a'+i)), f)
		}
	}
	sub := t.newInode(lib9p.ModeDir | 0o755)
	t.put(0, t.root.entries["a"].node, "x", sub)
	for i := range 12 {
		t.put(0, sub, fmt.Sprintf("entry%d", i), t.newInode(lib9p.ModeRegular|0o644))
	}
}

func (w *world) begin(i int) {
	s := &session{w: w, num: i, client: newConn(), fids: make(map[uint32]*cfid), tags: make(map[uint16]*op),
		served: make(chan error, 1), redial: make(chan chan<- rwc), dials: make(chan chan answer)}
	w.sessions = append(w.sessions, s)
	go styxpersist.Dialer(s.redial, s.dial)
	cfg := styxpersist.Config{Redial: s.redial, Rand: jitter, Sole: w.sole, Silly: w.silly, Soft: w.soft}
	if w.proved {
		cfg.Auth = s.prove
	}
	cfg, s.audit = styxpersist.Watched(cfg)
	go func() { s.served <- styxpersist.Serve(context.Background(), s.client, cfg) }()
	r := w.random(1<<21 + i)
	s.issue(&lib9p.Tversion{Msize: w.msize, Version: w.d.String()}, nil, nil, nil)
	w.until(r, time.Minute, s.idle)
	root := s.free()
	s.issue(&lib9p.Tattach{Fid: root.num, Afid: lib9p.NoFid, Uname: "u", Nuname: 7}, nil, nil, root)
	w.until(r, time.Minute, s.idle)
}

// jitter is no jitter, so that a history is the same each time.
func jitter() float64 { return 0.5 }

func (s *session) idle() bool { return len(s.tags) == 0 }

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
				if c.dieAfter--; c.dieAfter == 0 && !w.calm {
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
	case w.refusals > 0 && !w.calm:
		w.refusals--
		say("refused")
		c <- answer{err: errRefused}
		return
	case s.closing:
		c <- answer{err: errRefused}
		return
	}
	plan := ""
	if len(s.plan) > 0 && !w.calm {
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

// finish ends the history in peace, and looks at what is left.
func (w *world) finish(r *rand.Rand) {
	w.calm, w.refusals = true, 0
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
