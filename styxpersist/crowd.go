package styxpersist

import "github.com/styxkit/styxkit/lib9p"

// What a probe sees is the sum of all that was done. Where two requests that change what one name leads to
// were under way at once, a name that is not there does not prove that it was never made, and a file in its old place
// not that it was never moved: the other request may have undone it. Such a request stays in doubt.

// changesNames reports whether a success of r changes what names lead to.
func (r *request) changesNames() bool {
	switch r.typ {
	case lib9p.TypeTcreate, lib9p.TypeTlcreate, lib9p.TypeTsymlink, lib9p.TypeTmknod, lib9p.TypeTlink, lib9p.TypeTmkdir:
		return true
	case lib9p.TypeTclunk:
		return r.fid.rclose
	}
	return r.movesNames()
}

// places returns the one or two names that r, which changes names, is about.
func (s *session) places(r *request) [2]place {
	if r.of() == nil {
		return [2]place{}
	}
	n := r.fid.node
	here := place{n.parent, n.name}
	switch m := r.msg(s.d).(type) {
	case *lib9p.Tcreate:
		return [2]place{{n, m.Name}}
	case *lib9p.Tlcreate:
		return [2]place{{n, m.Name}}
	case *lib9p.Tsymlink:
		return [2]place{{n, m.Name}}
	case *lib9p.Tmknod:
		return [2]place{{n, m.Name}}
	case *lib9p.Tlink:
		return [2]place{{n, m.Name}}
	case *lib9p.Tmkdir:
		return [2]place{{n, m.Name}}
	case *lib9p.Tunlinkat:
		return [2]place{{n, m.Name}}
	case *lib9p.Trename:
		return [2]place{here, {s.second(r).node, m.Name}}
	case *lib9p.Trenameat:
		return [2]place{{n, m.Oldname}, {s.second(r).node, m.Newname}}
	case *lib9p.Twstat:
		if m.Stat.Name == "" {
			return [2]place{}
		}
		return [2]place{here, {n.parent, m.Stat.Name}}
	}
	return [2]place{here}
}

// crowding calls fn for each other request under way that is about a name that r is about.
func (s *session) crowding(r *request, fn func(q *request)) {
	mine := s.places(r)
	for _, q := range s.reqs {
		if q == nil || q == r || !q.changesNames() {
			continue
		}
		for _, p := range s.places(q) {
			if p.is(mine[0]) || p.is(mine[1]) {
				fn(q)
				break
			}
		}
	}
}

// crowd marks the others whose proof r, which has been done or may have been, spoils.
func (s *session) crowd(r *request) {
	if r.changesNames() {
		s.crowding(r, func(q *request) { q.crowded = true })
		s.haunt(r)
		s.blur(r)
	}
}

// isCrowded reports whether another request may have undone what r did, or may still.
func (s *session) isCrowded(r *request) bool {
	crowded := r.crowded
	if r.changesNames() && !crowded {
		s.crowding(r, func(q *request) {
			crowded = crowded || q.state == sent || q.state == proving || q.doubt
		})
	}
	return crowded
}
