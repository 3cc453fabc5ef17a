package styxpersist

import (
	"cmp"
	"errors"
	"slices"
	"time"

	"9fans.net/go/plan9"

	"github.com/styxkit/styxkit/lib9p"
	"github.com/styxkit/styxkit/styxpersist/internal/mutate"
)

// resume makes srv the session's connection and starts bringing back what is needed first:
// open files, and what requests wait for. The rest comes when it is used, or in the background.
func (s *session) resume(srv *server) {
	s.mu.Lock()
	roots := append([]*root(nil), s.roots...)
	s.mu.Unlock()
	for _, r := range roots { // in the original order: some servers let the later ones in for the first's sake
		s.settled(srv, r)
	}
	s.identify(srv)
	s.gate.Lock()
	s.mu.Lock()
	defer s.gate.Unlock()
	defer s.mu.Unlock()
	s.srv, s.tired = srv, false
	s.kick()
	if s.absence.since.IsZero() {
		srv.swept = true
		return // the first connection: there is nothing to bring back
	}
	for _, f := range s.fidsThat(func(f *fid) bool { return len(f.waiting) > 0 || f.urgent() }) {
		if f.state == fidLive && f.urgent() {
			s.restoreSoon(f)
		}
		s.advance(f)
	}
	s.payAll(srv)
	s.proveAll(srv)
	if len(s.stays) > 0 {
		s.spawn(func() { s.stay(srv) })
	}
	s.spawn(func() { s.settle(srv) })
}

// settle waits until what is needed first is back, says so, and then brings back the rest.
func (s *session) settle(srv *server) {
	s.mu.Lock()
	for s.srv == srv && srv.restoring > 0 {
		srv.settled.Wait()
	}
	if s.srv != srv {
		s.mu.Unlock()
		return
	}
	s.report(s.counters.end(s.absence))
	rest := s.fidsThat(func(f *fid) bool { return f.state == fidLive && !f.usable(srv.gen) && !f.leaving })
	s.mu.Unlock()
	for _, f := range rest {
		s.mu.Lock()
		for s.srv == srv && srv.restoring >= sweepWindow {
			srv.settled.Wait()
		}
		if s.srv != srv {
			s.mu.Unlock()
			return
		}
		if !f.dropped && f.state == fidLive && !f.usable(srv.gen) && !f.leaving {
			s.restoreSoon(f)
		}
		s.mu.Unlock()
	}
	s.mu.Lock()
	for s.srv == srv && srv.restoring > 0 {
		srv.settled.Wait()
	}
	s.sweptUp(srv)
	s.mu.Unlock()
}

// fidsThat returns the fids that ok takes, in the order of their numbers: the same trouble is recovered from in the same way.
func (s *session) fidsThat(ok func(*fid) bool) []*fid {
	var l []*fid
	for _, f := range s.fids {
		if ok(f) {
			l = append(l, f)
		}
	}
	slices.SortFunc(l, func(a, b *fid) int { return cmp.Compare(a.num, b.num) })
	return l
}

const (
	sweepWindow   = 16  // fids that the background brings back at a time
	restoreWindow = 256 // requests of ours under way at a time
)

// restoreSoon has f brought back on the present connection. The mutex is held.
func (s *session) restoreSoon(f *fid) {
	srv := s.srv
	if srv == nil || f.restoring == srv || f.dropped {
		return
	}
	f.restoring = srv
	became := f.became
	srv.restoring++
	s.spawn(func() {
		s.awaitRoot(srv, f)
		s.awaitOld(srv, f)
		srv.window <- struct{}{}
		sfid, locked := s.restore(srv, f, became)
		<-srv.window
		s.mu.Lock()
		srv.restoring--
		srv.settled.Broadcast()
		s.mu.Unlock()
		s.tell(nil)
		if locked {
			s.regain(srv, f, sfid)
		}
	})
}

// awaitRoot waits until f's root is reached on srv, or refused.
func (s *session) awaitRoot(srv *server, f *fid) {
	s.mu.Lock()
	if f.dropped {
		s.mu.Unlock()
		return
	}
	w := s.rootWay(srv, f.node.root)
	s.mu.Unlock()
	select {
	case <-w.ready:
	case <-w.slow:
		s.aside(srv, w.ready)
	case <-srv.ctx.Done():
	}
}

// aside waits for c, which takes its time. Meanwhile what is being brought back
// holds up nobody: neither the word that all is back, nor fids of other roots.
func (s *session) aside(srv *server, c <-chan struct{}) {
	s.mu.Lock()
	srv.restoring--
	srv.settled.Broadcast()
	s.mu.Unlock()
	select {
	case <-c:
	case <-srv.ctx.Done():
	}
	s.mu.Lock()
	srv.restoring++
	s.mu.Unlock()
}

