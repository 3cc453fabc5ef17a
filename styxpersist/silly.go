package styxpersist

import (
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

func (h *hiding) hold() {
	h.n.hold()
	h.dir.hold()
}

func (h *hiding) drop() {
	h.n.drop()
	h.dir.drop()
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
	case n == nil || n.parent == nil || n.gone && !n.sought: // what its name leads to is looked at
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

// isRemoved reports whether r is what a client may not do to a file that it has removed.
func (s *session) isRemoved(r *request) bool {
	if s.namer == nil || r.of() == nil || !r.fid.node.hidden {
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
