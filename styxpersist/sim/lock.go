//go:build sim || mutate

package sim

import (
	"math"
	"slices"

	"github.com/styxkit/styxkit/lib9p"
)

// A lockHeld is a range that a client believes to have locked through a fid. Each fid is an owner of its own.
type lockHeld struct {
	typ         uint8
	first, last uint64
	since       int // when it was told
}

func (w *world) lockOf(t *lib9p.Tlock) lockHeld {
	l := lockHeld{t.LockType, t.Start, math.MaxUint64, w.now}
	if t.Length > 0 {
		l.last = t.Start + t.Length - 1
	}
	return l
}

// applyLock takes in what the client was told of a lock.
func (w *world) applyLock(f *cfid, t *lib9p.Tlock, status uint8) {
	if status != lib9p.LockSuccess {
		return
	}
	l := w.lockOf(t)
	var left []lockHeld
	for _, h := range f.locks {
		if h.typ == l.typ || h.last < l.first || l.last < h.first {
			left = append(left, h) // what it had it has had since then
			continue
		}
		if h.first < l.first {
			left = append(left, lockHeld{h.typ, h.first, l.first - 1, h.since})
		}
		if h.last > l.last {
			left = append(left, lockHeld{h.typ, l.last + 1, h.last, h.since})
		}
	}
	if l.typ != lib9p.LockUnlock {
		left = append(left, l)
	}
	f.locks = left
}

// checkLocks looks, when the server does what relies on the locks of its fid, whether it holds them for the connection on which
// it does so: where the client believes to have one and has not, it must have been told.
func (w *world) checkLocks(c *sconn, o *op, s *sfid) {
	if s == nil || o.fid == nil || len(o.fid.locks) == 0 || s.node != o.fid.node {
		return
	}
	switch o.typ {
	case lib9p.TypeTread, lib9p.TypeTwrite, lib9p.TypeTsetattr, lib9p.TypeTfsync:
	default:
		return
	}
	if o.typ == lib9p.TypeTread && (s.flags^o.fid.flags)&lib9p.LACCMODE != 0 {
		return // it is styxpersist that looks what was written
	}
	for _, p := range o.s.tags {
		if p.fid == o.fid && p.typ == lib9p.TypeTlock || p != o && p.key == o.key {
			return // a lock is on its way, or it may be another's request
		}
	}
	for _, l := range o.fid.locks {
		if l.since < o.issued && !s.node.holds(c, o.fid.owner(), l) {
			w.fail("operation %d, %s, was done while the server did not hold the client's lock from %d to %d", o.id, lib9p.TypeName(o.typ), l.first, l.last)
		}
	}
}

// holds reports whether the whole of l is locked by proc on c.
func (n *inode) holds(c *sconn, proc uint32, l lockHeld) bool {
	at := l.first
	mine := slices.DeleteFunc(slices.Clone(n.locks), func(h lock) bool { return h.conn != c || h.proc != proc || h.typ != l.typ })
	slices.SortFunc(mine, func(a, b lock) int {
		if a.first < b.first {
			return -1
		}
		return 1
	})
	for _, h := range mine {
		if h.first <= at && at <= h.last {
			if h.last >= l.last {
				return true
			}
			at = h.last + 1
		}
	}
	return false
}
