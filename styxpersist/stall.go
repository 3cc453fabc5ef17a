package styxpersist

import (
	"errors"
	"math"
	"os"
	"slices"
	"time"
)

// A server that takes nothing, or the line to it, fills the buffers in between, and then a write waits. The client's reader must
// not wait with it: a hang-up or a Tflush may lie behind. So it waits for a moment only. What is left of the write then goes on in
// a goroutine of its own, with the turn to write, and until that is done requests wait as they do while there is no server.

// stallTime is for how long a write of the client's reader waits at least; twice that at most.
const stallTime = 100 * time.Millisecond

// errStalled says that a write took too long. The turn to write is push's then.
var errStalled = errors.New("the server takes nothing")

// writeSome is write for who cannot wait. With errStalled it returns with wmu held.
func (srv *server) writeSome(run []byte) (int, error) {
	srv.wmu.Lock()
	if now := time.Now(); srv.writeBy.Sub(now) < stallTime {
		srv.writeBy = now.Add(2 * stallTime)
		if !srv.endWritesAt(srv.writeBy) {
			srv.writeBy = now.Add(math.MaxInt64)
		}
	}
	n, err := srv.put(run)
	if err == errStalled {
		return n, err
	}
	srv.wmu.Unlock()
	return n, err
}

// endWritesAt has writes fail at t, or never where t is zero. It returns false where the connection cannot do that.
func (srv *server) endWritesAt(t time.Time) bool {
	c, ok := srv.conn.(interface{ SetWriteDeadline(time.Time) error })
	if !ok || c.SetWriteDeadline(t) != nil {
		return false
	}
	if srv.mute.Load() { // stopWrites has come in between
		c.SetWriteDeadline(time.Unix(1, 0))
	}
	return true
}

// stalled reports whether err is that the time which was set is over.
func (srv *server) stalled(err error) bool {
	return errors.Is(err, os.ErrDeadlineExceeded) && !srv.mute.Load()
}

// rest returns a copy of what is left of b behind its first n bytes.
func (b *burst) rest(n int) burst {
	c := burst{srv: b.srv, run: slices.Clone(b.run[n:])}
	for _, e := range b.ends {
		if e.end > n {
			c.ends = append(c.ends, burstEnd{e.r, e.seq, e.end - n})
		}
	}
	return c
}

// stall has what is left of a write go on beside. Gate is held, and srv.wmu, which goes with it.
func (s *session) stall(b burst) {
	b.srv.stuck.Store(true)
	s.log.Debug("the server takes nothing", "bytes", len(b.run))
	s.spawn(func() { s.push(b) })
	s.after(flushSilent, func() {
		if b.srv.stuck.Load() && s.srv == b.srv {
			s.flushAll(b.srv)
		}
	})
}

// behind puts b behind what is being pushed, and returns false where nothing is.
func (s *session) behind(b *burst) bool {
	if !b.srv.stuck.Load() {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if !b.srv.stuck.Load() {
		return false
	}
	b.srv.backlog = append(b.srv.backlog, b.rest(0))
	return true
}

// push writes b and what has come behind it, however long that takes. It has the turn to write.
func (s *session) push(b burst) {
	srv := b.srv
	defer srv.wmu.Unlock()
	srv.writeBy = time.Time{}
	srv.endWritesAt(srv.writeBy)
	for {
		n, err := srv.put(b.run)
		s.mu.Lock()
		if err != nil {
			s.unsend(&b, n)
		}
		if len(srv.backlog) == 0 {
			srv.stuck.Store(false)
			s.kick()
			s.mu.Unlock()
			return
		}
		b, srv.backlog = srv.backlog[0], srv.backlog[1:]
		s.mu.Unlock()
	}
}
