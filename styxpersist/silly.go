package styxpersist

import (
	"cmp"
	"errors"
	"slices"

	"9fans.net/go/plan9"

	"github.com/styxkit/styxkit/lib9p"
	"github.com/styxkit/styxkit/lib9p/hidden"
	"github.com/styxkit/styxkit/styxpersist/internal/mutate"
)

// A fid on a file without a name cannot be brought back: no path leads there. With Config.Silly a regular file that is removed
// while other fids are open on it is renamed to a hidden name instead, and removed when the last of them is clunked; one whose name
// another file takes has a hidden name beside before that, as a link. Its fids move along with its node.
//
// Such a request waits like a directory read that wants help, while the session asks what has to be done before it. The hidden
// names are nobody else's, so that after a death it is known what was done: a file that is found by its hidden name has been hidden.

// A hiding is what is done before, or instead of, a request that takes the name from an open file, or removes
// a directory in which hidden files are.
type hiding struct {
	n, dir *node // held: the file, and its directory
	name   string
	as     string
	ask    *request // that gives the hidden name, on the present connection
	asked  bool     // an earlier one may have given it
	links  bool     // the request gives the name to another: the hidden name comes beside it
	beside bool     // it has both names: the request itself is to be made
	asIs   bool     // nothing more can be done: the request itself is to be made
	empty  bool     // n is the directory; hidden files leave it
}

// hides reports whether something has to be hidden before r is sent as it stands.
func (s *session) hides(r *request) bool {
	if s.namer == nil || !r.movesNames() || r.fid.role != roleFile || r.fid.node == nil || s.second(r).node == nil {
		return false
	}
	if r.hide == nil {
		r.hide = s.newHiding(r)
	}
	return r.hide != nil && !r.hide.beside && !r.hide.asIs
}

func (s *session) newHiding(r *request) *hiding {
	n, folder := s.victim(r)
	switch {
	case n == nil || n.parent == nil || !n.inPlace():
		return nil
	case folder && s.holdsHidden(n):
		return &hiding{n: n.hold(), dir: n.parent.hold(), name: n.name, empty: true}
	case mutate.Has(mutate.Bare) && !folder:
		return nil
	case folder || n.hidden || !s.inUse(n, r) || !n.regular():
		return nil
	}
	links := r.typ == lib9p.TypeTrename || r.typ == lib9p.TypeTrenameat || r.typ == lib9p.TypeTwstat
	return &hiding{n: n.hold(), dir: n.parent.hold(), name: n.name, as: s.namer.Name(), links: links}
}

// victim returns the file that loses its name if r is done, as far as the session knows it, and whether it
// is a directory that r removes.
func (s *session) victim(r *request) (n *node, folder bool) {
	var of *node
	switch m := r.msg(s.d).(type) {
	case *lib9p.Tunlinkat:
		return r.fid.node.children[m.Name], m.Flags&lib9p.UnlinkDir != 0
	case *lib9p.Tremove:
		return r.fid.node, r.fid.dir
	case *lib9p.Tclunk: // ORCLOSE
		return r.fid.node, r.fid.dir
	case *lib9p.Trename:
		n, of = s.second(r).node.children[m.Name], r.fid.node
	case *lib9p.Trenameat:
		n, of = s.second(r).node.children[m.Newname], r.fid.node.children[m.Oldname]
	case *lib9p.Twstat:
		of = r.fid.node
		if m.Stat.Name != "" && of.parent != nil {
			n = of.parent.children[m.Stat.Name]
		}
	}
	switch {
	case s.d == lib9p.P2000: // it has no links, and its servers need not rename over a file
		return nil, false
	case n != nil && of != nil && sameFile(n.qid, of.qid): // a file keeps its name, or another of its own
		return nil, false
	case n != nil && of != nil && n.parent == of.parent && n.name == of.name: // of is gone, and is not to get another name
		return nil, false
	}
	return n, false
}

// regular reports whether n can be a regular file.
func (n *node) regular() bool {
	return n.qid.Type&(plan9.QTDIR|plan9.QTSYMLINK|plan9.QTAUTH|plan9.QTMOUNT) == 0 && n.kind != kindStream
}

// inUse reports whether a fid that is not clunked by r, if there is one, is open on n, or about to be.
func (s *session) inUse(n *node, r *request) bool {
	opens := n.opens
	if r != nil && (r.typ == lib9p.TypeTremove || r.typ == lib9p.TypeTclunk) && r.fid.open && r.fid.node == n {
		opens--
	}
	return opens > 0 || slices.ContainsFunc(s.reqs, func(q *request) bool {
		return q != nil && q.fid != nil && q.fid.node == n && (q.typ == lib9p.TypeTopen || q.typ == lib9p.TypeTlopen)
	})
}

