package styxpersist

import "math"

// A file that has its qid is known by it, wherever it is found. Where a server has numbered its files anew there is nothing
// but the name, and a name shows nothing if a request may have taken it away from the file, or given it to another, of
// which nobody knows whether it was done. So that is remembered when such a request has its answer.

// mayBe takes in that r has no true answer: the names that it was to make may be there, and files may have lost theirs.
func (s *session) mayBe(r *request) {
	if !r.changesNames() {
		return
	}
	for _, n := range s.disturbs(r) {
		n.doubted = max(n.doubted, s.seq)
		if !r.fenced() {
			n.doubted = math.MaxUint64 // it may be done at any time after
		}
	}
	for _, p := range s.places(r) {
		if p.dir != nil {
			delete(p.dir.absent, p.name)
			p.dir.unsure = s.seq
		}
	}
}

// isUnsure reports whether n's path may lead elsewhere, so that it is worth knowing when n is found by it.
func (n *node) isUnsure() bool { return n.doubted > 0 || !n.inPlace() }

// proven takes in that a request of number seq has found n by its name and its qid.
func (n *node) proven(seq uint64) {
	if n.doubted < seq {
		n.doubted = 0
	}
}

// disturbs returns the files that r moves or removes, or the like, if it is done.
func (s *session) disturbs(r *request) []*node {
	if !r.movesNames() {
		return nil
	}
	var l []*node
	for _, p := range s.places(r) {
		if p.dir == nil {
			continue
		}
		if n := p.dir.children[p.name]; n != nil {
			l = append(l, n)
		}
		if p.dir == r.fid.node.parent && p.name == r.fid.node.name { // also one that somebody else seems to have moved
			l = append(l, r.fid.node)
		}
	}
	return l
}

// moving returns the files that unanswered requests may have moved or removed.
func (s *session) moving() map[*node]bool {
	m := make(map[*node]bool)
	for _, r := range s.reqs {
		if r == nil || !r.doubt && r.state != sent {
			continue
		}
		for _, n := range s.disturbs(r) {
			m[n] = true
		}
	}
	return m
}

// isDoubtful reports whether what is found by n's name need not be n, for what the client itself has asked for. Moving
// are the files that may be moved meanwhile.
func (s *session) isDoubtful(n *node, moving map[*node]bool) bool {
	for p := n; p != nil; p = p.parent {
		if !p.inPlace() || p.doubted > 0 || moving[p] || p.parent != nil && s.isHaunted(place{p.parent, p.name}) {
			return true
		}
	}
	return false
}

// A ghost is a name in a directory, of which this is the qid's path.
type ghost struct {
	dir  uint64
	name string
}

func (p place) ghost() ghost { return ghost{p.dir.qid.Path, p.name} }

// maxGhosts bounds the names that are remembered. With more of them nothing is believed any more.
const maxGhosts = 1024

// isHaunted reports whether an old connection may change a name still.
func (s *session) isHaunted(at place) bool {
	return s.ghosts[at.ghost()] || len(s.ghosts) > maxGhosts
}

// haunt takes in that r is as good as answered, and that an old connection may do it still.
func (s *session) haunt(r *request) {
	if !r.fenced() {
		s.hauntNames(r)
	}
}

// hauntNames takes in that the names that r is about may change at any time after.
func (s *session) hauntNames(r *request) {
	if !r.changesNames() {
		return
	}
	for _, p := range s.places(r) {
		if p.dir == nil || len(s.ghosts) > maxGhosts {
			continue
		}
		if s.ghosts == nil {
			s.ghosts = make(map[ghost]bool)
		}
		s.ghosts[p.ghost()] = true
	}
}
