package styxpersist

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"
	"sync"

	"9fans.net/go/plan9"

	"github.com/styxkit/styxkit/lib9p"
	"github.com/styxkit/styxkit/lib9p/hidden"
)

// A stay is what is known of a file that has a hidden name, from when it was given to the file's removal. Where it is
// on its way to another hidden name, nobody knows which it has when the connection dies under that.
type stay struct {
	to      *node // held: the directory that it goes to, nil where it is not on its way
	as      string
	leaving bool // it is being removed: nobody can open it any more
	linked  bool // nobody has removed it: its name was given to another file
}

// unhide has a hidden file removed when nobody has it open any more.
func (s *session) unhide(n *node) {
	srv := s.srv
	if srv == nil || n == nil || !n.hidden || n.opens > 0 || s.stays[n] == nil {
		return
	}
	s.inTurn(srv, func() {
		s.mu.Lock()
		if s.stays[n] == nil { // which holds it
			s.mu.Unlock()
			return
		}
		n.hold()
		s.mu.Unlock()
		if failed, _ := srv.try(0, func() error { return s.removeHidden(srv, n) }); failed != nil {
			s.log.Debug("a removed file stays under its hidden name", "path", n.String(), "err", failed)
		}
		s.mu.Lock()
		n.drop()
		s.mu.Unlock()
		s.tell(nil)
	})
}

