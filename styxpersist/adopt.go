package styxpersist

import (
	"slices"

	"github.com/styxkit/styxkit/lib9p"
)

// A file that the client knew before a server numbered its files anew is adopted by the numbering where it is found:
// all at once in a survey, or later, when its root can be attached or its name is not in doubt any more.

// adoptAll takes what was found for the files on the way to g's, each if it is of the same type.
func (nb *numbering) adoptAll(g *sight) bool {
	for i, n := range g.chain {
		_, strange := nb.strange[n]
		switch p := g.qids[i].Path; {
		case !sameType(n.qid, g.qids[i]), strange && !nb.adopt(n, p), !strange && nb.path(p) != n.qid.Path:
			return false
		}
	}
	return true
}

// adoptLate takes what qids, the client's, lead to for the file that w wants, which had no place in the numbering so far.
func (s *session) adoptLate(srv *server, sfid uint32, w *wayTo, qids []lib9p.Qid) error {
	s.mu.Lock()
	g := &sight{n: w.node, known: s.remembered(w.node)}
	nb := srv.nums
	if nb == nil || s.isDoubtful(w.node, s.moving()) {
		s.mu.Unlock()
		return errReplaced
	}
	_, strange := nb.strange[w.node]
	s.mu.Unlock()
	if !strange {
		return errReplaced
	}
	if g.known != (look{}) {
		var err error
		if g.found, err = s.lookOf(srv, sfid); err != nil {
			return err
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	g.chain = w.node.chain()
	names, ok := w.node.path()
	last := qids[len(qids)-1]
	if g.known == (look{}) && last.Type != w.qid.Type { // that is all that there is to know it by
		return errReplaced
	}
	if !ok || !slices.Equal(names, w.names) || s.link.cfg.Qids != QidsName && g.known.contradicts(g.found, isDir(last)) {
		return errReplaced
	}
	for _, f := range s.fids { // the client knows it as another file
		if f.node != nil && f.node != w.node && sameFile(f.node.qid, last) {
			return errReplaced
		}
	}
	for _, q := range qids {
		q.Path = nb.raw(q.Path)
		g.qids = append(g.qids, q)
	}
	if !nb.adoptAll(g) {
		return errReplaced
	}
	return nil
}

// judgeRoot returns what is wrong with the tree that was attached for r. The mutex is held.
func (s *session) judgeRoot(srv *server, r *root, w *rootWay) error {
	switch {
	case r.top == nil || sameFile(srv.nums.see(w.qid), r.top.qid):
		return nil
	case srv.nums != nil && sameType(r.top.qid, w.qid):
		if _, strange := srv.nums.strange[r.top]; strange && srv.nums.adopt(r.top, w.qid.Path) {
			return nil
		}
	}
	srv.discard(w.sfid)
	return errReplaced
}
