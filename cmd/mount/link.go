//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync/atomic"

	"github.com/styxkit/styxkit/cmd/internal/source"
	"github.com/styxkit/styxkit/lib9p"
	"github.com/styxkit/styxkit/styxpersist"
)

// A link is the 9P connection that is mounted. With -p it is styxpersist's, which is given a new one to the server
// whenever that is lost; without, it is the one to the server.
type link struct {
	job   *job
	first lib9p.Transport
	up    atomic.Bool // the mount is ready: from now on a lost connection is made anew

	unproved atomic.Pointer[unproved] // why the user could not be proved to the server the last time; nil where he was

	persist context.CancelCauseFunc // ends styxpersist
	done    chan struct{}           // closed when it has ended
	err     error                   // why, where it was not the client that hung up; set before
}

var errNoAnswer = errors.New("the server hangs up before the version is agreed on: is it a 9P server")

func newLink(j *job, first lib9p.Transport) *link { return &link{job: j, first: first} }

// transport returns the connection for a client in this process, and a context that ends when it cannot be had.
func (l *link) transport(ctx context.Context) (context.Context, lib9p.Transport, error) {
	if !l.job.persist {
		return ctx, l.first, nil
	}
	ours, file, err := source.Pair()
	if err != nil {
		return ctx, nil, err
	}
	defer file.Close()
	theirs, err := net.FileConn(file)
	if err != nil {
		ours.Close()
		return ctx, nil, err
	}
	return l.serve(ctx, theirs), ours, nil
}

// file returns the connection as a descriptor for the kernel.
func (l *link) file(ctx context.Context) (context.Context, *os.File, error) {
	if !l.job.persist {
		conn, ok := l.first.(interface{ File() (*os.File, error) })
		if !ok {
			return ctx, nil, fmt.Errorf("a connection of type %T has no descriptor: mount with -t fuse", l.first)
		}
		f, err := conn.File()
		return ctx, f, err
	}
	theirs, file, err := source.Pair()
	if err != nil {
		return ctx, nil, err
	}
	return l.serve(ctx, theirs), file, nil
}

// serve starts styxpersist for the client at the other end of conn. The context that it returns ends with ctx, or when
// the server's first connection turns out to be no good.
func (l *link) serve(ctx context.Context, conn lib9p.Transport) context.Context {
	ctx, fail := context.WithCancelCause(ctx)
	// The session outlives ctx: the mount is taken away while it answers.
	session, end := context.WithCancelCause(context.Background())
	l.persist = end
	redial := make(chan chan<- io.ReadWriteCloser)
	first := l.first
	go styxpersist.Dialer(redial, func() (io.ReadWriteCloser, error) {
		if c := first; c != nil {
			first = nil
			return c, nil
		}
		if !l.up.Load() {
			fail(errNoAnswer)
			end(errNoAnswer)
			return nil, errNoAnswer
		}
		return l.job.dial(session)
	})
	l.done = make(chan struct{})
	go func() {
		defer close(l.done)
		defer close(redial)
		cfg := styxpersist.Config{
			Redial: redial, Qids: l.job.options.qids, Logger: l.job.log,
			Silly: !l.job.options.noSilly, Sole: l.job.options.sole, Soft: l.job.options.soft,
			Observer: l.job.watch.observe, Counters: &l.job.watch.counters,
		}
		if l.job.options.auth != "" {
			cfg.Auth = l.prove
		}
		err := styxpersist.Serve(session, conn, cfg)
		if err != nil && session.Err() == nil {
			l.job.log.Error("connection ended", "err", err)
			l.err = err
		}
	}()
	return ctx
}

// prove has a command prove the user to the server. That it could not, which is nothing that the server has said, is
// remembered: to the client it is a refusal.
func (l *link) prove(ctx context.Context, afid io.ReadWriter, t *lib9p.Tauth) error {
	err := l.job.options.auth.Prove(ctx, afid, t)
	if _, refused := errors.AsType[*lib9p.Error](err); err == nil || refused {
		l.unproved.Store(nil)
	} else {
		l.unproved.Store(&unproved{err})
	}
	return err
}

// hangUp ends the conversation of a kernel that waits for it in mount(2), where no signal reaches it. A kernel that has not
// come to wait yet may not look for the end of what it reads, and finds it when it writes.
func (l *link) hangUp() {
	if l.persist != nil {
		l.persist(errors.New("interrupted"))
	} else if c, ok := l.first.(interface {
		CloseRead() error
		CloseWrite() error
	}); ok {
		c.CloseRead()
		c.CloseWrite()
	}
}

// close hangs up.
func (l *link) close() {
	if l.persist != nil {
		l.persist(errors.New("unmounted"))
		<-l.done
	}
	l.first.Close()
}
