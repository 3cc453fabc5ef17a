package styxpersist

import (
	"context"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/styxkit/styxkit/lib9p"
)

// Counters tell what has happened on a client's connection since its beginning. All of them only grow, and may be read at
// any time, with Load.
type Counters struct {
	Dials       atomic.Int64 // connections asked for
	Connections atomic.Int64 // and agreed on
	Deaths      atomic.Int64 // connections lost

	Restored  atomic.Int64 // open files brought back
	Dead      atomic.Int64 // fids given up
	LocksLost atomic.Int64

	Again     atomic.Int64 // requests sent again
	Proved    atomic.Int64 // requests found to have been done
	Undecided atomic.Int64 // requests answered "operation possibly not completed"

	ToServer, ToClient atomic.Int64 // bytes written
}

// An absence is the time from the death of a connection to the moment when the next one serves as it did.
type absence struct {
	since  time.Time     // when the connection was lost; zero before the first loss
	until  time.Time     // when there was another
	back   chan struct{} // closed then
	before Back          // the counters when it began, as far as Back has them
}

// begin is the beginning of an absence.
func (c *Counters) begin() absence {
	return absence{since: time.Now(), back: make(chan struct{}), before: c.back()}
}

func (c *Counters) back() Back {
	return Back{
		Files: int(c.Restored.Load()), Dead: int(c.Dead.Load()), Again: int(c.Again.Load()),
		Proved: int(c.Proved.Load()), Undecided: int(c.Undecided.Load()),
	}
}

// end is what has happened meanwhile.
func (c *Counters) end(a absence) Back {
	b := c.back()
	return Back{
		Away: a.until.Sub(a.since), Took: time.Since(a.until),
		Files: b.Files - a.before.Files, Dead: b.Dead - a.before.Dead, Again: b.Again - a.before.Again,
		Proved: b.Proved - a.before.Proved, Undecided: b.Undecided - a.before.Undecided,
	}
}

// A herald tells events to the log and the observer, in a goroutine of the session's, in their order and one
// at a time, so that nobody who listens can hold up the session.
type herald struct {
	mu   sync.Mutex
	news []Event
	wake chan struct{} // capacity 1: there is news
}

// report has an event told. It may be called with or without the session's mutex.
func (s *session) report(e Event) {
	h := &s.herald
	h.mu.Lock()
	if len(h.news) < maxNews {
		h.news = append(h.news, e)
	}
	h.mu.Unlock()
	select {
	case h.wake <- struct{}{}:
	default:
	}
}

// maxNews bounds what an observer that takes its time is told later.
const maxNews = 1 << 16

// proclaim tells what there is to tell, for as long as the session lives.
func (s *session) proclaim() {
	for {
		s.tellNews()
		select {
		case <-s.ctx.Done():
			return
		case <-s.herald.wake:
		}
	}
}

func (s *session) tellNews() {
	h := &s.herald
	h.mu.Lock()
	news := h.news
	h.news = nil
	h.mu.Unlock()
	for _, e := range news {
		if level := e.level(); s.log.Enabled(context.Background(), level) {
			s.log.Log(context.Background(), level, e.String())
		}
		if s.link.cfg.Observer != nil {
			s.link.cfg.Observer(e)
		}
	}
}

// doubtful answers r that it may or may not have been done, and says why nobody can know.
func (s *session) doubtful(r *request, why string) {
	s.counters.Undecided.Add(1)
	s.report(Undecided{Request: lib9p.TypeName(r.typ), Path: s.pathOf(r), Cause: why})
	s.refuse(r, errUndecided)
}

// reportDead tells of a fid that has just died of err.
func (s *session) reportDead(f *fid, err error) {
	path := f.node.String()
	s.counters.Dead.Add(1)
	s.report(Dead{Path: path, Open: f.open, Cause: err, Answer: f.err})
}

// pathOf returns the path that r is about, for people.
func (s *session) pathOf(r *request) string {
	if at := s.places(r)[0]; at.dir != nil {
		return strings.TrimSuffix(at.dir.String(), "/") + "/" + at.name
	}
	if r.of() == nil {
		return "an unknown file"
	}
	return r.fid.node.String()
}

// String is n's path from the root of its tree, for people: the one that it had last.
func (n *node) String() string {
	var names []string
	for ; n.parent != nil; n = n.parent {
		names = append(names, n.name)
	}
	slices.Reverse(names)
	return strings.TrimSuffix(n.root.aname, "/") + "/" + strings.Join(names, "/")
}
