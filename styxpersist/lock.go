package styxpersist

import (
	"errors"
	"math"
	"time"

	"github.com/styxkit/styxkit/lib9p"
)

// A lockRange is a record lock that the client holds through a fid, from first to last byte inclusive.
type lockRange struct {
	typ         uint8
	first, last uint64
	proc        uint32
	client      string
}

// learnLock keeps account of the locks that a Tlock got or gave up, as POSIX splits and merges them.
func (s *session) learnLock(r *request, status uint8) {
	if status != lib9p.LockSuccess {
		return
	}
	m := r.msg(s.d).(*lib9p.Tlock)
	l := lockRange{typ: m.LockType, first: m.Start, last: math.MaxUint64, proc: m.ProcID, client: m.ClientID}
	if m.Length > 0 && m.Start+m.Length-1 >= m.Start {
		l.last = m.Start + m.Length - 1
	}
	var held []lockRange
	for _, h := range r.fid.locks {
		held = append(held, h.without(l)...)
	}
	if l.typ != lib9p.LockUnlock {
		held = append(held, l)
	}
	r.fid.locks = held
}

// without returns what is left of h where l of the same owner takes its place.
func (h lockRange) without(l lockRange) []lockRange {
	if h.proc != l.proc || h.client != l.client || h.last < l.first || l.last < h.first {
		return []lockRange{h}
	}
	var left []lockRange
	if h.first < l.first {
		before := h
		before.last = l.first - 1
		left = append(left, before)
	}
	if h.last > l.last {
		after := h
		after.first = l.last + 1
		left = append(left, after)
	}
	return left
}

// lockGrace is how long a lock is tried for that the server still has for the old connection.
const lockGrace = 20 * time.Second

var errLockGone = errors.New("a lock that it held could not be taken back")

// relock takes locks back on sfid, those for writing first. The reclaim flag is not used: servers refuse it.
func (s *session) relock(srv *server, sfid uint32, locks []lockRange) error {
	for _, typ := range [...]uint8{lib9p.LockWrite, lib9p.LockRead} {
		for _, l := range locks {
			if l.typ != typ {
				continue
			}
			if err := s.relockOne(srv, sfid, l); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s *session) relockOne(srv *server, sfid uint32, l lockRange) error {
	m := &lib9p.Tlock{Fid: sfid, LockType: l.typ, Start: l.first, ProcID: l.proc, ClientID: l.client}
	if l.last != math.MaxUint64 {
		m.Length = l.last - l.first + 1
	}
	pauses := backoff{least: 200 * time.Millisecond, most: 2 * time.Second, rand: spread(uint64(l.proc) + l.first)}
	for end := time.Now().Add(lockGrace); time.Now().Before(end); {
		if err := sleep(srv.ctx, pauses.pause()); err != nil {
			return errGone
		}
		reply, err := srv.call(srv.ctx, m)
		switch {
		case err != nil && number(err) == 0:
			return err
		case err == nil && reply.(*lib9p.Rlock).Status == lib9p.LockSuccess:
			return nil
		}
	}
	return errLockGone
}
