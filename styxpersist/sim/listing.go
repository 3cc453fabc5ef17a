//go:build sim || mutate

package sim

import (
	"slices"

	"github.com/styxkit/styxkit/lib9p"
	"github.com/styxkit/styxkit/lib9p/hidden"
)

// listed takes in a piece of a directory that the client has read.
func (w *world) listed(o *op, data []byte, next uint64) {
	f := o.fid
	l := f.list
	if len(data) == 0 {
		w.listedAll(o, l)
		f.list = nil
		return
	}
	for len(data) > 0 {
		var name string
		var err error
		if w.d == lib9p.L {
			var e lib9p.Dirent
			e, data, err = lib9p.NextDirent(data)
			name, next = e.Name, e.Offset
		} else {
			var e lib9p.Stat
			e, data, err = lib9p.NextStat(data, w.d)
			name = e.Name
		}
		if err != nil {
			w.fail("operation %d: a directory read gave what is no entry: %v", o.id, err)
			return
		}
		if n := f.node.times(name, l.since, w.now); n == 0 {
			w.fail("operation %d: the listing has %s, which was not there while it was read", o.id, name)
		} else if slices.Contains(l.names, name) && n == 1 {
			w.fail("operation %d: the listing has %s twice", o.id, name)
		}
		l.names = append(l.names, name)
	}
	l.offset = next
}

// times returns how many entries with a name the directory had at some moment from from to to.
func (n *inode) times(name string, from, to int) int {
	count := 0
	n.spans(func(e *entry, begin, end int, at string) {
		if at == name && begin <= to && end >= from {
			count++
		}
	})
	return count
}

// spans calls fn for each name that the directory had, and for how long.
func (n *inode) spans(fn func(e *entry, begin, end int, name string)) {
	done := make(map[*entry]bool)
	for _, e := range n.ever {
		if done[e] {
			continue
		}
		done[e] = true
		for i, p := range e.past {
			if p.dir != n || hidden.Is(p.name) {
				continue
			}
			end := 1 << 60
			if i+1 < len(e.past) {
				end = e.past[i+1].at
			} else if e.gone != 0 {
				end = e.gone
			}
			fn(e, p.at, end, p.name)
		}
	}
}

// listedAll looks, at the end of a listing, whether something is missing.
func (w *world) listedAll(o *op, l *listing) {
	o.fid.node.spans(func(_ *entry, begin, end int, name string) {
		if begin <= l.since && end > w.now && !slices.Contains(l.names, name) {
			w.fail("operation %d: the listing is at its end and has no %s, which was there all the time", o.id, name)
		}
	})
}
