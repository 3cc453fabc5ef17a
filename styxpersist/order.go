package styxpersist

import (
	"cmp"
	"slices"
	"time"

	"9fans.net/go/plan9"
)

// The order in which fids come back on a new connection: first those that requests wait for, in the order of the requests;
// then those that hold a lock, or a file for themselves alone; then what else is open; and when nothing of this is to be begun any
// more, a few at a time, the rest, unless a request comes for one of them. The order is kept in lists, so that neither
// a death nor a new connection takes longer for the fids that a client has and does not use.

// An order is all fids that exist or did on some connection, by what is to become of them.
type order struct {
	here     fidList // on the present connection,
	hereOpen fidList // and open there, or something else that has to come back
	coming   fidList // on their way back
	held     fidList // not yet: those with a lock, or a file of which there is one open at a time
	open     fidList
	rest     fidList
	leaving  fidList // a request that has its turn lets go of them
	again    fidList // dead, and tried once more after the next death
}

// A fidList is a ring of fids. A fid is in one at most.
type fidList struct{ ring fidLink }

type fidLink struct {
	prev, next *fidLink
	fid        *fid
}

func (l *fidList) first() *fid {
	if l.ring.next == nil {
		return nil
	}
	return l.ring.next.fid // nil where that is the ring itself
}

func (l *fidList) init() {
	if l.ring.next == nil {
		l.ring.prev, l.ring.next = &l.ring, &l.ring
	}
}

// put puts f, which is in no list, at the end.
func (l *fidList) put(f *fid) {
	l.init()
	k := &f.link
	k.fid, k.prev, k.next = f, l.ring.prev, &l.ring
	k.prev.next, l.ring.prev = k, k
}

// take puts all of m at the end, and leaves m empty.
func (l *fidList) take(m *fidList) {
	if m.first() == nil {
		return
	}
	l.init()
	l.ring.prev.next, m.ring.next.prev = m.ring.next, l.ring.prev
	l.ring.prev, m.ring.prev.next = m.ring.prev, &l.ring
	m.ring = fidLink{}
}

// each calls fn for the fids of the list, and leaves them there.
func (l *fidList) each(fn func(f *fid)) {
	if l.first() == nil {
		return
	}
	for k := l.ring.next; k != &l.ring; k = k.next {
		fn(k.fid)
	}
}

// leave takes a fid out of the list that it is in, if any.
func (k *fidLink) leave() {
	if k.next != nil {
		k.prev.next, k.next.prev = k.next, k.prev
		k.prev, k.next = nil, nil
	}
}

// rank puts f into the list where it belongs. Whoever changes what f is, or where, calls it.
func (s *session) rank(f *fid) {
	f.link.leave()
	if l := s.rankOf(f); l != nil {
		l.put(f)
	}
}

func (s *session) rankOf(f *fid) *fidList {
	o := &s.order
	switch {
	case f.dropped || f.state == fidComing || f.state == fidDead && !f.again:
		return nil
	case f.state == fidDead:
		return &o.again
	case f.back != nil:
		return &o.coming
	case s.srv != nil && f.usable(s.srv.gen):
		if f.mustReturn() {
			return &o.hereOpen
		}
		return &o.here
	case f.leaving:
		return &o.leaving
	case !f.mustReturn():
		return &o.rest
	case len(f.locks) > 0 || f.node != nil && f.node.qid.Type&plan9.QTEXCL != 0:
		return &o.held
	}
	return &o.open
}

// strand takes all fids off the dead connection, and returns how many files were open there.
func (s *session) strand(srv *server) (open int) {
	o := &s.order
	var all fidList
	for _, l := range [...]*fidList{&o.coming, &o.leaving, &o.held, &o.open, &o.hereOpen, &o.again} {
		all.take(l)
	}
	o.rest.take(&o.here)
	for f := all.first(); f != nil; f = all.first() {
		if f.open {
			open++
		}
		s.loseFid(srv, f)
	}
	return open
}

// inOrder returns the client's requests that have no answer, as they came.
func (s *session) inOrder() []*request {
	var all []*request
	for _, r := range s.reqs {
		if r != nil {
			all = append(all, r)
		}
	}
	slices.SortFunc(all, func(a, b *request) int { return cmp.Compare(a.seq, b.seq) })
	return all
}

// A comeback is a fid on its way back on one connection.
type comeback struct {
	srv    *server
	fid    *fid
	sweep  bool // nobody has asked for it
	pauses backoff
	grace  time.Time // until then, a file that is in use may be so by the old connection
}

// setOut has f on its way back on the present connection from now on.
func (s *session) setOut(f *fid, sweep bool) *comeback {
	srv := s.srv
	c := &comeback{
		srv: srv, fid: f, sweep: sweep, grace: time.Now().Add(exclGrace),
		pauses: backoff{least: 20 * time.Millisecond, most: 2 * time.Second, rand: spread(uint64(f.num))},
	}
	f.back = c
	if sweep {
		srv.sweeping++
	} else {
		srv.urgent++
	}
	s.rank(f)
	return c
}

// restoreSoon has f brought back on the present connection, before all that nobody waits for. The mutex is held.
func (s *session) restoreSoon(f *fid) {
	if s.srv == nil || f.back != nil || f.dropped {
		return
	}
	s.line(s.setOut(f, false))
	s.fill(s.srv)
}

