package styxpersist

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/styxkit/styxkit/lib9p"
)

// An authFile is an afid on one connection, for the function that speaks there. It has one offset for reads and
// writes, as a descriptor has, because servers know clients whose system calls move one.
type authFile struct {
	srv  *server
	afid uint32
	ctx  context.Context // of the conversation

	mu     sync.Mutex
	offset uint64
	over   bool           // the function has returned: nothing more is asked
	calls  sync.WaitGroup // that are under way
}

var errAuthOver = errors.New("the conversation is over")

// Read returns what the server gives with one message: its messages keep their bounds where p has room for them.
func (a *authFile) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	count := uint32(min(uint64(len(p)), uint64(a.srv.room())))
	m, err := a.call(func(offset uint64) lib9p.Msg {
		return &lib9p.Tread{Fid: a.afid, Offset: offset, Count: count}
	})
	if err != nil {
		return 0, fmt.Errorf("read authentication file: %w", err)
	}
	data := m.(*lib9p.Rread).Data
	switch {
	case len(data) > int(count):
		return 0, fmt.Errorf("read authentication file: server sent %d bytes where %d were asked for", len(data), count)
	case len(data) == 0:
		return 0, io.EOF
	}
	a.advance(len(data))
	return copy(p, data), nil
}

func (a *authFile) Write(p []byte) (n int, err error) {
	for n < len(p) && err == nil {
		var wrote int
		wrote, err = a.writeSome(p[n:min(len(p), n+int(a.srv.room()))])
		n += wrote
	}
	if err != nil {
		err = fmt.Errorf("write authentication file: %w", err)
	}
	return n, err
}

func (a *authFile) writeSome(p []byte) (int, error) {
	m, err := a.call(func(offset uint64) lib9p.Msg {
		return &lib9p.Twrite{Fid: a.afid, Offset: offset, Data: p}
	})
	if err != nil {
		return 0, err
	}
	n := int(m.(*lib9p.Rwrite).Count)
	switch {
	case n > len(p):
		return 0, fmt.Errorf("server wrote %d bytes of %d", n, len(p))
	case n == 0:
		return 0, io.ErrShortWrite
	}
	a.advance(n)
	return n, nil
}

// call asks the server for what ask makes of the offset.
func (a *authFile) call(ask func(offset uint64) lib9p.Msg) (lib9p.Msg, error) {
	a.mu.Lock()
	if a.over {
		a.mu.Unlock()
		return nil, errAuthOver
	}
	a.calls.Add(1)
	m := ask(a.offset)
	a.mu.Unlock()
	defer a.calls.Done()
	return a.srv.askWhile(a.ctx, &request{}, m)
}

func (a *authFile) advance(n int) {
	a.mu.Lock()
	a.offset += uint64(n)
	a.mu.Unlock()
}

// close waits for the end of the calls that are under way. The conversation's context has ended, and so they do.
func (a *authFile) close() {
	a.mu.Lock()
	a.over = true
	a.mu.Unlock()
	a.calls.Wait()
}

// flushTime is how long a server may take to answer that it has cancelled a request of the session's own.
const flushTime = pingDead

// askWhile is ask for what may take its time: where ctx ends before the answer comes r is cancelled, and when it
// returns the server does nothing more about it.
func (srv *server) askWhile(ctx context.Context, r *request, m lib9p.Msg) (lib9p.Msg, error) {
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	reply, err := srv.ask(ctx, r, m)
	if err == nil || ctx.Err() == nil || err != ctx.Err() {
		return reply, err
	}
	srv.s.mu.Lock()
	if srv.outstanding(r.stag) != r {
		srv.s.mu.Unlock()
		return nil, err
	}
	q, failed := srv.begin(&request{}, &lib9p.Tflush{Oldtag: r.stag})
	srv.s.mu.Unlock()
	if failed != nil {
		return nil, err // its tag stays taken until the answer comes
	}
	patience, stop := context.WithTimeout(srv.ctx, flushTime)
	defer stop()
	if _, failed := q.await(patience); failed == nil {
		srv.s.mu.Lock()
		if srv.outstanding(r.stag) == r {
			srv.freeTag(r)
		}
		srv.s.mu.Unlock()
	} else if srv.ctx.Err() == nil {
		srv.conn.Close() // a server must answer a flush
	}
	return nil, err
}