// restore brings f back on srv: walks to it, checks that it is the same file, opens it as it was open. What does not pass
// makes the fid dead, and only the fid. It tries again for as long as srv lives where the trouble may pass.
// It gives up where the fid has become something else than became says, which has its own way back.
// Where the fid had locks it is not there yet: it has to regain them on the sfid returned.
func (s *session) restore(srv *server, f *fid, became int) (sfid uint32, locked bool) {
	pauses := backoff{least: 20 * time.Millisecond, most: 2 * time.Second, rand: spread(uint64(f.num))}
	grace := time.Now().Add(exclGrace)
	for {
		if sleep(srv.ctx, pauses.pause()) != nil {
			return 0, false
		}
		s.mu.Lock()
		if f.dropped || f.state != fidLive || s.srv != srv || f.became != became {
			s.mu.Unlock()
			return 0, false
		}
		w := s.wayTo(f)
		moves := s.moves
		s.mu.Unlock()

		sfid, err := s.reach(srv, &w)
		s.mu.Lock()
		if f.dropped || s.srv != srv || f.became != became {
			if err == nil {
				srv.discard(sfid)
			}
			s.mu.Unlock()
			return 0, false
		}
		switch {
		case err == nil:
			if moves == s.moves && !s.namesMove() {
				s.found(f.node)
			}
			if f.open {
				s.counters.Restored.Add(1)
			}
			f.unit = smaller(w.iounit, f.iounit)
			locked := len(f.locks) > 0
			if !locked {
				s.arrived(srv, f, sfid)
			}
			s.mu.Unlock()
			return sfid, locked
		case srv.ctx.Err() != nil || errors.Is(err, errGone):
			s.mu.Unlock()
			return 0, false
		case passing(err), isGoneAway(err) && (moves != s.moves || s.namesMove()),
			w.open && isBusy(err) && time.Now().Before(grace):
			s.mu.Unlock()
			continue
		}
		f.restoring = nil
		f.die(deathOf(f, err))
		_, lostTree := errors.AsType[*rootError](err)
		f.again = !f.open && f.role == roleFile || lostTree || err == errTooLong
		s.reportDead(f, err)
		s.paySoon(srv, f.node)
		s.advance(f)
		s.mu.Unlock()
		return 0, false
	}
}

// arrived makes sfid, which is as f was, f's place on srv.
func (s *session) arrived(srv *server, f *fid, sfid uint32) {
	f.sfid, f.gen, f.restoring = sfid, srv.gen, nil
	if f.open {
		s.askLength(f)
	}
	s.advance(f)
}

// namesMove reports whether a request is under way, or being proved, that changes
// names: the path that a fid was sought on may not be its path any more.
func (s *session) namesMove() bool {
	for _, r := range s.reqs {
		if r != nil && r.movesNames() && (r.state == sent || r.state == proving) {
			return true
		}
	}
	return s.settling()
}

// exclGrace is how long a file that a server still holds for the old connection is tried.
const exclGrace = 10 * time.Second

// A wayTo is what is needed to bring a fid back, as it was at one moment.
type wayTo struct {
	node    *node
	root    *root
	names   []string
	gone    bool // no path leads there
	qid     lib9p.Qid
	role    role
	open    bool
	created bool
	flags   uint32
	xattr   string
	size    uint64
	attr    *attrWrite
	iounit  uint32 // what the server told when it was opened again
}

func (s *session) wayTo(f *fid) wayTo {
	names, ok := f.node.path()
	return wayTo{
		node: f.node, root: f.node.root, names: names, gone: !ok, qid: f.node.qid,
		role: f.role, open: f.open, created: f.created, flags: f.flags, xattr: f.xattr, size: f.xattrSize, attr: f.attr.snapshot(),
	}
}

// reach makes an sfid on srv that is what w describes.
func (s *session) reach(srv *server, w *wayTo) (uint32, error) {
	if w.gone {
		return 0, errRemoved
	}
	sfid, qids, err := s.walkTo(srv, w.root, w.names)
	if err != nil {
		return 0, err
	}
	if !sameFile(qids[len(qids)-1], w.qid) && (w.open || !mutate.Has(mutate.OpenOnly)) {
		err = s.adoptLate(srv, sfid, w, qids)
	} else {
		err = s.sameGen(srv, sfid, w.node)
	}
	if err != nil {
		srv.drop(sfid)
		return 0, err
	}
	switch {
	case w.role == roleXattrR:
		sfid, err = s.reachXattr(srv, sfid, w)
	case w.role == roleXattrW:
		var begun bool
		if begun, err = s.rewriteAttr(srv, sfid, w.attr); begun && err != nil {
			return 0, err // and no clunk, which would make a part of it the value
		}
	case w.open:
		err = s.reopen(srv, sfid, w)
	}
	if err != nil {
		srv.drop(sfid)
		return 0, err
	}
	return sfid, nil
}

// reopen opens sfid as w was open.
func (s *session) reopen(srv *server, sfid uint32, w *wayTo) error {
	o, err := s.open(srv, sfid, w.flags)
	if w.created && forbids(err) || s.owes(w.node) {
		o, err = s.reopenAsOwner(srv, sfid, w, o, err)
	}
	if err != nil {
		return err
	}
	if !sameFile(o.qid, w.qid) {
		return errReplaced
	}
	w.iounit = o.iounit
	return nil
}

// An opened is what a server says of a file that it has opened.
type opened struct {
	qid    lib9p.Qid
	iounit uint32
}

// open opens sfid with a mode of Topen or flags of Tlopen.
func (s *session) open(srv *server, sfid, flags uint32) (opened, error) {
	if s.d == lib9p.L {
		m, err := srv.call(srv.ctx, &lib9p.Tlopen{Fid: sfid, Flags: flags})
		if err != nil {
			return opened{}, err
		}
		o := m.(*lib9p.Rlopen)
		return opened{o.Qid, o.Iounit}, nil
	}
	m, err := srv.call(srv.ctx, &lib9p.Topen{Fid: sfid, Mode: uint8(flags)})
	if forbids(err) && flags&3 == plan9.OEXEC { // to execute was allowed once; what is wanted of it now is to be read
		m, err = srv.call(srv.ctx, &lib9p.Topen{Fid: sfid, Mode: uint8(flags)&^3 | plan9.OREAD})
	}
	if err != nil {
		return opened{}, err
	}
	o := m.(*lib9p.Ropen)
	return opened{o.Qid, o.Iounit}, nil
}

// drop has an sfid clunked that is not needed any more.
func (srv *server) drop(sfid uint32) {
	srv.s.mu.Lock()
	srv.discard(sfid)
	srv.s.mu.Unlock()
}
