package styxpersist

import (
	"errors"
	"time"

	"9fans.net/go/plan9"

	"github.com/styxkit/styxkit/lib9p"
	"github.com/styxkit/styxkit/styxpersist/internal/mutate"
)

// resume makes srv the session's connection and starts bringing back what is needed first:
// open files, and what requests wait for. The rest comes when it is used, or in the background.
func (s *session) resume(srv *server) {
	s.mu.Lock()
	roots := s.inAuthOrder(append([]*root(nil), s.roots...))
	s.mu.Unlock()
	for _, r := range roots { // in the original order: some servers let the later ones in for the first's sake
		s.settled(srv, r)
	}
	s.identify(srv)
	s.gate.Lock()
	s.mu.Lock()
	defer s.gate.Unlock()
	defer s.mu.Unlock()
	if s.srv = srv; !closed(srv.gone) {
		s.tired, s.useless = false, time.Time{}
	}
	s.kick()
	if s.absence.since.IsZero() {
		srv.isBack, srv.swept = true, true
		return // the first connection: there is nothing to bring back
	}
	files, waiting := make(map[*content]bool), s.inOrder()
	srv.window.narrow(len(waiting))
	for _, r := range waiting {
		if r.state == proving {
			s.proveSoon(srv, r, files)
		}
		s.advanceFids(r)
	}
	s.payAll(srv)
	if len(s.stays) > 0 || len(s.litter) > 0 {
		s.spawn(func() { s.stay(srv) })
	}
	s.fill(srv)
}

// comeBack brings back the fid of c, which has its turn.
func (s *session) comeBack(c *comeback) {
	s.awaitOld(c)
	sfid, locked := s.restore(c)
	s.mu.Lock()
	s.finished(c)
	s.mu.Unlock()
	s.tell(nil)
	if locked {
		s.regain(c.srv, c.fid, sfid)
	}
}

// restore brings the fid of c back: walks to it, checks that it is the same file, opens it as it was open. What does not pass
// makes the fid dead, and only the fid. It tries again for as long as srv lives where the trouble may pass.
// It gives up where the fid has become something else, which has its own way back.
// Where the fid had locks it is not there yet: it has to regain them on the sfid returned.
func (s *session) restore(c *comeback) (sfid uint32, locked bool) {
	srv, f := c.srv, c.fid
	for {
		if s.pause(c) != nil {
			return 0, false
		}
		s.mu.Lock()
		if f.back != c {
			s.mu.Unlock()
			return 0, false
		}
		w := s.wayTo(f)
		w.node.hold() // which may be gone, and the fid clunked, before it is done
		moves := s.moves
		s.mu.Unlock()

		sfid, err := s.reach(srv, &w)
		s.mu.Lock()
		w.node.drop()
		if f.back != c {
			if err == nil {
				srv.discard(sfid)
			}
			s.mu.Unlock()
			return 0, false
		}
		switch {
		case err == nil:
			if f.node.isUnsure() && moves == s.moves && !s.namesMove() {
				s.found(f.node)
			}
			if f.open {
				s.counters.Restored.Add(1)
			}
			f.unit = smaller(w.iounit, f.iounit)
			locked := len(f.locks) > 0
			if !locked {
				s.wentAhead(w.ahead)
				s.arrived(srv, f, sfid)
			}
			s.mu.Unlock()
			return sfid, locked
		case srv.ctx.Err() != nil || errors.Is(err, errGone):
			s.mu.Unlock()
			return 0, false
		case passing(err), isGoneAway(err) && (moves != s.moves || s.namesMove()),
			err == errRemoved && s.mayBeHidden(f.node),
			w.open && isBusy(err) && time.Now().Before(c.grace):
			s.mu.Unlock()
			continue
		case isGoneAway(err) && f.node.goElsewhere():
			s.mu.Unlock()
			continue
		}
		f.back = nil
		f.die(deathOf(f, err))
		_, lostTree := errors.AsType[*rootError](err)
		f.again = !f.open && f.role == roleFile || lostTree || err == errTooLong
		s.rank(f)
		s.reportDead(f, err)
		s.paySoon(srv, f.node)
		s.advance(f)
		s.mu.Unlock()
		return 0, false
	}
}

// arrived makes sfid, which is as f was, f's place on srv.
func (s *session) arrived(srv *server, f *fid, sfid uint32) {
	f.sfid, f.gen, f.back, f.astray = sfid, srv.gen, nil, false
	s.rank(f)
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
	fid    *fid
	node   *node
	root   *root
	names  []string
	gone   bool // no path leads there
	qid    lib9p.Qid
	role   role
	open   bool
	owner  bool // it may be opened as its owner can, see mode.go
	flags  uint32
	xattr  string
	size   uint64
	attr   *attrWrite
	iounit uint32   // what the server told when it was opened again
	ahead  *request // what was sent behind that
}

func (s *session) wayTo(f *fid) wayTo {
	names, ok := f.node.path()
	return wayTo{
		fid: f, node: f.node, root: f.node.root, names: names, gone: !ok, qid: f.node.qid,
		role: f.role, open: f.open, owner: f.created || f.eased, flags: f.flags, xattr: f.xattr, size: f.xattrSize, attr: f.attr.snapshot(),
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
	case w.role == roleXattrW && s.isDropped(w.fid): // what the client gave up must not be written
		err = errGone
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

func (s *session) isDropped(f *fid) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return f.dropped
}

// reopen opens sfid as w was open, and sends behind that what may go ahead.
func (s *session) reopen(srv *server, sfid uint32, w *wayTo) error {
	open := &request{}
	open.then = func() { w.ahead = s.sendAhead(w.fid, sfid, open) }
	o, err := s.openBy(srv, open, sfid, w.flags)
	if err != nil {
		w.ahead = nil
	}
	if w.owner && forbids(err) || s.owes(w.node) {
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
	return s.openBy(srv, &request{}, sfid, flags)
}

// openBy is open with the request r.
func (s *session) openBy(srv *server, r *request, sfid, flags uint32) (opened, error) {
	if s.d == lib9p.L {
		m, err := srv.ask(srv.ctx, r, &lib9p.Tlopen{Fid: sfid, Flags: flags})
		if err != nil {
			return opened{}, err
		}
		o := m.(*lib9p.Rlopen)
		return opened{o.Qid, o.Iounit}, nil
	}
	m, err := srv.ask(srv.ctx, r, &lib9p.Topen{Fid: sfid, Mode: uint8(flags)})
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
