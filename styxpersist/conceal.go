package styxpersist

import (
	"cmp"
	"slices"

	"github.com/styxkit/styxkit/lib9p"
)

// What a session takes in when a file has its hidden name.

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
