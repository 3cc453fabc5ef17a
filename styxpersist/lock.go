package styxpersist

import (
	"cmp"
	"context"
	"errors"
	"math"
	"slices"
	"time"

	"github.com/styxkit/styxkit/lib9p"
	"github.com/styxkit/styxkit/styxpersist/internal/mutate"
)

// Locks die with the connection that holds them, and are taken again on the next. That may have to wait: the server may not
// have noticed that the old connection is dead. It is waited for beside everything else, for a while; a lock that somebody
// else has got by then is lost, and the client, which believes that it has the file for itself, is refused until it unlocks.

// A lockRange is a record lock that the client holds through a fid, from first to last byte inclusive.
type lockRange struct {
	typ         uint8
	first, last uint64
	proc        uint32
	client      string
}

func (h *lockRange) sameOwner(l *lockRange) bool { return h.proc == l.proc && h.client == l.client }

// lockOf returns the range of m. A length of 0, or one beyond all offsets, goes to the end.
func lockOf(m *lib9p.Tlock) lockRange {
	l := lockRange{typ: m.LockType, first: m.Start, last: math.MaxUint64, proc: m.ProcID, client: m.ClientID}
	if m.Length > 0 && m.Start+m.Length-1 >= m.Start {
		l.last = m.Start + m.Length - 1
	}
	return l
}

// learnLock keeps account of the locks that a Tlock got or gave up. The account is the fid's and not the file's: whether one
// process's fids share their locks (fcntl) or not (flock) is not in the message.
func (s *session) learnLock(r *request, status uint8) {
	if status != lib9p.LockSuccess {
		return
	}
	l := lockOf(r.msg(s.d).(*lib9p.Tlock))
	f := r.fid
	f.locks, f.lost = setLock(f.locks, l), clearLock(f.lost, l)
	s.rank(f)
}

// setLock returns the locks of which held is the list once l has its range: as POSIX has it, what one owner had there is
// split, and what touches and is alike is one.
func setLock(held []lockRange, l lockRange) []lockRange {
	left := clearLock(held, l)
	if l.typ == lib9p.LockUnlock {
		return left
	}
	left = slices.DeleteFunc(left, func(h lockRange) bool {
		touch := h.last < math.MaxUint64 && h.last+1 == l.first || l.last < math.MaxUint64 && l.last+1 == h.first
		if !touch || h.typ != l.typ || !h.sameOwner(&l) {
			return false
		}
		l.first, l.last = min(l.first, h.first), max(l.last, h.last)
		return true
	})
	return append(left, l)
}

// clearLock returns what is left of held without the range of l's owner.
func clearLock(held []lockRange, l lockRange) []lockRange {
	var left []lockRange
	for _, h := range held {
		if !h.sameOwner(&l) || h.last < l.first || l.last < h.first {
			left = append(left, h)
			continue
		}
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
	}
	return left
}

// lockGrace is how long a lock is tried for that the server still has for the old connection.
const lockGrace = 20 * time.Second

var errLockGone = errors.New("the server gives it to nobody, or to somebody else")

// regain takes f's locks back on sfid, which is open, and then lets f's requests go. Those for writing come first.
func (s *session) regain(srv *server, f *fid, sfid uint32) {
	ctx, cancel := context.WithTimeout(srv.ctx, lockGrace) // also for a server that does not answer while a lock is held
	defer cancel()
	s.mu.Lock()
	locks := slices.Clone(f.locks)
	s.mu.Unlock()
	if mutate.Has(mutate.NoRelock) {
		locks = nil
	}
	slices.SortStableFunc(locks, func(a, b lockRange) int { return cmp.Compare(b.typ, a.typ) })
	pauses := backoff{least: 200 * time.Millisecond, most: 2 * time.Second, rand: spread(uint64(f.num))}
	for len(locks) > 0 && sleep(ctx, pauses.pause()) == nil && s.restores(srv, f, sfid) {
		locks = slices.DeleteFunc(locks, func(l lockRange) bool { return s.relock(ctx, srv, sfid, l) })
	}
	if !s.restores(srv, f, sfid) {
		return
	}
	s.mu.Lock()
	defer s.tell(nil)
	defer s.mu.Unlock()
	for _, l := range locks {
		f.locks, f.lost = clearLock(f.locks, l), append(f.lost, l)
		s.counters.LocksLost.Add(1)
		s.report(LockLost{Path: f.node.String(), First: l.first, Last: l.last, Cause: errLockGone})
	}
	s.arrived(srv, f, sfid)
}

// restores reports whether sfid is still to become f's place on srv.
func (s *session) restores(srv *server, f *fid, sfid uint32) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.srv != srv || srv.ctx.Err() != nil {
		return false
	}
	if f.dropped {
		srv.discard(sfid)
	}
	return !f.dropped
}

// relock asks for one lock. The reclaim flag is not used: servers refuse it.
func (s *session) relock(ctx context.Context, srv *server, sfid uint32, l lockRange) bool {
	select {
	case srv.relocks <- struct{}{}:
	case <-ctx.Done():
		return false
	}
	defer func() { <-srv.relocks }()
	m := &lib9p.Tlock{Fid: sfid, LockType: l.typ, Start: l.first, ProcID: l.proc, ClientID: l.client}
	if l.last != math.MaxUint64 {
		m.Length = l.last - l.first + 1
	}
	reply, err := srv.call(ctx, m)
	return err == nil && reply.(*lib9p.Rlock).Status == lib9p.LockSuccess
}

// relies reports whether r is such that its client relies on the locks of r's fid. What a fid is, and that a lock
// is given up, can be asked for also where a lock is lost.
func (r *request) relies() bool {
	switch r.typ {
	case lib9p.TypeTread, lib9p.TypeTwrite, lib9p.TypeTsetattr, lib9p.TypeTfsync:
		return true
	case lib9p.TypeTlock:
		return !r.unlocks()
	}
	return false
}

// unlocks reports whether r gives up a lock.
func (r *request) unlocks() bool {
	return r.typ == lib9p.TypeTlock && r.frame[lib9p.OffFid+4] == lib9p.LockUnlock
}

// unlocked reports whether the death of the connection has done what r asks for: it has given up the lock, unless one
// was being asked for at the same time, which may be got still.
func (s *session) unlocked(r *request) bool {
	return r.unlocks() && !slices.ContainsFunc(s.reqs, func(q *request) bool {
		return q != nil && q.typ == lib9p.TypeTlock && q.fid == r.fid && !q.unlocks() && q.state != done
	})
}

// lockLater has r, a Tlock that was in doubt, asked once more a little later, if it has been refused only as our own old
// connection may refuse it. The client of a lock that waits asks again by itself.
func (s *session) lockLater(r *request, status uint8) bool {
	away := time.Since(s.absence.since)
	waits := r.frame.U32(lib9p.OffFid+5)&lib9p.LockBlock != 0
	if status != lib9p.LockBlocked && status != lib9p.LockGrace || !r.doubt || waits || away > lockGrace {
		return false
	}
	srv := r.srv
	srv.freeTag(r)
	if len(s.ready) > 0 {
		s.kick()
	}
	r.state, r.srv, r.kept = queued, nil, true
	pause := backoff{next: min(max(away/2, 200*time.Millisecond), 2*time.Second), rand: spread(r.seq)}
	s.after(pause.pause(), func() {
		if r.state == queued && r.srv == nil && s.srv == srv {
			s.enqueue(r)
		}
	})
	return true
}
