//go:build sim || mutate

package sim

import (
	"slices"

	"github.com/styxkit/styxkit/lib9p"
)

// A spot is a name in a directory.
type spot struct {
	dir  *inode
	name string
}

// spots returns the names that o may change.
func (o *op) spots() []spot {
	switch m := o.msg.(type) {
	case *lib9p.Tcreate:
		return []spot{{o.dir, m.Name}}
	case *lib9p.Tlcreate:
		return []spot{{o.dir, m.Name}}
	case *lib9p.Tmkdir:
		return []spot{{o.dir, m.Name}}
	case *lib9p.Tsymlink:
		return []spot{{o.dir, m.Name}}
	case *lib9p.Tmknod:
		return []spot{{o.dir, m.Name}}
	case *lib9p.Tlink:
		return []spot{{o.dir, m.Name}}
	case *lib9p.Tunlinkat:
		return []spot{{o.dir, m.Name}}
	case *lib9p.Trenameat:
		return []spot{{o.dir, m.Oldname}, {o.dir2, m.Newname}}
	case *lib9p.Trename:
		return append(o.via.spots(), spot{o.dir2, m.Name})
	case *lib9p.Twstat:
		if m.Stat.Name == "" {
			return nil
		}
		l := o.via.spots()
		for _, p := range l {
			l = append(l, spot{p.dir, m.Stat.Name})
		}
		return l
	case *lib9p.Tremove:
		return o.via.spots()
	case *lib9p.Tclunk:
		if o.fid.rclose {
			return o.via.spots()
		}
	}
	return nil
}

// spots returns the names that e, which may be nil, has had.
func (e *entry) spots() []spot {
	if e == nil {
		return nil
	}
	var l []spot
	for _, p := range e.past {
		l = append(l, spot{p.dir, p.name})
	}
	return l
}

// about reports whether o may change the name p.
func (o *op) about(p place) bool { return slices.Contains(o.spots(), spot{p.dir, p.name}) }

// share reports whether o and p may change the same name.
func (o *op) share(p *op) bool {
	mine := o.spots()
	return slices.ContainsFunc(p.spots(), func(a spot) bool { return slices.Contains(mine, a) })
}

// crowded reports whether another request about one of o's names was under way at the same time. Of two names of one file
// the session may take one for the other.
func (w *world) crowded(o *op) bool {
	mine := o.anyOf()
	return slices.ContainsFunc(w.ops, func(p *op) bool {
		return p != o && (p.replied == 0 || p.replied > o.issued) &&
			slices.ContainsFunc(p.anyOf(), func(a spot) bool { return slices.Contains(mine, a) })
	})
}

// anyOf returns o's spots, and all that the file has had which o takes a name from.
func (o *op) anyOf() []spot {
	l := o.spots()
	if o.via == nil || !slices.Contains(l, o.via.spots()[0]) {
		return l
	}
	for _, e := range o.via.node.names {
		l = append(l, e.spots()...)
	}
	return l
}

// meddled reports whether another session has changed one of the names that o is about, since the
// moment given. Of that nobody can tell styxpersist.
func (w *world) meddled(o *op, since int) bool {
	for _, p := range w.ops {
		if p.s == o.s || !o.share(p) {
			continue
		}
		for _, x := range p.execs {
			if x.eff && x.at > since {
				return true
			}
		}
	}
	return false
}

// stirred reports whether another request about a name in the directory that o walks from, any name, was answered while o was under way.
// Then styxpersist does not believe that what o has not found is not there: of a directory it keeps only when a name changed last.
func (w *world) stirred(o *op) bool {
	return slices.ContainsFunc(w.ops, func(p *op) bool {
		return p != o && p.s == o.s && p.replied > o.issued && p.outcome != refused &&
			slices.ContainsFunc(p.spots(), func(s spot) bool { return s.dir == o.dir })
	})
}

func (o *op) renames() bool {
	switch m := o.msg.(type) {
	case *lib9p.Trename, *lib9p.Trenameat:
		return true
	case *lib9p.Twstat:
		return m.Stat.Name != ""
	}
	return false
}

// disturbed reports whether something has happened since o was sent that a probe for it could stumble over: to a name that
// o is about or on the way there, or to the content that it writes.
func (w *world) disturbed(o *op) bool {
	way := make(map[*inode]bool) // whose names matter
	for _, f := range [...]*cfid{o.fid, o.fid2} {
		if f == nil {
			continue
		}
		way[o.dir], way[o.dir2] = true, true
		for e := f.via; e != nil; e = e.dir.up {
			for _, p := range e.past {
				way[p.dir] = true
			}
		}
	}
	for _, p := range w.ops {
		if p == o || !slices.ContainsFunc(p.execs, func(x exec) bool { return x.eff && x.at > o.issued }) {
			continue
		}
		if slices.ContainsFunc(p.spots(), func(s spot) bool { return way[s.dir] }) || o.dir != nil && p.dir == o.dir {
			return true
		}
	}
	return false
}
