package styxpersist

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/styxkit/styxkit/lib9p"
	"github.com/styxkit/styxkit/lib9p/hidden"
)

// A session is what begins with a client's Tversion: its table of fids and requests, and the server
// connections, one after the other, on which it lives.
//
// gate is held by who notes or releases requests and writes them: taken before mu, never while it is held.
// mu guards the table; nothing is read or written while it is held.
type session struct {
	link     *link
	log      *slog.Logger
	herald   herald
	counters *Counters

	msize uint32
	d     lib9p.Dialect

	gate  sync.Mutex
	burst burst // of relay; gate
	out   burst // of the sender; gate

	mu        sync.Mutex
	srv       *server // nil while the server is away
	agreedOn  bool    // the client has its Rversion
	fids      map[uint32]*fid
	order     order // of the fids
	roots     []*root
	reqs      []*request // by ctag
	seq       uint64
	spare     []*request
	spareBig  []*request
	ready     []*request     // may be sent, in order
	owed      []*node        // held: files that have to get their mode back
	zombies   []*server      // dead connections that may execute something still, and are being drained
	haunted   bool           // one was drained in vain
	ghosts    map[ghost]bool // names that may change at any time for what was answered long ago, see doubt.go
	blurred   uint64         // seq when a name was last changed in a directory that may have another node
	hazards   []hazard       // what they may do to newer requests
	hangs     int            // how many connections in a row fell silent; what takes long has to come to an end some time
	moves     uint64         // requests that change names, answered so far
	bytes     int            // of requests that have no answer
	attrs     int            // bytes of attributes that are being written
	room      *sync.Cond     // of mu: bytes became less, or the session ends
	contents  *contents
	nums      *numbering // of the server's qids, nil where the client has the same
	keepsQids bool       // the server has come back with the qids that it had
	useless   time.Time  // since when no server has been of use, with Config.Soft
	absence   absence    // the present or last one of the server

	namer    *hidden.Namer   // nil: removed files are removed
	stays    map[*node]*stay // held: files with hidden names
	sweeping map[place]bool  // hidden names left behind that are being removed
	litter   []place         // held: the session's own that nothing depends on, see litter.go

	wary  bool // no read goes ahead any more, see ahead.go
	tired bool // with Config.Soft: the server is away for so long that nobody waits for it

	fidsFollow bool // the server's fids stay with their files when these are renamed, as far as is known

	local    []byte // answers of our own that are to be told; mu
	telling  []byte // link.wmu
	hasLocal atomic.Bool
	over     atomic.Bool // set under link.wmu: nothing more is told

	kicked  chan struct{} // capacity 1: the sender has something to do
	asOwner chan struct{} // capacity 1: full while modes are changed
	ctx     context.Context
	cancel  context.CancelFunc
	work    sync.WaitGroup
}

func newSession(l *link, d lib9p.Dialect, msize uint32) *session {
	s := &session{
		link: l, log: l.log, d: d, msize: msize, contents: newContents(),
		herald: herald{wake: make(chan struct{}, 1)}, counters: l.cfg.Counters,
		fids:   make(map[uint32]*fid),
		reqs:   make([]*request, 64),
		kicked: make(chan struct{}, 1), asOwner: make(chan struct{}, 1),
	}
	s.room = sync.NewCond(&s.mu)
	if l.cfg.Silly {
		s.namer, s.stays, s.sweeping = hidden.New(), make(map[*node]*stay), make(map[place]bool)
	}
	return s
}

// begin starts the session's goroutines. They end with ctx, or at end.
func (s *session) begin(ctx context.Context) {
	s.ctx, s.cancel = context.WithCancel(ctx)
	context.AfterFunc(s.ctx, func() {
		s.mu.Lock()
		s.room.Broadcast()
		s.mu.Unlock()
	})
	s.spawn(s.proclaim)
	s.spawn(s.keep)
	s.spawn(s.sender)
	if s.namer != nil {
		s.spawn(s.renew)
	}
}

func (s *session) spawn(f func()) {
	s.work.Add(1)
	go func() {
		defer s.work.Done()
		f()
	}()
}

// end ends the session: no request of its gets an answer any more. It returns when all
// that the session began has stopped.
func (s *session) end() {
	s.link.wmu.Lock()
	s.over.Store(true)
	s.link.wmu.Unlock()
	s.cancel()
	s.work.Wait()
	s.tellNews()
}

// agreed reports whether the client has its Rversion.
func (s *session) agreed() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.agreedOn
}

// after runs f with the mutex held when d has passed, unless the session ends before.
func (s *session) after(d time.Duration, f func()) {
	s.spawn(func() {
		t := time.NewTimer(d)
		defer t.Stop()
		select {
		case <-s.ctx.Done():
			return
		case <-t.C:
		}
		s.mu.Lock()
		f()
		s.mu.Unlock()
		s.tell(nil)
	})
}

// maxBytes bounds what waiting requests may hold before the client is read slowly, and fourfold before it is not read any more.
// A Tflush or a hang-up behind it waits too, so it is generous.
const (
	maxBytes = 32 << 20
	slowRead = 50 * time.Millisecond
)

// waitForRoom slows down the client's reader while its requests hold too much.
func (s *session) waitForRoom() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.bytes <= maxBytes {
		return
	}
	slow := true
	t := time.AfterFunc(slowRead, func() {
		s.mu.Lock()
		slow = false
		s.room.Broadcast()
		s.mu.Unlock()
	})
	defer t.Stop()
	for s.bytes > maxBytes && (slow || s.bytes > 4*maxBytes) && s.ctx.Err() == nil {
		s.room.Wait()
	}
}
