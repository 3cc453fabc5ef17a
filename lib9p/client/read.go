package client

import (
	"errors"
	"fmt"
	"io"

	"github.com/styxkit/styxkit/lib9p"
)

// read is the goroutine that takes replies, until the connection is over.
func (c *Conn) read(r *lib9p.Reader) {
	for {
		f, err := r.Next()
		if err == io.EOF {
			err = errors.New("server hung up")
		}
		if err == nil {
			err = c.receive(f)
		}
		if err != nil {
			c.fail("read", err)
			return
		}
	}
}

// receive hands a reply to the call that it answers. An error means that no honest server sends this.
func (c *Conn) receive(f lib9p.Frame) error {
	if err := f.Validate(c.dialect); err != nil {
		return err
	}
	c.mu.Lock()
	k, err := c.answered(f)
	c.mu.Unlock()
	if k == nil {
		return err
	}
	// Outside the mutex: nobody but the caller has k now, and the caller waits for done.
	k.take(c.dialect, f)
	k.done <- struct{}{}
	return nil
}

// answered empties the slot of f's tag. It returns the call to take f, or nil where nobody waits. c.mu is held.
func (c *Conn) answered(f lib9p.Frame) (*call, error) {
	tag := f.Tag()
	if c.err != nil {
		return nil, c.err
	}
	if i := int(tag &^ flushBit); i >= len(c.slots) {
		return nil, fmt.Errorf("%s has tag %d, which no request has", lib9p.TypeName(f.Type()), tag)
	}
	if tag&flushBit != 0 {
		return nil, c.rflush(f, tag&^flushBit)
	}
	s := &c.slots[tag]
	k := s.call
	if k == nil || k.queued {
		return nil, fmt.Errorf("%s has tag %d, which no request has", lib9p.TypeName(f.Type()), tag)
	}
	o, err := k.judge(f)
	if err != nil {
		return nil, err
	}
	s.call = nil
	c.settle(k, o)
	if !s.flushing {
		c.freeTag(tag)
	}
	if k.abandoned {
		return nil, nil
	}
	return k, nil
}

// rflush takes the answer to the Tflush of tag. A refused one leaves its request as it was. c.mu is held.
func (c *Conn) rflush(f lib9p.Frame, tag uint16) error {
	s := &c.slots[tag]
	if !s.flushing || f.Type() != lib9p.TypeRflush && !refusal(f) {
		return fmt.Errorf("%s has tag %d, which no request has", lib9p.TypeName(f.Type()), f.Tag())
	}
	s.flushing = false
	k := s.call
	switch {
	case k != nil && refusal(f):
		return nil
	case k != nil:
		s.call = nil
		c.settle(k, flushed)
		if !k.abandoned {
			k.err = errFlushed
			k.done <- struct{}{}
		}
	}
	c.freeTag(tag)
	return nil
}

func refusal(f lib9p.Frame) bool {
	return f.Type() == lib9p.TypeRerror || f.Type() == lib9p.TypeRlerror
}

// judge says what f, a valid message, means for k.
func (k *call) judge(f lib9p.Frame) (outcome, error) {
	typ := f.Type()
	if refusal(f) {
		return refused, nil
	}
	if typ != k.want {
		return 0, fmt.Errorf("%s answers a request for %s", lib9p.TypeName(typ), lib9p.TypeName(k.want))
	}
	count := uint32(0)
	switch typ {
	case lib9p.TypeRread, lib9p.TypeRreaddir, lib9p.TypeRwrite:
		count = f.U32(lib9p.OffBody)
	case lib9p.TypeRwalk:
		count = uint32(f.U16(lib9p.OffBody))
	}
	if count > k.max {
		return 0, fmt.Errorf("%s has %d where %d was asked for", lib9p.TypeName(typ), count, k.max)
	}
	if typ == lib9p.TypeRwalk && count < k.max {
		return halfway, nil
	}
	return granted, nil
}

// take puts what f says into k.
func (k *call) take(d lib9p.Dialect, f lib9p.Frame) {
	switch f.Type() {
	case lib9p.TypeRread, lib9p.TypeRreaddir:
		k.n = copy(k.dst, f[lib9p.OffBody+4:])
		return
	case lib9p.TypeRwrite:
		k.n = int(f.U32(lib9p.OffBody))
		return
	}
	if _, k.msg, k.err = lib9p.Unpack(d, f); k.err != nil {
		return
	}
	if e := lib9p.ErrorOf(k.msg); e != nil {
		k.err = e
	}
}
