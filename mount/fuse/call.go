package fuse

import (
	"context"
	"sync"
	"time"

	gofuse "github.com/hanwen/go-fuse/v2/fuse"
)

// tick is how often calls are looked at that the kernel may have interrupted.
// A server that answers within this time never sees a Tflush.
const tick = 20 * time.Millisecond

// A call is the context of a question of the kernel's.
type call struct {
	calls     *calls
	interrupt <-chan struct{} // closed when the caller has got some signal
	caller    uint32          // its thread
	done      chan struct{}   // closed when the call is to be given up

	// guarded by calls.mu
	next, prev *call
	any        bool // any signal ends the call
	gone       bool // done is closed
}

func (c *call) Deadline() (time.Time, bool) { return time.Time{}, false }
func (c *call) Done() <-chan struct{}       { return c.done }
func (c *call) Value(any) any               { return nil }

func (c *call) Err() error {
	select {
	case <-c.done:
		return context.Canceled
	default:
		return nil
	}
}

// calls is the list of all calls under way. One goroutine watches it while it is not empty.
type calls struct {
	dead func() bool // reports whether the kernel has dropped the file system

	mu    sync.Mutex                         // guards what follows and the calls
	ends  func(thread uint32, any bool) bool // reports whether a thread has a signal that ends its call
	head  call                               // of a ring; its interrupt and done are nil
	awake bool                               // the watching goroutine runs
}

func newCalls(dead func() bool, ends func(uint32, bool) bool) *calls {
	s := &calls{dead: dead, ends: ends}
	s.head.next, s.head.prev = &s.head, &s.head
	return s
}

// begin returns the context for a question; end must be called.
func (s *calls) begin(interrupt <-chan struct{}, h *gofuse.InHeader) *call {
	c := &call{calls: s, interrupt: interrupt, caller: h.Pid, done: make(chan struct{})}
	s.mu.Lock()
	defer s.mu.Unlock()
	c.next, c.prev = &s.head, s.head.prev
	c.prev.next, c.next.prev = c, c
	if !s.awake {
		s.awake = true
		go s.watch()
	}
	return c
}

// anySignal lets any signal end c, as is right where the wait is the program's wish.
func (c *call) anySignal() {
	c.calls.mu.Lock()
	defer c.calls.mu.Unlock()
	c.any = true
}

func (c *call) end() {
	c.calls.mu.Lock()
	defer c.calls.mu.Unlock()
	c.next.prev, c.prev.next = c.prev, c.next
}

// idle is how many ticks the watcher stays for without a call to watch.
const idle = 50

func (s *calls) watch() {
	t := time.NewTicker(tick)
	defer t.Stop()
	for empty := 0; ; empty++ {
		<-t.C
		list, ends := s.interrupted()
		dead := len(list) > 0 && s.dead()
		for _, c := range list {
			if dead || ends(c.caller, c.any) {
				s.cancel(c.call)
			}
		}
		s.mu.Lock()
		if s.head.next != &s.head {
			empty = 0
		}
		s.awake = empty < idle
		awake := s.awake
		s.mu.Unlock()
		if !awake {
			return
		}
	}
}

// A suspect is a call whose caller has got a signal.
type suspect struct {
	*call
	any bool
}

func (s *calls) interrupted() (list []suspect, ends func(uint32, bool) bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := s.head.next; c != &s.head; c = c.next {
		select {
		case <-c.interrupt:
			if !c.gone {
				list = append(list, suspect{c, c.any})
			}
		default:
		}
	}
	return list, s.ends
}

func (s *calls) cancel(c *call) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !c.gone {
		c.gone = true
		close(c.done)
	}
}
