package client

import (
	"context"
	"io"
)

// depth is how many requests ReadFull and WriteFull keep in flight.
const depth = 8

// ReadFull fills p from the file at off with as many Treads as that takes, several of them in flight. Fewer than len(p)
// bytes without an error mean that the file ends there. It is for plain files: what a stream says
// depends on the order of the reads, for which see ReadAt.
func (f *Fid) ReadFull(ctx context.Context, p []byte, off int64) (int, error) {
	return f.pipeline(ctx, p, off, f.startRead, f.ReadAt)
}

// WriteFull writes p to the file at off with as many Twrites as that takes, several of them in flight.
// It returns how many bytes from the beginning of p were written; after
// an error some behind these may have been written too. It is for plain files, see ReadFull.
func (f *Fid) WriteFull(ctx context.Context, p []byte, off int64) (int, error) {
	n, err := f.pipeline(ctx, p, off, f.startWrite, f.WriteAt)
	if n < len(p) && err == nil {
		err = io.ErrShortWrite
	}
	return n, err
}

// A flight is a request of a pipeline that has been sent.
type flight struct {
	k *call
	p []byte // its part of the whole
}

// pipeline passes over p in parts of an iounit. It waits for the parts in order and returns how far
// they reach without a gap. A part that came short is finished by once, until that moves nothing.
func (f *Fid) pipeline(ctx context.Context, p []byte, off int64,
	start func(context.Context, []byte, int64) (*call, error), once func(context.Context, []byte, int64) (int, error)) (done int, err error) {
	unit := int(f.Iounit())
	var queue [depth]flight
	head, tail, sent := 0, 0, 0
	defer func() {
		for ; head < tail; head++ {
			f.c.leave(queue[head%depth].k)
		}
	}()
	for done < len(p) {
		for ; sent < len(p) && tail-head < depth; tail++ {
			part := p[sent:min(sent+unit, len(p))]
			k, err := start(ctx, part, off+int64(sent))
			if err != nil {
				return done, err
			}
			sent += len(part)
			queue[tail%depth] = flight{k: k, p: part}
		}
		fl := queue[head%depth]
		head++
		err := f.c.wait(ctx, fl.k)
		n := fl.k.n
		f.c.free(fl.k)
		if err != nil {
			return done, err
		}
		for {
			done += n
			fl.p = fl.p[n:]
			if len(fl.p) == 0 {
				break
			}
			if n == 0 {
				return done, nil
			}
			if n, err = once(ctx, fl.p, off+int64(done)); err != nil {
				return done, err
			}
		}
	}
	return done, nil
}

// leave ends a call whose result nobody wants, without waiting for the server's word.
func (c *Conn) leave(k *call) {
	if c.cancel(k) {
		if !k.abandoned {
			<-k.done
			c.free(k)
		}
		return
	}
	if !c.abandon(k) {
		<-k.done
		c.free(k)
	}
}
