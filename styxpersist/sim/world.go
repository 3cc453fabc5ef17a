//go:build sim || mutate

package sim

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"sync/atomic"
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
	refusals int         // dials to refuse until the server is up again
	faults   int         // of a hundred slots
	calm     atomic.Bool // who proves a user looks, too

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
