package styxpersist

import (
	"errors"
	"slices"

	"github.com/styxkit/styxkit/lib9p"
)

// How the server is asked for a hidden name, and what came of it is found out when a connection has died meanwhile.

// hide has what must be hidden hidden, and then r go on, in a goroutine of its own.
func (s *session) hide(srv *server, r *request) {
	r.state = proving
	r.fid.barrier = r
	if r.fid2 != nil {
		r.fid2.barrier = r
	}
	s.proveInTurn(srv, r, func() { s.prove(srv, r) })
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

func (s *session) nameIsBusy(r *request) bool {
	busy := false
	s.crowding(r, func(q *request) { busy = busy || q.state == sent })
	return busy
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
