package fuse

import (
	"context"
	"fmt"
	"time"

	gofuse "github.com/hanwen/go-fuse/v2/fuse"

	"github.com/styxkit/styxkit/lib9p"
	"github.com/styxkit/styxkit/lib9p/client"
)

// A Cache says what the kernel may keep of files, and so when a program sees what others have changed.
type Cache uint8

const (
	// CacheOpen: who opens a file sees what was written by all who have closed it before. Names and attributes are kept
	// for a second, data for as long as the file has the same length, time of change and version. The default.
	CacheOpen Cache = iota
	// CacheNone: everything is asked of the server each time.
	CacheNone
	// CacheLoose: what is known is taken to be so for an hour. It is for files that nobody else changes.
	CacheLoose
)

var cacheNames = []string{"open", "none", "loose"}

func (c Cache) String() string { return cacheNames[c] }

// ParseCache is the inverse of String.
func ParseCache(s string) (Cache, error) {
	for c, name := range cacheNames {
		if s == name {
			return Cache(c), nil
		}
	}
	return 0, fmt.Errorf("cache %q: the caches are none, open and loose", s)
}

// validity is for how long the kernel believes names and attributes without asking.
func (c Cache) validity() time.Duration {
	switch c {
	case CacheNone:
		return 0
	case CacheLoose:
		return time.Hour
	}
	return time.Second
}

// A stamp is what a file looked like before the kernel read the data that it may have kept.
type stamp struct {
	taken   time.Time // zero where there is none
	size    uint64
	mtime   lib9p.Time
	version uint32
}

func stampOf(a *lib9p.Rgetattr) stamp {
	return stamp{time.Now(), a.Size, a.Mtime, a.Qid.Vers}
}

// For how long a change may not show in a time of change: of servers that count seconds, and of a kernel's clock.
const (
	coarse = 2 * time.Second
	fine   = 50 * time.Millisecond
)

// holds reports whether data that were read after s was taken are still what a file holds that looks as now.
// A file that had just changed, in terms of its clock, may have changed again.
func (s stamp) holds(now stamp, tick time.Duration) bool {
	if s.taken.IsZero() || s.size != now.size || s.mtime != now.mtime || s.version != now.version {
		return false
	}
	return s.version != 0 || s.taken.Sub(time.Unix(int64(s.mtime.Sec), int64(s.mtime.Nsec))) > tick
}

// keeps reports whether the kernel may go on with the data that it has of n, which has just been opened as f.
func (b *bridge) keeps(ctx context.Context, n *node, f *client.Fid) bool {
	b.mu.Lock()
	old := n.kept
	b.mu.Unlock()
	if b.opt.Cache == CacheLoose && !old.taken.IsZero() {
		return true
	}
	if old.taken.IsZero() {
		b.mu.Lock()
		defer b.mu.Unlock()
		n.kept = n.stamp
		return false
	}
	a, err := b.dialect.getattr(ctx, f)
	b.mu.Lock()
	defer b.mu.Unlock()
	if err != nil {
		n.kept = stamp{}
		return false
	}
	n.learn(a)
	now, tick := stampOf(a), fine
	if !b.dotL {
		tick = coarse
	}
	if !old.holds(now, tick) {
		n.kept = now
		return false
	}
	return true
}

// caching says how the kernel is to treat the data of a file that was opened.
func (b *bridge) caching(ctx context.Context, h *handle) uint32 {
	switch {
	case b.opt.Cache == CacheNone:
		return gofuse.FOPEN_DIRECT_IO
	case b.keeps(ctx, h.node, h.fid()):
		return gofuse.FOPEN_KEEP_CACHE
	}
	return 0
}

// Drop makes the kernel ask anew for all that it keeps, as after a time in which it could not ask.
// It returns when the kernel has been told of everything.
func (s *Server) Drop() {
	b := s.b
	b.mu.Lock()
	var ids []uint64
	type name struct {
		dir  uint64
		name string
	}
	var names []name
	for id, n := range b.nodes {
		n.kept, n.stamp, n.bare = stamp{}, stamp{}, time.Time{}
		n.xattrChanges++
		ids = append(ids, id)
		if b.opt.Cache == CacheLoose {
			for _, p := range n.places {
				names = append(names, name{p.dir.id, p.name})
			}
		}
	}
	b.mu.Unlock()
	for _, id := range ids {
		s.fuse.InodeNotify(id, 0, 0) // all of its data, and its attributes
	}
	for _, e := range names {
		s.fuse.EntryNotify(e.dir, e.name)
	}
}
