//go:build sim || mutate

package sim

import (
	"io"
	"net"
	"os"
	"sync"
	"time"
)

// A conn is the end of a connection that styxpersist holds. The world is at the other end: it takes what was written
// from out, and puts what is to be read into in, when it likes.
type conn struct {
	mu       sync.Mutex
	cond     *sync.Cond
	in       []byte
	inErr    error // what Read says when in is empty
	out      []byte
	lost     []byte // what Write took and the world will never see
	outErr   error  // what Write says
	outLeft  int    // bytes that Write still takes before outErr; -1 for all
	closed   bool
	wclosed  bool // CloseWrite
	deadline *time.Timer
	expired  bool
}

func newConn() *conn {
	c := &conn{outLeft: -1}
	c.cond = sync.NewCond(&c.mu)
	return c
}

func (c *conn) Read(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for {
		switch {
		case c.closed:
			return 0, net.ErrClosed
		case c.expired:
			return 0, os.ErrDeadlineExceeded
		case len(c.in) > 0:
			n := copy(p, c.in)
			c.in = c.in[n:]
			return n, nil
		case c.inErr != nil:
			return 0, c.inErr
		}
		c.cond.Wait()
	}
}

func (c *conn) Write(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.closed || c.wclosed:
		return 0, net.ErrClosed
	case c.outLeft >= 0 && len(p) > c.outLeft:
		n := c.outLeft
		c.out = append(c.out, p[:n]...)
		c.outLeft = 0
		if c.outErr == nil {
			c.lost = append(c.lost, p[n:]...)
			return len(p), nil
		}
		return n, c.outErr
	}
	if c.outLeft >= 0 {
		c.outLeft -= len(p)
	}
	c.out = append(c.out, p...)
	return len(p), nil
}

func (c *conn) Close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed = true
	if c.deadline != nil {
		c.deadline.Stop()
	}
	c.cond.Broadcast()
	return nil
}

func (c *conn) CloseWrite() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.wclosed = true
	return nil
}

func (c *conn) SetReadDeadline(t time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return net.ErrClosed
	}
	if c.deadline != nil {
		c.deadline.Stop()
		c.deadline = nil
	}
	c.expired = false
	if t.IsZero() {
		return nil
	}
	c.deadline = time.AfterFunc(time.Until(t), func() {
		c.mu.Lock()
		c.expired = true
		c.cond.Broadcast()
		c.mu.Unlock()
	})
	return nil
}

// SetKeepAlive says that nobody need ask a connection whether it lives when nothing is awaited, which would be for ever.
func (c *conn) SetKeepAlive(bool) error { return nil }

// SetWriteDeadline does nothing: no write waits.
func (c *conn) SetWriteDeadline(time.Time) error { return nil }

// take returns what was written since, what of it is lost, and whether the holder has ended its writing.
func (c *conn) take() (b, lost []byte, ended bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	b, c.out = c.out, nil
	lost, c.lost = c.lost, nil
	return b, lost, c.closed || c.wclosed
}

func (c *conn) isClosed() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.closed
}

// put gives the holder something to read.
func (c *conn) put(b []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.in = append(c.in, b...)
	c.cond.Broadcast()
}

// fail ends the connection from the world's side: err once what lies there has been read, or at once.
// Writes get werr, or go nowhere where that is nil.
func (c *conn) fail(err, werr error, atOnce bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if atOnce {
		c.in = nil
	}
	c.inErr, c.outErr, c.outLeft = err, werr, 0
	c.cond.Broadcast()
}

var _ io.ReadWriteCloser = (*conn)(nil)
