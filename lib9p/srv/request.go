package srv

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/styxkit/styxkit/lib9p"
)

// A request is a T-message that has not been answered. It is the context of
// what is done for it: it ends when the client flushes it or goes away.
type request struct {
	s       *session
	tag     uint16
	dialect lib9p.Dialect
	msize   uint32
	size    int       // of the frame
	cost    int       // what the reply may take, beyond a little
	msg     lib9p.Msg // nil where bad says what is wrong with it
	bad     error
	in      *buffer // where the data of a Twrite is kept
	out     *buffer // the reply, where the handler has packed it itself

	// The fids that the message names, held from its arrival on; nil where there is no such fid.
	// Of a Twalk's newfid and a Tattach's fid, which are to be made, there is none.
	fid, fid2 *fid
	owned     bool            // fid is out of the table: the message is a Tclunk or Tremove
	after     <-chan struct{} // closed when the open of fid is done that came before
	opens     chan struct{}   // closed when this open is done

	// Guarded by s.mu.
	waiting    bool // in s.queue
	prev, next *request
	cancelled  bool
	done       chan struct{}
	flushers   []*request // Tflushes to answer after this
}

func (r *request) Deadline() (time.Time, bool) { return time.Time{}, false }
func (r *request) Value(any) any               { return nil }

// Done makes its channel only when somebody asks, for most requests wait for nothing.
func (r *request) Done() <-chan struct{} {
	r.s.mu.Lock()
	defer r.s.mu.Unlock()
	if r.done == nil {
		r.done = make(chan struct{})
		if r.cancelled {
			close(r.done)
		}
	}
	return r.done
}

func (r *request) Err() error {
	r.s.mu.Lock()
	defer r.s.mu.Unlock()
	if r.cancelled {
		return context.Canceled
	}
	return nil
}

// cancel ends the context. s.mu is held.
func (r *request) cancel() {
	if r.cancelled {
		return
	}
	r.cancelled = true
	if r.done != nil {
		close(r.done)
	}
}

// keep moves data out of the reader's buffer, which the next frame overwrites.
func (r *request) keep(data *[]byte) {
	r.in = newBuffer(len(*data))
	r.in.b = append(r.in.b, *data...)
	*data = r.in.b
}

// begin enters r into the table and starts it, or puts it in line. It waits
// where the line is too long.
func (s *session) begin(r *request, f lib9p.Frame) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.reqs[r.tag] != nil {
		return fmt.Errorf("client sent a request with tag %d while another with it is outstanding", r.tag)
	}
	s.reqs[r.tag] = r
	if r.msg != nil {
		s.pin(r, f)
	}
	if s.queue.first == nil && s.room(r) {
		s.running++
		s.replyBytes += r.cost
		go s.work(r)
		return nil
	}
	s.queue.add(r)
	for s.queue.bytes > maxQueued && !s.stopping {
		s.change.Wait()
	}
	return nil
}

// room says whether another worker may start on r. s.mu is held.
func (s *session) room(r *request) bool {
	return s.running == 0 || s.running < maxWorkers && s.replyBytes+r.cost <= maxReplies
}

// work does r, and what is in line after it.
func (s *session) work(r *request) {
	for r != nil {
		b := r.do()
		r = s.finish(r, b)
	}
}

// do has the message handled and packs the reply. It returns nil where there is to be none.
func (r *request) do() *buffer {
	var m lib9p.Msg
	err := r.bad
	if err == nil {
		m, err = r.handle()
	}
	if err == nil && r.out != nil {
		return r.out
	}
	r.out.free()
	if err != nil {
		if r.Err() != nil && errors.Is(err, context.Canceled) {
			return nil
		}
		m = lib9p.ErrorMsg(r.dialect, refusal(err))
	}
	b := newBuffer(512)
	if b.b, err = lib9p.Append(b.b[:0], r.dialect, r.tag, m); err == nil && len(b.b) > int(r.msize) {
		err = refuse(lib9p.EOVERFLOW, fmt.Sprintf("the answer of %d bytes does not fit into msize", len(b.b)))
	}
	if err != nil {
		b.b, _ = lib9p.Append(b.b[:0], r.dialect, r.tag, lib9p.ErrorMsg(r.dialect, refusal(err)))
	}
	return b
}

// finish sends the reply and those of the flushes that wait for it, lets the
// fids go, and returns the request that the worker does next.
func (s *session) finish(r *request, b *buffer) *request {
	s.mu.Lock()
	defer s.mu.Unlock()
	if r.fid != nil || r.fid2 != nil {
		s.unpin(r)
	}
	s.send(b)
	s.settle(r)
	s.write()
	r.in.free()
	s.replyBytes -= r.cost
	s.running--
	var mine *request
	for next := s.queue.first; next != nil && s.room(next); next = s.queue.first {
		s.queue.remove(next)
		s.running++
		s.replyBytes += next.cost
		if mine == nil {
			mine = next
		} else {
			go s.work(next)
		}
	}
	s.change.Broadcast()
	return mine
}

// settle takes r, which has been answered or never will be, out of the table
// and answers the flushes that wait for it, in their order. s.mu is held.
func (s *session) settle(r *request) {
	if s.reqs[r.tag] == r {
		delete(s.reqs, r.tag)
	}
	if r.opens != nil {
		close(r.opens)
	}
	for _, f := range r.flushers {
		b := newBuffer(lib9p.HeaderSize)
		b.b, _ = lib9p.Append(b.b, s.dialect, f.tag, &lib9p.Rflush{})
		s.send(b)
		s.settle(f)
	}
}

// flush does a Tflush. The old request is answered before, or never.
func (s *session) flush(r *request, oldtag uint16) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.reqs[r.tag] != nil {
		return fmt.Errorf("client sent a Tflush with tag %d while another request with it is outstanding", r.tag)
	}
	old := s.reqs[oldtag]
	switch {
	case old == nil:
		old = &request{tag: lib9p.NoTag}
	case old.waiting && !old.owned:
		// It never happened. A clunk or remove must: its fid is out of the table already.
		s.queue.remove(old)
		if s.unpinLater(old); len(s.dead) > 0 {
			s.running++
			go s.bury()
		}
	default:
		old.cancel()
		s.reqs[r.tag] = r
		old.flushers = append(old.flushers, r)
		return nil
	}
	old.flushers = append(old.flushers, r)
	s.settle(old)
	s.write()
	return nil
}

// A queue is a list of requests in their order, from which any can be taken out.
type queue struct {
	first, last *request
	bytes       int
}

// overhead is about what a request record takes beside its frame.
const overhead = 512

func (q *queue) add(r *request) {
	r.waiting, r.prev = true, q.last
	if q.last != nil {
		q.last.next = r
	} else {
		q.first = r
	}
	q.last = r
	q.bytes += r.size + overhead
}

func (q *queue) remove(r *request) {
	if r.prev != nil {
		r.prev.next = r.next
	} else {
		q.first = r.next
	}
	if r.next != nil {
		r.next.prev = r.prev
	} else {
		q.last = r.prev
	}
	r.waiting, r.prev, r.next = false, nil, nil
	q.bytes -= r.size + overhead
}
