package client

import (
	"context"
	"fmt"
	"net"
	"sync"

	"github.com/styxkit/styxkit/lib9p"
)

// DefaultMsize is the message size that is offered where Options has none: 128 KiB of data and their header.
const DefaultMsize = 128<<10 + lib9p.IOHeader

// Options adjusts a connection; the zero value is good.
type Options struct {
	// Msize is the largest message offered to the server, in bytes; 0 stands for DefaultMsize.
	Msize uint32
	// Dialects are those that the caller can speak, the best first; nil stands for L, U, P2000.
	// The first is offered. What the server answers is taken if it is listed; else the next is offered.
	Dialects []lib9p.Dialect
}

// A Conn is a 9P conversation with a server. Its methods may be called at the same time.
type Conn struct {
	t       lib9p.Transport
	dialect lib9p.Dialect // immutable after New
	msize   uint32        // immutable after New
	done    chan struct{} // closed when the connection is over
	running sync.WaitGroup

	small, large sync.Pool // of *buffer
	calls        sync.Pool // of *call

	mu       sync.Mutex // guards what follows
	err      *ConnError // why the connection is over, nil while it is not
	wake     *sync.Cond // the writer waits for queue or err
	queue    []*buffer  // packed requests that wait for the writer, in order
	slots    []slot     // by tag
	resting  tagQueue
	tagFreed chan struct{} // closed and replaced when a tag comes free; nil while nobody waits for one
	nextFid  uint32
	freeFids []uint32
	discards []*Fid // fids to be clunked as soon as there is a tag
}

// A ConnError says that the connection is over, and why. The server refused nothing; it was not heard.
type ConnError struct {
	Op  string // what was being done: "read", "write", "close"
	Err error
}

func (e *ConnError) Error() string { return fmt.Sprintf("9p connection: %s: %v", e.Op, e.Err) }
func (e *ConnError) Unwrap() error { return e.Err }

// New agrees with the server on a dialect and a message size and returns the connection.
// It takes t over: t is closed by Close, when the line breaks, and when New fails.
// The end of ctx ends New but not the connection that it returned.
func New(ctx context.Context, t lib9p.Transport, opt Options) (*Conn, error) {
	c := &Conn{t: t, done: make(chan struct{})}
	c.wake = sync.NewCond(&c.mu)
	stop := context.AfterFunc(ctx, func() { t.Close() })
	r, err := c.negotiate(opt)
	if !stop() && ctx.Err() != nil {
		err = ctx.Err()
	}
	if err != nil {
		t.Close()
		return nil, err
	}
	c.small.New = func() any { return &buffer{b: make([]byte, 0, smallBuffer)} }
	c.large.New = func() any { return &buffer{b: make([]byte, 0, c.msize)} }
	c.calls.New = func() any { return &call{done: make(chan struct{}, 1)} }
	c.running.Go(func() { c.read(r) })
	c.running.Go(c.write)
	return c, nil
}

// Dialect returns the dialect agreed on.
func (c *Conn) Dialect() lib9p.Dialect { return c.dialect }

// Msize returns the size of the largest message agreed on, in bytes.
func (c *Conn) Msize() uint32 { return c.msize }

// Close hangs up. Calls under way return a *ConnError for net.ErrClosed.
// It returns when nothing of the connection is left running, and may be called again.
func (c *Conn) Close() error {
	c.fail("close", net.ErrClosed)
	c.running.Wait()
	return nil
}

// Done returns a channel that is closed when the connection is over.
func (c *Conn) Done() <-chan struct{} { return c.done }

// Err returns nil while the connection is well, and then the *ConnError that ended it.
func (c *Conn) Err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err == nil {
		return nil
	}
	return c.err
}

// fail ends the connection and wakes every waiter. Only the first reason counts.
func (c *Conn) fail(op string, err error) {
	if c.end(&ConnError{Op: op, Err: err}) {
		c.t.Close()
	}
}

// end is the part of fail that needs the mutex. It returns false where the connection was over before.
func (c *Conn) end(err *ConnError) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err != nil {
		return false
	}
	c.err = err
	for i := range c.slots {
		if k := c.slots[i].call; k != nil && !k.abandoned {
			k.err = c.err
			k.done <- struct{}{}
		}
	}
	c.slots, c.queue, c.discards = nil, nil, nil
	c.wake.Broadcast()
	close(c.done)
	return true
}
