package styxpersist

import "github.com/styxkit/styxkit/styxpersist/internal/mutate"

// learnRenameat takes in a rename that the server has done, of a file that the session may not have seen.
func (s *session) learnRenameat(r *request, from *node, old string, to *node, name string) {
	n := r.moved
	if n == nil {
		n = from.children[old]
	}
	if n != nil {
		s.move(r, n, to, name)
		return
	}
	crossed := r.seq <= to.renamed
	from.freed(old, r.asked)
	from.renamed = s.seq
	s.named(to, name)
	from.root.moved(moveNote{from: from, name: old, to: to, as: name, seq: s.seq})
	// The file itself was never seen; what it took the place of is gone. What was first seen
	// there while the rename was under way may be the file itself; its qid will tell.
	if n := to.children[name]; n != nil && n.seen < r.seq {
		n.displaced(crossed)
	}
}

// named takes in that something new has name in dir.
func (s *session) named(dir *node, name string) {
	dir.renamed = s.seq
	delete(dir.absent, name)
}

// unlinked takes in that r has removed n.
func (s *session) unlinked(r *request, n *node) {
	if n.parent != nil {
		s.leaves(r, n)
		n.parent.renamed = s.seq
	}
	n.vanish()
}

// leaves takes in that r takes away n's name, which is the file's only as long as nobody else moves it.
func (s *session) leaves(r *request, n *node) {
	if s.link.cfg.Sole && n.parent != nil && n.inPlace() {
		n.parent.freed(n.name, r.asked)
	}
}

// unlinkedAt takes in that r has removed a name. Where names in the directory changed while it was under way, what has the
// name now may have got it since.
func (s *session) unlinkedAt(r *request, dir *node, name string) {
	if n := dir.children[name]; n != nil {
		n.displaced(r.seq <= dir.renamed)
	}
	dir.freed(name, r.asked)
	dir.renamed = s.seq
}

// move takes in that r has renamed n.
func (s *session) move(r *request, n, dir *node, name string) {
	if mutate.Has(mutate.RenameOne) || n.parent == dir && n.name == name { // also of a removed file, whose name is another's now
		return
	}
	old, crossed := dir.children[name], r.seq <= dir.renamed
	same := old != nil && old != n && sameFile(old.qid, n.qid)
	if same && old.seen < r.seq {
		delete(dir.absent, name)
		s.namesChanged(n, dir)   // the file had both names: rename(2) changes nothing then, and is a success
		n.orAt(place{dir, name}) // but the other may have gone, which nobody has told
		return
	}
	if r.srv != nil && (same || old == nil && dir.absent[name] == 0) {
		n.vague = r.srv.gen // as in that case, perhaps
	}
	s.leaves(r, n)
	if same {
		s.merge(old, n) // a walk has found the file in its new place before the rename had its answer
	}
	was := place{n.parent.hold(), n.name}
	if old != nil && old != n && !same {
		old.displaced(crossed)
	}
	s.moveTo(n, dir, name)
	s.hideAgain(n, was)
	was.dir.drop()
}

// namesChanged takes in that a name has changed in n's directory and in dir.
func (s *session) namesChanged(n, dir *node) {
	if n.parent != nil {
		n.parent.renamed = s.seq
	}
	dir.renamed = s.seq
}

// moveTo gives n the place name in dir, which no other link to its file has.
func (s *session) moveTo(n, dir *node, name string) {
	s.namesChanged(n, dir)
	if n.parent != nil {
		n.root.moved(moveNote{from: n.parent, name: n.name, file: n, to: dir, as: name, seq: s.seq})
	}
	n.move(dir, name)
}

// found takes in that n, whose place was not known, has been found by its name, and that no name has changed meanwhile.
// Whether its directory is where it was sought nobody has looked: only a directory whose place is known counts.
func (s *session) found(n *node) {
	n.proven(s.seq + 1)
	if n.inPlace() {
		return
	}
	for p := n.parent; p.parent != nil; p = p.parent {
		if !p.inPlace() {
			return
		}
	}
	if !n.gone {
		n.placed()
		return
	}
	if old := n.parent.children[n.name]; old != nil {
		if sameFile(old.qid, n.qid) { // another walk has found it there
			s.merge(n, old)
			return
		}
		old.vanish()
	}
	n.gone, n.sought = false, false
	if n.parent.children == nil {
		n.parent.children = make(map[string]*node)
	}
	n.parent.children[n.name] = n
}

// merge makes the fids of old n's, which is the same file by another name.
func (s *session) merge(old, n *node) {
	old.hold()
	for _, f := range s.fids {
		if f.node == old {
			f.setNode(n)
		}
	}
	if n.kind == kindUnknown {
		n.kind = old.kind
	}
	for name, c := range old.children {
		switch there := n.children[name]; {
		case there != nil && sameFile(there.qid, c.qid):
			s.merge(c, there)
		default:
			if c.move(n, name); there != nil {
				there.sought = true // one of them had the name before the other
			}
		}
	}
	n.renamed, n.unsure = max(n.renamed, old.renamed), max(n.unsure, old.unsure)
	s.blurred = s.seq // what the one knew to be absent the other may have got
	old.vanish()
	old.drop()
}