// removeHidden removes a hidden file. What fails now is tried again on the next connection, and at the end.
func (s *session) removeHidden(srv *server, n *node) error {
	p := prober{s: s, srv: srv}
	defer p.done()
	s.mu.Lock()
	st := s.stays[n]
	if st == nil || st.to != nil || st.leaving || s.inUse(n, nil) {
		s.mu.Unlock()
		return nil
	}
	st.leaving = true
	dir, name, qid, moves := n.parent, n.name, n.qid, s.moves
	s.mu.Unlock()
	at, err := p.lookup(dir, name)
	is := err == nil && at.ok && sameFile(at.qid, qid)
	if is {
		err = p.remove(at.sfid)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	st.leaving = false
	switch {
	case err != nil && !isNotFound(err):
		return err
	case !is && (s.moves != moves || s.namesMove()): // its directory may have another name
		return errMoved
	}
	s.endStay(n)
	return nil
}

// errMoved says that names have changed while a file was looked for: it may be elsewhere.
var errMoved = errors.New("names have changed meanwhile")

// endStay takes in that a hidden file is removed.
func (s *session) endStay(n *node) {
	if s.stays[n] == nil {
		return
	}
	delete(s.stays, n)
	n.hidden = false
	n.vanish() // a name that no walk of the client's has met
	n.drop()
}

// relocate gives a hidden file another hidden name, in directory to. It goes on where an earlier attempt may have
// done so: that it is made twice does no harm, since nothing else ever has these names.
func (s *session) relocate(srv *server, n, to *node) error {
	p := prober{s: s, srv: srv}
	defer p.done()
	s.mu.Lock()
	st := s.stays[n]
	if st == nil || n.parent == nil {
		s.mu.Unlock()
		return nil
	}
	again := st.to != nil
	if !again {
		st.to, st.as = to.hold(), s.namer.Name()
	}
	to, as, from, name, qid := st.to, st.as, n.parent, n.name, n.qid
	s.mu.Unlock()
	done, err := p.movedTo(to, as, again)
	if !done && err == nil {
		err = p.moveHidden(from, name, qid, to, as)
		done = err == nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, refused := errors.AsType[*lib9p.Error](err); !done && !refused {
		return err // the next connection tells
	}
	if done {
		s.moveTo(n, to, as)
		s.walkAnew(n)
	}
	st.to.drop()
	st.to = nil
	s.moves++
	s.unhide(n)
	return err
}

// movedTo reports whether a hidden file has come where it was to go, if that was tried.
func (p *prober) movedTo(to *node, as string, tried bool) (bool, error) {
	if !tried {
		return false, nil
	}
	at, err := p.lookup(to, as)
	return at.ok, err
}

func (p *prober) moveHidden(from *node, name string, qid lib9p.Qid, to *node, as string) error {
	dir, err := p.reach(from)
	if err != nil {
		return err
	}
	at, err := p.step(dir, name)
	if err != nil {
		return err
	}
	if !at.ok || !sameFile(at.qid, qid) {
		return errNotFound
	}
	todir := dir
	if to != from {
		if todir, err = p.reach(to); err != nil {
			return err
		}
	}
	return p.renameTo(&request{}, dir, name, at.sfid, todir, as)
}

// stay is the housekeeping of hidden files on a new connection, once what is open is back: those that were on
// their way arrive, those that nobody has open go, litter is picked up, and old names are given up for new ones.
func (s *session) stay(srv *server) {
	s.mu.Lock()
	var l []*node
	for n, st := range s.stays {
		if st.to != nil || n.opens == 0 || !hidden.Is(n.name) || hidden.Age(n.name) >= hidden.Renew {
			l = append(l, n.hold())
		}
	}
	slices.SortFunc(l, func(a, b *node) int { return strings.Compare(a.name, b.name) })
	for _, at := range s.litter {
		s.pickUp(srv, at)
	}
	s.mu.Unlock()
	for _, n := range l {
		s.mu.Lock()
		st, dir := s.stays[n], n.parent
		moving := st != nil && (st.to != nil || n.opens > 0)
		if !moving {
			s.unhide(n)
		}
		s.mu.Unlock()
		if moving {
			s.relocate(srv, n, dir)
		}
		s.mu.Lock()
		n.drop()
		s.mu.Unlock()
	}
	s.tell(nil)
}

// renew keeps the names of hidden files young, so that nobody takes them for left behind.
func (s *session) renew() {
	for sleep(s.ctx, hidden.Renew) == nil {
		s.mu.Lock()
		srv := s.srv
		s.mu.Unlock()
		if srv != nil {
			s.stay(srv)
		}
	}
}

// hideAgain has a removed file hidden again to which a rename gave a name that was under way when it was hidden. One that was
// only replaced may have that name by right. was, which is held, is its hidden name.
func (s *session) hideAgain(n *node, was place) {
	st, srv := s.stays[n], s.srv
	switch {
	case srv == nil || st == nil || !n.hidden || hidden.Is(n.name) || st.linked && st.to != nil:
		return
	case st.linked:
		delete(s.stays, n)
		n.hidden = false
		s.tellNames(n, was)
		n.drop()
		return
	}
	dir := n.parent.hold()
	n.hold()
	s.inTurn(srv, func() {
		s.relocate(srv, n, dir)
		s.mu.Lock()
		n.drop()
		dir.drop()
		s.mu.Unlock()
		s.tell(nil)
	})
}

// tellNames has it found out which name n has that was replaced and renamed at the same time: the one by which it is
// known, then the hidden one, at, is litter; or that alone.
func (s *session) tellNames(n *node, at place) {
	srv := s.srv
	if srv == nil {
		return
	}
	n.hold()
	at.dir.hold()
	s.inTurn(srv, func() {
		srv.try(0, func() error { return s.tellNamesNow(srv, n, at) })
		s.mu.Lock()
		at.dir.drop()
		n.drop()
		s.mu.Unlock()
		s.tell(nil)
	})
}

// tellNamesNow is one attempt of tellNames. Where all fail, the name that is too many is swept when it is old.
func (s *session) tellNamesNow(srv *server, n *node, at place) error {
	s.mu.Lock()
	moves := s.moves
	s.mu.Unlock()
	is, err := s.isInPlace(srv, n)
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case err != nil:
		return err
	case s.moves != moves || s.namesMove():
		return errMoved
	case is:
		s.litterAt(at)
	default:
		s.conceal(n, at, true)
	}
	return nil
}

// isInPlace reports whether n is found by the name by which it is known.
func (s *session) isInPlace(srv *server, n *node) (bool, error) {
	p := prober{s: s, srv: srv}
	defer p.done()
	s.mu.Lock()
	dir, name := n.parent.hold(), n.name
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		dir.drop()
		s.mu.Unlock()
	}()
	at, err := p.lookup(dir, name)
	if err != nil {
		return false, err
	}
	return p.is(at, n)
}