// hide has what must be hidden hidden, and then r go on, in a goroutine of its own.
func (s *session) hide(srv *server, r *request) {
	r.state = proving
	r.fid.barrier = r
	if r.fid2 != nil {
		r.fid2.barrier = r
	}
	s.proveInTurn(srv, r, func() { s.prove(srv, r) })
}

// goOn has r sent, now that what was before it is done.
func (s *session) goOn(r *request) {
	r.state, r.doubt = queued, false
	if r.hide != nil {
		defer s.advanceAll()
	}
	if slices.Contains(r.fid.waiting, r) {
		s.advance(r.fid)
		if r.fid2 != nil {
			s.advance(r.fid2)
		}
		return
	}
	r.fid.unsent++
	if r.fid2 != nil && r.fid2 != r.fid {
		r.fid2.unsent++
	}
	s.ready = append(s.ready, r)
	s.kick()
}

// hiding is the verdict on a request that something is hidden for, or has been.
func (p *prober) hiding(r *request) (verdict, error) {
	s := p.s
	s.mu.Lock()
	h := r.hide
	if h == nil {
		s.mu.Unlock()
		return undecided, nil // it has its answer
	}
	h.hold()
	s.mu.Unlock()
	v, err := p.hideNow(r, h)
	s.mu.Lock()
	defer s.mu.Unlock()
	defer h.drop()
	h.asIs = v == asItIs && err == nil
	v.first = true
	return v, err
}

// hideNow does what h is about. Where it finds that nothing can be done it looks again if names have changed meanwhile.
func (p *prober) hideNow(r *request, h *hiding) (v verdict, err error) {
	for {
		p.s.mu.Lock()
		moves := p.s.moves
		p.s.mu.Unlock()
		if h.empty {
			v, err = asItIs, p.emptyOut(h.n)
		} else {
			v, err = p.takeName(r, h)
		}
		_, refused := errors.AsType[*lib9p.Error](err)
		p.s.mu.Lock()
		switch lost := isGoneAway(err) || err == errProbe; {
		case lost && p.s.othersMove(r):
			v, err = undecided, errNameBusy
		case (refused && !passing(err) || lost) && (!h.asked || h.links || h.empty):
			v, err = asItIs, nil
		}
		again := v == asItIs && err == nil && moves != p.s.moves && r.state == proving
		p.s.mu.Unlock()
		if !again {
			return v, err
		}
	}
}

// asItIs is the verdict on a request that was never sent, and for which nothing can be done: the server will say what becomes of it.
var asItIs = verdict{again: true}

// takeName gives the file its hidden name.
func (p *prober) takeName(r *request, h *hiding) (verdict, error) {
	p.s.mu.Lock()
	asked := h.asked
	r.crowded = false
	p.s.mu.Unlock()
	dir, err := p.reach(h.dir)
	if err != nil {
		return undecided, err
	}
	if asked {
		at, err := p.step(dir, h.as)
		if err != nil {
			return undecided, err
		}
		if at.ok {
			return p.named(r, h), nil
		}
	}
	at, err := p.step(dir, h.name)
	if err != nil {
		return undecided, err
	}
	is, err := p.is(at, h.n)
	switch {
	case err != nil:
		return undecided, err
	case !is && asked:
		return p.neither(r, h, dir)
	case !is:
		return p.notThere(r)
	case asked && !p.fenced && !h.links:
		return p.again()
	}
	if same, err := p.renamesToItself(r, h); err != nil || same {
		return asItIs, err
	}
	return p.giveName(r, h, dir, at.sfid)
}

// neither is the verdict on a file that was found by neither name. An old connection may have hidden it between the two looks, and may
// still if it gets its name back.
func (p *prober) neither(r *request, h *hiding, dir uint32) (verdict, error) {
	at, err := p.step(dir, h.as)
	switch {
	case err != nil:
		return undecided, err
	case at.ok:
		return p.named(r, h), nil
	case !h.links && !p.fenced && !p.drained:
		return undecided, errDraining
	}
	return p.notThere(r)
}

