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
	age        int  // in ticks, up to parkAge: from then on a goroutine waits for the interrupt
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

// calls is the list of all calls under way. One goroutine watches it while there is one that is
// young or interrupted, so that a quick call costs no goroutine and a long wait no processor time.
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
	s.wake()
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
	if c.age == parkAge && !c.gone {
		c.gone = true
		close(c.done)
	}
}

// parkAge is how many ticks a call is watched for before it gets a goroutine of its own.
const parkAge = 50

// park waits for c's interrupt and has c watched again.
func (c *call) park() {
	select {
	case <-c.done:
	case <-c.interrupt:
		c.calls.mu.Lock()
		defer c.calls.mu.Unlock()
		c.calls.wake()
	}
}

// wake starts the watching goroutine unless it runs. The mutex is held.
func (s *calls) wake() {
	if !s.awake {
		s.awake = true
		go s.watch()
	}
}

// idle is how many ticks the watcher stays for with nothing to watch.
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
		if s.grow() || len(list) > 0 {
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

// grow makes the calls a tick older and reports whether one is still to be watched for its interrupt. The mutex is held.
func (s *calls) grow() (young bool) {
	for c := s.head.next; c != &s.head; c = c.next {
		if c.age == parkAge {
			continue
		}
		young = true
		if c.age++; c.age == parkAge && !c.gone {
			go c.park()
		}
	}
	return young
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
