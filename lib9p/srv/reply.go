package srv

import (
	"fmt"
	"net"
)

// outgoing holds replies on their way. Guarded by the session's mutex.
type outgoing struct {
	list    []*buffer
	spare   []*buffer // the list's other half, for the next round
	bytes   int       // in list and under way
	writing bool      // somebody is in write
	err     error     // what ended writing; replies are dropped from then on
	vec     [][]byte  // scratch of who writes
}

func (o *outgoing) drop() {
	for i, b := range o.list {
		o.bytes -= len(b.b)
		b.free()
		o.list[i] = nil
	}
	o.list = o.list[:0]
}

// send puts a reply, which may be nil, into the outgoing list. It waits while
// the client takes nothing. s.mu is held.
func (s *session) send(b *buffer) {
	if b == nil {
		return
	}
	o := &s.out
	for o.bytes > maxOut && o.writing {
		s.change.Wait()
	}
	if s.muted || o.err != nil {
		b.free()
		return
	}
	o.bytes += len(b.b)
	if n := len(o.list); n > 0 {
		// Small ones share a buffer, so that a burst is one piece.
		if last := o.list[n-1]; len(b.b) <= 1024 && len(last.b)+len(b.b) <= cap(last.b) {
			last.b = append(last.b, b.b...)
			b.free()
			return
		}
	}
	o.list = append(o.list, b)
}

// write writes the outgoing list unless somebody is at it, who then goes on
// with what has come. s.mu is held, but not during the writing.
func (s *session) write() {
	o := &s.out
	if o.writing {
		return
	}
	o.writing = true
	for len(o.list) > 0 && o.err == nil {
		batch := o.list
		o.list = o.spare[:0]
		s.mu.Unlock()
		n, err := s.writeBatch(batch)
		s.mu.Lock()
		o.spare = batch[:0]
		o.bytes -= n
		if err != nil {
			o.err = err
			s.interruptLocked()
		}
		s.change.Broadcast()
	}
	if o.err != nil {
		o.drop()
	}
	o.writing = false
	s.change.Broadcast()
}

// writeBatch writes and frees buffers and returns how many bytes they held.
func (s *session) writeBatch(batch []*buffer) (n int, err error) {
	if len(batch) == 1 {
		n = len(batch[0].b)
		_, err = s.t.Write(batch[0].b)
	} else if _, ok := s.t.(net.Conn); !ok {
		n, err = s.writeJoined(batch)
	} else {
		vec := s.out.vec[:0]
		for _, b := range batch {
			n += len(b.b)
			vec = append(vec, b.b)
		}
		s.out.vec = vec
		bufs := net.Buffers(vec)
		_, err = bufs.WriteTo(s.t) // one writev where t is a socket
		clear(vec)
	}
	for i, b := range batch {
		b.free()
		batch[i] = nil
	}
	return n, err
}

// writeJoined writes a batch in pieces that are copied together, for what has no writev.
func (s *session) writeJoined(batch []*buffer) (n int, err error) {
	j := newBuffer(64 << 10)
	defer j.free()
	for i, b := range batch {
		n += len(b.b)
		j.b = append(j.b, b.b...)
		if err == nil && (i == len(batch)-1 || len(j.b)+len(batch[i+1].b) > cap(j.b)) {
			_, err = s.t.Write(j.b)
			j.b = j.b[:0]
		}
	}
	return n, err
}

// writeError returns what ended writing.
func (s *session) writeError() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.out.err == nil {
		return nil
	}
	return fmt.Errorf("write reply: %w", s.out.err)
}