// giveName has the server give the hidden name to the file on which sfid, in the directory dir, stands.
func (p *prober) giveName(r *request, h *hiding, dir, sfid uint32) (verdict, error) {
	ask, err := p.mayGive(r, h)
	switch {
	case err != nil || ask == nil:
		return undecided, err
	case h.links:
		err = p.linkTo(ask, dir, sfid, h.as)
	default:
		err = p.renameTo(ask, dir, h.name, sfid, dir, h.as)
	}
	if _, refused := errors.AsType[*lib9p.Error](err); refused {
		p.s.mu.Lock()
		h.ask = nil
		p.s.mu.Unlock()
		if !passing(err) {
			return asItIs, nil
		}
	}
	if err != nil {
		return undecided, err
	}
	return p.named(r, h), nil
}

// mayGive returns what to ask for the hidden name with, nil where r was cancelled, or why that has to wait.
func (p *prober) mayGive(r *request, h *hiding) (*request, error) {
	p.s.mu.Lock()
	defer p.s.mu.Unlock()
	switch {
	case r.state != proving:
		return nil, nil
	case p.s.srv != p.srv:
		return nil, errGone
	case !h.links && (r.crowded || p.s.nameIsBusy(r)): // it may have gone to another file since it was looked for
		return nil, errNameBusy
	}
	if h.asked && !p.fenced {
		h.as = p.s.namer.Name() // the old connection may make the other link still, which is swept some day
	}
	h.ask, h.asked, r.doubt = &request{state: queued}, false, false
	return h.ask, nil
}

// loseHiding takes in that srv has died. What it was asked for it may have done, unless it never got that.
func (s *session) loseHiding(srv *server, r *request) {
	h := r.hide
	if h == nil || h.ask == nil {
		return
	}
	if h.ask.state != queued && r.state == proving {
		h.asked, r.doubt = true, !h.links
		if !srv.fenced {
			r.old = append(r.old, srv)
		}
	}
	h.ask = nil
}

// mayBeDone reports whether the server may have done what r asks for.
func (r *request) mayBeDone() bool {
	return r.doubt || r.state == sent || r.hide != nil && !r.hide.links && r.hide.ask != nil && r.hide.ask.state != queued
}

// notThere is the verdict on a file that is not found by its name.
func (p *prober) notThere(r *request) (verdict, error) {
	p.s.mu.Lock()
	defer p.s.mu.Unlock()
	if p.s.othersMove(r) {
		return undecided, errNameBusy
	}
	return asItIs, nil
}

// othersMove reports whether the server has another request than r that changes names: it may have done it, so that what the session
// takes for the path of a file is none, and that is not known before the answer.
func (s *session) othersMove(r *request) bool {
	return slices.ContainsFunc(s.reqs, func(q *request) bool { return q != nil && q != r && q.state == sent && q.movesNames() })
}

// errNameBusy says that the server has a request that may give the name of what is to be hidden to another file, or it another path.
var errNameBusy = errors.New("the name is being changed")

func (s *session) nameIsBusy(r *request) bool {
	busy := false
	s.crowding(r, func(q *request) { busy = busy || q.state == sent })
	return busy
}

// awaitsHiding reports whether r has to wait, as it may change the name by which a file is being hidden for another.
func (s *session) awaitsHiding(r *request) bool {
	if s.namer == nil || !r.changesNames() {
		return false
	}
	waits := false
	s.crowding(r, func(q *request) {
		h := q.hide
		waits = waits || q.state == proving && h != nil && !h.links && !h.asIs && !h.empty
	})
	return waits
}

// renamesToItself reports whether r gives the file of h, by another of its names, the name that it has: that changes nothing. The
// session may not have seen what a Trenameat renames.
func (p *prober) renamesToItself(r *request, h *hiding) (bool, error) {
	if r.typ != lib9p.TypeTrenameat {
		return false, nil
	}
	p.s.mu.Lock()
	dir, m := r.fid.node, r.msg(p.s.d).(*lib9p.Trenameat)
	seen := dir.children[m.Oldname] != nil
	p.s.mu.Unlock()
	if seen {
		return false, nil
	}
	at, err := p.lookup(dir, m.Oldname)
	if err != nil {
		return false, err
	}
	return p.is(at, h.n)
}

