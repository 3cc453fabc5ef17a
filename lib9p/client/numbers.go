package client

import (
	"context"
	"errors"

	"github.com/styxkit/styxkit/lib9p"
)

// An outcome is what became of a request.
type outcome uint8

const (
	withdrawn outcome = iota // never sent
	flushed                  // cancelled by the server; some servers have carried it out all the same
	refused
	granted
	halfway // a walk that did not reach its end
)

// settle takes back what k holds of its fids. c.mu is held.
func (c *Conn) settle(k *call, o outcome) {
	for _, f := range k.fids {
		if f != nil {
			f.refs--
			c.reuse(f)
		}
	}
	if f := k.newfid; f != nil {
		switch {
		case o == withdrawn || o == refused:
			c.letGo(f)
		case o == flushed || o == halfway || k.abandoned:
			// There should be nothing to clunk after a flush or half a walk, but
			// some servers leave newfid in use then; a refusal does no harm.
			c.discard(f)
		}
	}
	if f := k.gone; f != nil {
		if o == withdrawn || o == flushed {
			c.discard(f) // the Tremove did not end it
		} else {
			c.letGo(f)
		}
	}
}

// newFid returns a fid with a number that the server does not know.
func (c *Conn) newFid() (*Fid, error) {
	f := &Fid{c: c}
	f.iounit.Store(c.msize - lib9p.IOHeader)
	c.mu.Lock()
	defer c.mu.Unlock()
	switch n := len(c.freeFids); {
	case n > 0:
		f.num = c.freeFids[n-1]
		c.freeFids = c.freeFids[:n-1]
	case c.nextFid == lib9p.NoFid:
		return nil, errors.New("all fid numbers are in use; clunk some")
	default:
		f.num = c.nextFid
		c.nextFid++
	}
	return f, nil
}

// unmade gives back a fid for which no request was sent.
func (c *Conn) unmade(f *Fid) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.letGo(f)
}

// letGo says that the server does not know f any more. c.mu is held.
func (c *Conn) letGo(f *Fid) {
	f.gone, f.over = true, true
	c.reuse(f)
}

// reuse makes f's number free when neither the server nor a request in flight has it. c.mu is held.
func (c *Conn) reuse(f *Fid) {
	if f.over && f.refs == 0 {
		f.over = false // once is enough
		c.freeFids = append(c.freeFids, f.num)
	}
}

// discard clunks f with nobody waiting. c.mu is held.
func (c *Conn) discard(f *Fid) {
	if c.err != nil {
		return
	}
	f.gone = true
	if !c.hasTag() {
		c.discards = append(c.discards, f)
		return
	}
	b := c.buffer(0)
	// A Tclunk of so few bytes cannot fail to pack.
	b.b, _ = lib9p.Append(b.b[:0], c.dialect, 0, &lib9p.Tclunk{Fid: f.num})
	k := &call{want: lib9p.TypeRclunk, gone: f, sticky: true, abandoned: true}
	k.fids[0] = f
	c.enter(k, b)
}

// hasTag reports whether a tag is free. c.mu is held, as for the other functions of tags.
func (c *Conn) hasTag() bool { return c.resting.n > 0 || len(c.slots) < maxTags }

// A tagQueue is the tags that are free, in the order in which they came so. They are linked through their slots.
type tagQueue struct {
	first, last uint16
	n           int
}

// tagsAtRest is how many others come free before a tag is used again. A server that looks for what a Tflush
// is about among requests that it has just answered, too, would find the old one with the tag, and answer the new one behind
// the Rflush: diod does (libnpfs/fcall.c).
const tagsAtRest = 256

func (c *Conn) takeTag() uint16 {
	q := &c.resting
	if q.n > tagsAtRest || len(c.slots) == maxTags {
		tag := q.first
		q.first = c.slots[tag].next
		q.n--
		return tag
	}
	c.slots = append(c.slots, slot{})
	return uint16(len(c.slots) - 1)
}

// freeTag makes the tag of an empty slot free.
func (c *Conn) freeTag(tag uint16) {
	q := &c.resting
	if q.n == 0 {
		q.first = tag
	} else {
		c.slots[q.last].next = tag
	}
	q.last = tag
	q.n++
	if n := len(c.discards); n > 0 {
		f := c.discards[n-1]
		c.discards = c.discards[:n-1]
		c.discard(f)
		return
	}
	if c.tagFreed != nil {
		close(c.tagFreed)
		c.tagFreed = nil
	}
}

// waitTag gives up c.mu until a tag may be free. The connection may have ended then.
func (c *Conn) waitTag(ctx context.Context) error {
	if c.tagFreed == nil {
		c.tagFreed = make(chan struct{})
	}
	freed := c.tagFreed
	c.mu.Unlock()
	defer c.mu.Lock()
	select {
	case <-freed:
	case <-c.done:
	case <-ctx.Done():
		return ctx.Err()
	}
	return nil
}
