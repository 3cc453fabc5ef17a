package styxpersist

import (
	"errors"
	"io"
	"io/fs"
	"slices"
	"time"

	"github.com/styxkit/styxkit/styxpersist/internal/mutate"
)

// A dead connection can still execute what it was sent: bytes lie in buffers, workers finish. A probe that finds nothing
// proves that nothing was done only when the old connection is fenced, which is known where
//
//   - the server ended it: it has closed its side, or its process is gone and the kernel said so;
//   - the address refused a connection since: the process that served it is gone.
//
// A connection that the session gives up itself, as it fell silent or spoke nonsense, is not fenced. It is drained, beside the
// attempts to connect again: it is read on, since a late answer is as good as any; after a moment the session
// ends its side, upon which a server finishes or drops what it has and closes its own. That is a fence too.
// Where it does not come in time, what was sent may be done at any time after.

const (
	// harvest is how long a connection that takes no more requests may still answer before the session ends its side.
	harvest = time.Second
	// drainTime is how long it is waited for its end in all, once there is another connection.
	drainTime = 3 * time.Second
	// drainMost is how long it is kept open at most. A server that stands still may go on with it when it goes
	// on at all; but one that serves one connection at a time must get rid of it.
	drainMost = 2 * time.Minute
)

// endedByPeer reports whether a connection's end, as a read or write told it, was the server's doing.
func endedByPeer(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || isReset(err)
}

// fences reports whether srv's end, which reading tells as err, is a fence. A connection that is broken on this side has an end
// of file behind the error, but it is this kernel's own; and of the reader and the writer it tells the error to one only.
// No write may be under way for long.
func (srv *server) fences(err error) bool {
	return mutate.Has(mutate.NoFence) || endedByPeer(err) && !isBroken(srv.lastWriteErr())
}

// refusedByHost reports whether a dial failed because nobody serves the address.
func refusedByHost(err error) bool {
	return isRefused(err) || errors.Is(err, fs.ErrNotExist)
}

// fence takes in that no process is left that could still execute what was sent.
func (s *session) fence() {
	for _, r := range s.reqs {
		if r != nil {
			for _, old := range r.old {
				old.fenced = true
			}
		}
	}
	s.haunted = false
	for _, old := range slices.Clone(s.zombies) {
		s.ended(old, true)
	}
	s.exorcise()
}

// ended takes in that srv is fenced, or that there is no use in waiting for it any longer. The mutex is held.
func (s *session) ended(srv *server, fenced bool) {
	srv.fenced = srv.fenced || fenced
	if srv.isOver {
		return
	}
	srv.isOver = true
	close(srv.over)
	i := slices.Index(s.zombies, srv)
	if i < 0 {
		return
	}
	s.zombies = slices.Delete(s.zombies, i, i+1)
	s.haunted = s.haunted || !srv.fenced
	s.exorcise()
	s.liftHazards(srv)
}

// exorcise takes in, where every old connection is fenced, that no attribute is changed by one any more.
func (s *session) exorcise() {
	if s.haunted || len(s.zombies) > 0 {
		return
	}
	o := &s.order
	for _, l := range [...]*fidList{&o.hereOpen, &o.coming, &o.leaving, &o.open} {
		l.each(func(f *fid) {
			if f.attr != nil {
				f.attr.loose, f.attr.torn = false, false
			}
		})
	}
}

// fenced reports whether r has been done or never will be, as far as the dead connections go on which it was sent.
func (r *request) fenced() bool {
	return !slices.ContainsFunc(r.old, func(srv *server) bool { return !srv.fenced })
}

// drained reports that nothing more comes, or is waited for, from the dead connections on which r was sent.
func (r *request) drained() bool {
	return !slices.ContainsFunc(r.old, func(srv *server) bool { return !srv.isOver })
}

// awaitDrain waits until nothing more comes from the dead connections on which rs were sent. It returns
// false where srv, the present one, dies meanwhile.
func (s *session) awaitDrain(srv *server, rs []*request) bool {
	var old []*server
	s.mu.Lock()
	for _, r := range rs {
		old = append(old, r.old...)
	}
	s.mu.Unlock()
	for _, o := range old {
		select {
		case <-o.over:
		case <-srv.ctx.Done():
			return false
		}
	}
	return true
}

// drain sees to the end of srv, which the session has given up. Back is closed when there is another connection.
func (s *session) drain(srv *server, back <-chan struct{}) {
	defer srv.conn.Close()
	within := func(d time.Duration, c <-chan struct{}) bool {
		t := time.NewTimer(d)
		defer t.Stop()
		select {
		case <-c:
			return true
		case <-srv.over:
		case <-s.ctx.Done():
		case <-t.C:
		}
		return false
	}
	within(harvest, nil)
	if c, ok := srv.conn.(interface{ CloseWrite() error }); !ok || c.CloseWrite() != nil {
		srv.conn.Close() // it takes no more than it has
	}
	if within(drainMost, back) {
		within(drainTime-harvest, nil)
	}
	s.mu.Lock()
	s.ended(srv, false)
	s.mu.Unlock()
	s.tell(nil)
}

// readOut reads what comes from srv after err to its end, and sees whether that is a fence.
func (s *session) readOut(srv *server, err error) {
	if isBroken(err) {
		return
	}
	if !endedByPeer(err) {
		if _, err = io.Copy(io.Discard, srv.conn); err == nil {
			err = io.EOF
		}
	}
	if srv.fences(err) {
		s.mu.Lock()
		s.ended(srv, true)
		s.mu.Unlock()
		s.tell(nil)
	}
}