// named takes in that the file of h has its hidden name.
func (p *prober) named(r *request, h *hiding) verdict {
	s := p.s
	s.mu.Lock()
	defer s.mu.Unlock()
	if h.links {
		if h.ask = nil; r.hide == h {
			h.beside = true
		} else {
			s.litterAt(place{h.dir, h.as}) // r has its answer
		}
		return verdict{again: true, why: "a link was made first"}
	}
	if r.state != proving || r.hide != h {
		s.conceal(h.n, place{h.dir, h.as}, false)
		return undecided // r has its answer
	}
	s.crowd(r)
	s.conceal(h.n, place{h.dir, h.as}, false)
	s.concealed(r) // also where the connection is dead by now
	return undecided
}

// concealed gives r the answer that the file is removed.
func (s *session) concealed(r *request) {
	s.leaveQueues(r)
	if r.typ != lib9p.TypeTunlinkat {
		if s.srv != nil && r.fid.usable(s.srv.gen) {
			s.srv.discard(r.fid.sfid)
		}
		s.forget(r.fid)
	}
	switch r.typ {
	case lib9p.TypeTunlinkat:
		s.answer(r, &lib9p.Runlinkat{})
	case lib9p.TypeTremove:
		s.answer(r, &lib9p.Rremove{})
	default: // ORCLOSE
		s.answer(r, &lib9p.Rclunk{})
	}
}

// conceal takes in that n has the hidden name at and no other. linked: the true one was given to another file.
func (s *session) conceal(n *node, at place, linked bool) {
	if n.hidden {
		return
	}
	s.moveTo(n, at.dir, at.name)
	n.hidden = true
	s.moves++
	s.stays[n.hold()] = &stay{linked: linked}
	for _, f := range s.fids {
		if f.node == n {
			f.rclose = false // it is removed already
		}
	}
	s.walkAnew(n)
	s.unhide(n)
}

// walkAnew has the fids that stand on n, which has been renamed, walked to again when they are used: there are servers whose
// fids are paths. Those that cannot be are astray.
func (s *session) walkAnew(n *node) {
	var loose []*fid
	for _, f := range s.fids {
		switch {
		case f.node != n || s.srv == nil || !f.usable(s.srv.gen) || f.role != roleFile:
		case f.open || f.users > 0:
			f.astray = true
		default:
			loose = append(loose, f)
		}
	}
	slices.SortFunc(loose, func(a, b *fid) int { return cmp.Compare(a.num, b.num) }) // as they come back
	for _, f := range loose {
		s.srv.discard(f.sfid)
		f.gen = 0
		s.rank(f)
	}
}

// endHiding is called when r has its answer. A hidden name that the file has beside its true one goes, unless the
// true one is another's now.
func (s *session) endHiding(r *request) {
	h := r.hide
	r.hide = nil
	if h.links && (h.beside || h.asked || h.ask != nil) {
		s.litterAt(place{h.dir, h.as})
	}
	h.drop()
	s.advanceAll()
}

// replaced takes in that the request that h made way for has been done, or may have been.
func (s *session) replaced(r *request) {
	h := r.hide
	if h == nil || !h.beside {
		return
	}
	h.beside, h.asked = false, false
	if at := (place{h.dir, h.as}); h.n.parent == h.dir && h.n.name == h.name || h.n.gone {
		s.conceal(h.n, at, true)
	} else {
		s.tellNames(h.n, at)
	}
}

// mayBeHidden reports whether a request is under way that may have given n, which is not found by its name any more, a hidden one.
func (s *session) mayBeHidden(n *node) bool {
	return s.namer != nil && slices.ContainsFunc(s.reqs, func(r *request) bool {
		return r != nil && r.hide != nil && r.hide.n == n && !r.hide.asIs && (r.hide.beside || r.hide.asked || r.hide.ask != nil)
	})
}

func (h *hiding) hold() {
	h.n.hold()
	h.dir.hold()
}

func (h *hiding) drop() {
	h.n.drop()
	h.dir.drop()
}

// isRemoved reports whether r is what a client may not do to a file that it has removed.
func (s *session) isRemoved(r *request) bool {
	if s.namer == nil || r.fid == nil || r.fid.node == nil || !r.fid.node.hidden {
		return false
	}
	switch r.typ {
	case lib9p.TypeTremove, lib9p.TypeTrename:
		return true
	case lib9p.TypeTopen, lib9p.TypeTlopen:
		st := s.stays[r.fid.node]
		return st == nil || st.leaving
	case lib9p.TypeTwstat:
		return r.msg(s.d).(*lib9p.Twstat).Stat.Name != ""
	}
	return false
}

// mayName reports whether a client may use a name for something that it makes, moves or removes.
func (s *session) mayName(name []byte) bool {
	return goodName(name) && !(s.namer != nil && hidden.Is(name))
}