// line has c begin when it has its turn: behind what has been asked for before, and not before its tree is there.
func (s *session) line(c *comeback) {
	if w := s.rootWay(c.srv, c.fid.node.root); !w.isReady() {
		w.parked = append(w.parked, c)
		return
	}
	s.enlist(c)
}

func (s *session) enlist(c *comeback) {
	start := func() { s.spawn(func() { s.comeBack(c) }) }
	if c.sweep {
		start()
	} else {
		c.srv.asked.put(start)
	}
}

// unpark has those begin that wait for w, which is ready.
func (s *session) unpark(srv *server, w *rootWay) {
	for _, do := range w.proofs {
		s.inTurn(srv, do)
	}
	for _, c := range w.parked {
		s.enlist(c)
	}
	w.parked, w.proofs = nil, nil
	s.fill(srv)
}

// fill begins what is to be done next for as long as the window has room, and says when all is back. The mutex is held.
func (s *session) fill(srv *server) {
	if s.srv != srv {
		return
	}
	for srv.window.free() && s.beginNext(srv) {
	}
	for srv.window.busy == 0 && srv.sweeping < min(sweepWindow, srv.window.size) && s.beginSweep() {
	}
	s.tellBack(srv)
}

// sweepWindow is how many fids come back at a time for which nobody has asked.
const sweepWindow = 16

// beginNext begins the next in the order, but for the rest.
func (s *session) beginNext(srv *server) bool {
	for srv.asked.len() == 0 {
		f := s.order.held.first()
		if f == nil {
			f = s.order.open.first()
		}
		if f == nil {
			return false
		}
		s.line(s.setOut(f, false))
	}
	srv.window.busy++
	srv.asked.take()()
	return true
}

func (s *session) beginSweep() bool {
	f := s.order.rest.first()
	if f == nil {
		return false
	}
	s.line(s.setOut(f, true))
	return true
}

// tellBack reports that what was open, and what requests waited for, is back, or given up, or waits for its tree;
// and takes in that the rest is, too.
func (s *session) tellBack(srv *server) {
	o := &s.order
	if srv.swept || srv.asked.len() > 0 || o.held.first() != nil || o.open.first() != nil {
		return
	}
	left, few := srv.urgent, srv.sweeping
	for _, w := range srv.roots {
		if w.isSlow() {
			left -= w.parkedUrgent()
			few -= len(w.parked) - w.parkedUrgent()
		}
	}
	if left > 0 {
		return
	}
	if !srv.isBack {
		srv.isBack = true
		s.report(s.counters.end(s.absence))
	}
	if few == 0 && o.rest.first() == nil {
		s.sweptUp(srv)
	}
}

// finished takes in that c is back, or given up.
func (s *session) finished(c *comeback) {
	srv := c.srv
	if c.sweep {
		srv.sweeping--
	} else {
		srv.urgent--
		srv.window.busy--
	}
	s.fill(srv)
}

// turn returns what is closed when there is a place in the window for its caller: before the fids that no request waits
// for. The mutex is held.
func (s *session) turn(srv *server) <-chan struct{} {
	turn := make(chan struct{})
	srv.asked.put(func() { close(turn) })
	s.fill(srv)
	return turn
}

// inTurn has do done when it has its turn; where srv dies before that, then, for do to let go of what it holds. The mutex is held.
func (s *session) inTurn(srv *server, do func()) {
	turn := s.turn(srv)
	s.spawn(func() {
		select {
		case <-turn:
		case <-srv.ctx.Done():
		}
		do()
		s.mu.Lock()
		srv.window.busy--
		s.fill(srv)
		s.mu.Unlock()
	})
}

// proveInTurn has r, or with it others in its tree, looked into when it has its turn, and the tree is there.
func (s *session) proveInTurn(srv *server, r *request, do func()) {
	if w := s.rootWay(srv, r.fid.node.root); !w.isReady() {
		w.proofs = append(w.proofs, do)
	} else {
		s.inTurn(srv, do)
	}
}

// pause lets others have the place of c in the window for a while, longer each time.
func (s *session) pause(c *comeback) error {
	srv, d := c.srv, c.pauses.pause()
	if d <= 0 || c.sweep {
		return sleep(srv.ctx, d)
	}
	if !s.outside(srv, func() { sleep(srv.ctx, d) }) {
		return srv.ctx.Err()
	}
	return nil
}

// aside waits for over, which takes its time. Meanwhile c holds up nobody, nor the word that all is back.
func (s *session) aside(c *comeback, over <-chan struct{}) {
	more := func(n int) {
		s.mu.Lock()
		defer s.mu.Unlock()
		c.srv.urgent += n
	}
	more(-1)
	s.outside(c.srv, func() {
		select {
		case <-over:
		case <-c.srv.ctx.Done():
		}
	})
	more(1)
}

// outside gives back the place in the window that its caller has, waits as wait does, and comes back when it
// has its turn again. It returns false where srv has died.
func (s *session) outside(srv *server, wait func()) bool {
	s.mu.Lock()
	srv.window.busy--
	s.fill(srv)
	s.mu.Unlock()
	wait()
	s.mu.Lock()
	turn := s.turn(srv)
	s.mu.Unlock()
	select {
	case <-turn:
		return srv.ctx.Err() == nil
	case <-srv.ctx.Done():
		return false
	}
}
