package srv

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"sync"
	"time"

	"github.com/styxkit/styxkit/lib9p"
)

// Limits of one connection. They bound the memory that a client can take.
const (
	maxMsize   = 1<<20 + lib9p.IOHeader
	maxFids    = 1 << 20
	maxWorkers = 256      // requests that run at a time
	maxReplies = 64 << 20 // bytes that the replies of running reads may take
	maxQueued  = 16 << 20 // bytes of requests that wait for a worker; beyond, reading stops
	maxOut     = 4 << 20  // bytes of replies that wait to be written; beyond, workers wait
	maxXattrs  = 16 << 20 // bytes in the fids of extended attributes
	maxXattr   = 64 << 10 // bytes of one extended attribute, as in Linux
	maxUname   = 256
)

// writeGrace is how long the end of a connection waits for a peer that does not
// take what is being written to it.
const writeGrace = 10 * time.Second

// Serve serves tree on t until the client hangs up, does what cannot be
// answered, or ctx ends. It closes t, after the last request has ended.
// The error is nil when the client hung up between two messages or ctx ended.
func Serve(ctx context.Context, t lib9p.Transport, tree Tree) error {
	s := newSession(t, tree)
	stop := context.AfterFunc(ctx, s.interrupt)
	err := s.read()
	stop()
	s.end()
	t.Close()
	if err == io.EOF || ctx.Err() != nil {
		return nil
	}
	if werr := s.writeError(); werr != nil {
		err = werr
	}
	return fmt.Errorf("serve 9p: %w", err)
}

// ServeListener serves tree on every connection that l accepts, until ctx ends
// or l fails. It closes l and returns when the last connection has ended. What
// goes wrong on a connection is logged, unless log is nil, and ends that one only.
func ServeListener(ctx context.Context, l net.Listener, tree Tree, log *slog.Logger) error {
	var wg sync.WaitGroup
	defer wg.Wait()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	defer context.AfterFunc(ctx, func() { l.Close() })()
	defer l.Close()
	pause := newPause()
	for {
		c, err := l.Accept()
		switch {
		case ctx.Err() != nil:
			if err == nil {
				c.Close()
			}
			return nil
		case err != nil && errors.Is(err, net.ErrClosed):
			return fmt.Errorf("accept connection: %w", err)
		case err != nil:
			// Out of descriptors, or a client that has gone: both pass.
			log.Warn("accept connection", "err", err)
			if !pause.wait(ctx) {
				return fmt.Errorf("accept connection: %w", err)
			}
			continue
		}
		pause.reset()
		wg.Go(func() {
			if err := Serve(ctx, c, tree); err != nil {
				log.Warn("connection ended", "peer", c.RemoteAddr().String(), "err", err)
			}
		})
	}
}

// A pause grows from 5 ms to a second while accepting fails, and gives up after a minute of failures.
type pause struct{ next, sum time.Duration }

func newPause() *pause { p := new(pause); p.reset(); return p }

func (p *pause) reset() { p.next, p.sum = 5*time.Millisecond, 0 }

func (p *pause) wait(ctx context.Context) bool {
	if p.sum > time.Minute {
		return false
	}
	t := time.NewTimer(p.next)
	defer t.Stop()
	p.sum += p.next
	p.next = min(2*p.next, time.Second)
	select {
	case <-t.C:
	case <-ctx.Done():
	}
	return true
}
