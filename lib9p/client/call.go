package client

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/styxkit/styxkit/lib9p"
)

// Tags below flushBit belong to calls. The Tflush of a call has the call's tag with flushBit set,
// so that a flush never has to wait for a tag. lib9p.NoTag stays unused: maxTags leaves it out.
const (
	flushBit = 0x8000
	maxTags  = flushBit - 1
)

// flushWait is how long a cancelled call waits for the server's word.
const flushWait = 250 * time.Millisecond

var (
	errFlushed = errors.New("flushed")
	// ErrClunked is the error of a call on a fid after its Clunk or Remove.
	ErrClunked = errors.New("fid is clunked already")
)

// A call is a request and the wait for its reply. It is its caller's until it is in a slot and again
// from when done has been sent on; in between Conn.mu guards it. One that is abandoned never comes back.
type call struct {
	tag    uint16
	want   uint8         // type of the reply
	max    uint32        // the most that the reply's count may be, where it has one
	fids   [2]*Fid       // the fids that the request names; they hold on to their numbers
	newfid *Fid          // the fid that the request makes
	gone   *Fid          // the fid that any reply to the request ends
	sticky bool          // the request is never withdrawn or flushed: Tclunk
	done   chan struct{} // capacity 1: the result is there

	queued    bool // the writer has not taken the request
	abandoned bool // nobody waits for the result

	dst []byte    // where the data of the reply go, where they do not go into msg
	n   int       // the reply's count
	msg lib9p.Msg // the reply
	err error

	// Requests of the fast path stand here so that they need no allocation of their own.
	tread    lib9p.Tread
	twrite   lib9p.Twrite
	tgetattr lib9p.Tgetattr
}

// A slot is the state of a tag.
type slot struct {
	call     *call  // nil when answered
	flushing bool   // Tflush was sent and not answered; the tag must not be used again before
	next     uint16 // the tag that came free after this one
}

// newCall returns a call that is its caller's.
func (c *Conn) newCall(want uint8) *call {
	k := c.calls.Get().(*call)
	k.want = want
	return k
}

// free gives k back unless it was abandoned.
func (c *Conn) free(k *call) {
	if !k.abandoned {
		*k = call{done: k.done}
		c.calls.Put(k)
	}
}

// rpc sends m, which names fids, and waits for the reply that k wants.
func (c *Conn) rpc(ctx context.Context, k *call, m lib9p.Msg, fids ...*Fid) error {
	if err := ctx.Err(); err != nil && !k.sticky {
		return err
	}
	if err := c.begin(ctx, k, m, fids...); err != nil {
		return err
	}
	return c.wait(ctx, k)
}

// ask is rpc for requests without special needs. R is the type of the reply.
func ask[R lib9p.Msg](ctx context.Context, c *Conn, m lib9p.Msg, fids ...*Fid) (R, error) {
	k := c.newCall(lib9p.TypeOf(m) + 1)
	defer c.free(k)
	var none R
	if err := c.rpc(ctx, k, m, fids...); err != nil {
		return none, err
	}
	return k.msg.(R), nil
}

// begin queues m. When it fails nothing has been sent and k is the caller's still.
func (c *Conn) begin(ctx context.Context, k *call, m lib9p.Msg, fids ...*Fid) error {
	b := c.buffer(len(k.twrite.Data) + smallBuffer/2)
	var err error
	if b.b, err = lib9p.Append(b.b[:0], c.dialect, 0, m); err != nil {
		c.recycle(b)
		return err
	}
	if uint64(len(b.b)) > uint64(c.msize) {
		err := fmt.Errorf("%s of %d bytes is longer than the %d agreed on", lib9p.TypeName(lib9p.TypeOf(m)), len(b.b), c.msize)
		c.recycle(b)
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for {
		for _, f := range fids {
			switch {
			case f == nil:
			case f.c != c:
				err = fmt.Errorf("%s: the fids are of two connections", lib9p.TypeName(lib9p.TypeOf(m)))
			case f.gone:
				err = ErrClunked
			}
		}
		if c.err != nil {
			err = c.err
		}
		if err != nil {
			c.recycle(b)
			return err
		}
		if c.hasTag() {
			break
		}
		err = c.waitTag(ctx)
	}
	copy(k.fids[:], fids)
	c.enter(k, b)
	return nil
}

// enter gives k a tag and queues its request. c.mu is held and there is a tag.
func (c *Conn) enter(k *call, b *buffer) {
	for _, f := range k.fids {
		if f != nil {
			f.refs++
		}
	}
	if k.gone != nil {
		k.gone.gone = true
	}
	k.tag = c.takeTag()
	c.slots[k.tag].call = k
	k.queued = true
	lib9p.Frame(b.b).SetTag(k.tag)
	b.call = k
	c.enqueue(b)
}

// wait returns when k has its result, or ctx has ended and so has the patience for the server's word on that.
func (c *Conn) wait(ctx context.Context, k *call) error {
	select {
	case <-k.done:
		return k.err
	case <-ctx.Done():
	}
	if !c.cancel(k) {
		timer := time.NewTimer(flushWait)
		defer timer.Stop()
		select {
		case <-k.done:
			return k.result(ctx)
		case <-timer.C:
		}
		if c.abandon(k) {
			return ctx.Err()
		}
	} else if k.abandoned {
		return ctx.Err()
	}
	<-k.done
	return k.result(ctx)
}

func (k *call) result(ctx context.Context) error {
	if k.err == errFlushed {
		return ctx.Err()
	}
	return k.err
}

// cancel withdraws k's request, or has it flushed. It returns true when there is nothing to wait for:
// k is abandoned, or its result is there or about to be.
func (c *Conn) cancel(k *call) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.err != nil || c.slots[k.tag].call != k:
	case k.sticky:
		k.leave()
	case k.queued:
		i := slices.IndexFunc(c.queue, func(b *buffer) bool { return b.call == k })
		c.recycle(c.queue[i])
		c.queue = slices.Delete(c.queue, i, i+1)
		c.slots[k.tag].call = nil
		c.settle(k, withdrawn)
		c.freeTag(k.tag)
		k.err = errFlushed
		k.done <- struct{}{}
	default:
		c.flush(k.tag)
		return false
	}
	return true
}

// abandon leaves k to the connection. It returns false when the result is there or about to be.
func (c *Conn) abandon(k *call) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err != nil || c.slots[k.tag].call != k {
		return false
	}
	k.leave()
	return true
}

// leave says that nobody waits for k: what it got from its caller is the caller's again. Conn.mu is held.
func (k *call) leave() {
	k.abandoned = true
	k.dst = nil
}

// flush queues a Tflush for tag. c.mu is held.
func (c *Conn) flush(tag uint16) {
	b := c.buffer(0)
	// A Tflush of so few bytes cannot fail to pack.
	b.b, _ = lib9p.Append(b.b[:0], c.dialect, tag|flushBit, &lib9p.Tflush{Oldtag: tag})
	c.slots[tag].flushing = true
	c.enqueue(b)
}
