//go:build unix

package styxpersist

import (
	"io"
	"net"
	"os"
	"sync"
	"syscall"
	"time"
)

// A wire is one end of a connection in memory. It keeps what was written until it is read, as sockets do, ends as they
// do, and works in a bubble of testing/synctest.
type wire struct {
	in, out *stream
}

// newWires returns the two ends of a connection.
func newWires() (a, b *wire) {
	x, y := newStream(), newStream()
	return &wire{in: x, out: y}, &wire{in: y, out: x}
}

func (w *wire) Read(b []byte) (int, error)  { return w.in.read(b) }
func (w *wire) Write(b []byte) (int, error) { return w.out.write(b) }

// Close ends both directions: the peer reads io.EOF, and its writes fail.
func (w *wire) Close() error {
	w.in.end(net.ErrClosed, syscall.EPIPE, true)
	w.out.end(io.EOF, net.ErrClosed, false)
	return nil
}

// CloseWrite ends what this end says.
func (w *wire) CloseWrite() error {
	w.out.end(io.EOF, syscall.EPIPE, false)
	return nil
}

// fail breaks the connection: the peer reads err, after what was written before, and writes fail.
func (w *wire) fail(err error) {
	w.out.end(err, net.ErrClosed, false)
	w.in.end(net.ErrClosed, err, true)
}

// takeOnly has this end take n more bytes; the peer's Write of more is cut there and fails with a reset.
func (w *wire) takeOnly(n int) {
	w.in.mu.Lock()
	w.in.left = n
	w.in.mu.Unlock()
}

func (w *wire) SetReadDeadline(t time.Time) error {
	w.in.setDeadline(t)
	return nil
}

// SetWriteDeadline ends writes that wait, and those to come, where t has passed.
func (w *wire) SetWriteDeadline(t time.Time) error {
	w.out.setWriteDeadline(t)
	return nil
}

// fill has this end take nothing more. The channel tells when the peer's Write waits.
func (w *wire) fill() <-chan struct{} {
	w.in.mu.Lock()
	defer w.in.mu.Unlock()
	w.in.full = make(chan struct{}, 1)
	return w.in.full
}

// empty has this end take what the peer writes, again.
func (w *wire) empty() {
	w.in.mu.Lock()
	w.in.full = nil
	w.in.more.Broadcast()
	w.in.mu.Unlock()
}

// A stream is one direction of a wire.
type stream struct {
	mu        sync.Mutex
	more      *sync.Cond
	buf       []byte
	rerr      error // of Read, when buf is empty
	werr      error // of Write
	left      int   // bytes that Write takes still, where it is not negative
	timer     *time.Timer
	timed     bool // the deadline has passed
	wtimer    *time.Timer
	wtimed    bool          // that of Write
	abandoned bool          // nobody reads any more
	full      chan struct{} // not nil: Write waits, and says so here
}

func newStream() *stream {
	s := &stream{left: -1}
	s.more = sync.NewCond(&s.mu)
	return s
}

func (s *stream) read(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for len(s.buf) == 0 || s.abandoned || s.timed {
		switch {
		case s.timed && !s.abandoned:
			return 0, os.ErrDeadlineExceeded
		case s.rerr != nil:
			err := s.rerr
			if _, ok := err.(syscall.Errno); ok {
				s.rerr = io.EOF // a socket tells its error once
			}
			return 0, err
		}
		s.more.Wait()
	}
	n := copy(b, s.buf)
	s.buf = s.buf[n:]
	return n, nil
}

func (s *stream) write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for s.full != nil && s.werr == nil && !s.wtimed {
		select {
		case s.full <- struct{}{}:
		default:
		}
		s.more.Wait()
	}
	switch {
	case s.werr != nil:
		return 0, s.werr
	case s.wtimed:
		return 0, os.ErrDeadlineExceeded
	}
	n := len(b)
	if s.left >= 0 && n > s.left {
		n = s.left
	}
	if s.left >= 0 {
		s.left -= n
	}
	s.buf = append(s.buf, b[:n]...)
	s.more.Broadcast()
	if n < len(b) {
		s.werr = syscall.EPIPE
		return n, s.werr
	}
	return n, nil
}

func (s *stream) end(rerr, werr error, abandon bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.rerr == nil || abandon {
		s.rerr = rerr
	}
	if s.werr == nil {
		s.werr = werr
	}
	s.abandoned = s.abandoned || abandon
	for _, t := range [...]*time.Timer{s.timer, s.wtimer} {
		if t != nil && s.abandoned {
			t.Stop()
		}
	}
	s.more.Broadcast()
}

func (s *stream) setDeadline(t time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.timer != nil {
		s.timer.Stop()
	}
	s.timed = false
	if t.IsZero() || s.abandoned {
		return
	}
	s.timer = time.AfterFunc(time.Until(t), func() {
		s.mu.Lock()
		s.timed = true
		s.more.Broadcast()
		s.mu.Unlock()
	})
}

func (s *stream) setWriteDeadline(t time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.wtimer != nil {
		s.wtimer.Stop()
	}
	s.wtimed = !t.IsZero() && !t.After(time.Now())
	s.more.Broadcast()
	if t.IsZero() || s.wtimed || s.abandoned {
		return
	}
	s.wtimer = time.AfterFunc(time.Until(t), func() {
		s.mu.Lock()
		s.wtimed = true
		s.more.Broadcast()
		s.mu.Unlock()
	})
}