// settling reports whether hidden files are on their way: a path that does not lead to one proves nothing.
func (s *session) settling() bool {
	for _, st := range s.stays {
		if st.to != nil {
			return true
		}
	}
	return false
}

// leaveHidden removes the hidden names at the end of the session, for which all files are closed.
func (s *session) leaveHidden(ctx context.Context, srv *server) {
	s.mu.Lock()
	type at struct {
		root  uint32
		names []string
	}
	var l []at
	leave := func(n *node, below ...string) {
		if w, names, ok := srv.roots[n.root], []string(nil), false; w != nil && w.err == nil {
			if names, ok = n.path(); ok {
				l = append(l, at{w.sfid, append(names, below...)})
			}
		}
	}
	for n := range s.stays {
		leave(n)
	}
	for _, at := range s.litter {
		leave(at.dir, at.name)
	}
	s.mu.Unlock()
	slices.SortFunc(l, func(a, b at) int { return slices.Compare(a.names, b.names) })
	var all sync.WaitGroup
	gate := make(chan struct{}, windowFirst)
	for _, a := range l {
		gate <- struct{}{}
		all.Go(func() {
			defer func() { <-gate }()
			s.removeAt(ctx, srv, a.root, a.names)
		})
	}
	all.Wait()
}

// removeAt removes the file that names lead to from the root sfid.
func (s *session) removeAt(ctx context.Context, srv *server, from uint32, names []string) {
	for len(names) > 0 {
		n := min(len(names), lib9p.MaxWalk)
		s.mu.Lock()
		to := srv.newSfid()
		s.mu.Unlock()
		m, err := srv.call(ctx, &lib9p.Twalk{Fid: from, Newfid: to, Wname: names[:n]})
		if err != nil || len(m.(*lib9p.Rwalk).Wqid) < n {
			return
		}
		from, names = to, names[n:]
	}
	srv.call(ctx, &lib9p.Tremove{Fid: from})
}

// renameTo gives the file that old in dir leads to, and on which sfid stands, the name as in todir. r is what it asks for that with.
func (p *prober) renameTo(r *request, dir uint32, old string, sfid, todir uint32, as string) error {
	if p.s.d != lib9p.L {
		if dir != todir {
			return errNotFound
		}
		st := lib9p.NullStat()
		st.Name = as
		_, err := p.srv.ask(p.srv.ctx, r, &lib9p.Twstat{Fid: sfid, Stat: st})
		return err
	}
	_, err := p.srv.ask(p.srv.ctx, r, &lib9p.Trenameat{Olddirfid: dir, Oldname: old, Newdirfid: todir, Newname: as})
	if n := number(err); n == lib9p.EOPNOTSUPP || n == lib9p.ENOSYS {
		_, err = p.srv.ask(p.srv.ctx, r, &lib9p.Trename{Fid: sfid, Dfid: todir, Name: as})
	}
	return err
}

// linkTo gives the file on which sfid stands the name as, too, in dir. r is as renameTo's.
func (p *prober) linkTo(r *request, dir, sfid uint32, as string) error {
	if p.s.d == lib9p.L {
		_, err := p.srv.ask(p.srv.ctx, r, &lib9p.Tlink{Dfid: dir, Fid: sfid, Name: as})
		return err
	}
	p.s.mu.Lock()
	to := p.srv.newSfid()
	p.s.mu.Unlock()
	if _, err := p.srv.call(p.srv.ctx, &lib9p.Twalk{Fid: dir, Newfid: to}); err != nil {
		return err
	}
	p.sfids = append(p.sfids, to)
	_, err := p.srv.ask(p.srv.ctx, r, &lib9p.Tcreate{Fid: to, Name: as, Perm: lib9p.DMLINK | 0o666, Mode: plan9.OREAD, Extension: strconv.FormatUint(uint64(sfid), 10) + "\n"})
	return err
}

// remove removes the file on which sfid, one of p's, stands.
func (p *prober) remove(sfid uint32) error {
	p.sfids = slices.DeleteFunc(p.sfids, func(f uint32) bool { return f == sfid })
	_, err := p.srv.call(p.srv.ctx, &lib9p.Tremove{Fid: sfid})
	p.s.mu.Lock()
	p.srv.freeSfid(sfid)
	p.s.mu.Unlock()
	return err
}
