package styxpersist

import (
	"sync"
	"time"

	"github.com/styxkit/styxkit/lib9p"
)

// When a server comes back the session looks whether its qids mean what they did, before anything else is done.
// The roots tell: they have the qids that they had, or not. If not, the server may have numbered its files anew, or
// it may be another tree, which must never pass for ours. So the session looks at what the client has fids of,
// and takes it for the same where the policy has it so. A name that an unanswered request may have changed proves
// nothing and is not looked at.

const sampled = 16 // files that are looked at for evidence

const surveyWindow = 256 // that are looked at at a time

// A sight is what was found where a file should be.
type sight struct {
	n     *node
	chain []*node // from the root's top to n
	names []string
	known look // what the client has been told of n, and holds still

	qids  []lib9p.Qid // as the server has them, of chain
	found look
	err   error
}

// identify decides whose files srv's qids are. Until then they are taken as they come.
func (s *session) identify(srv *server) {
	s.mu.Lock()
	same, other := s.compareRoots(srv)
	policy, back := s.link.cfg.Qids, !s.absence.since.IsZero()
	if back && s.nums == nil && same > 0 && other == 0 {
		s.keepsQids = true
	}
	try := back && (policy == QidsName || policy == QidsAuto && other > 0 && same == 0 && !s.keepsQids)
	var all []*sight
	if try {
		all = s.sights(srv)
	}
	s.mu.Unlock()
	var nb *numbering
	if len(all) > 0 {
		nb = s.survey(srv, policy, all)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if nb != nil {
		s.nums = nb
		s.log.Info("the server numbers its files anew: they are known by their names", "files", len(all))
	}
	srv.nums, srv.identified = s.nums, true
	for _, h := range srv.helpers { // their qids are the server's
		s.retire(srv, h)
	}
	for r, w := range srv.roots {
		if w.attached && w.err == nil {
			w.err = s.judgeRoot(srv, r, w)
		}
	}
}

// compareRoots counts the roots that have their qids and those that have others. The mutex is held.
func (s *session) compareRoots(srv *server) (same, other int) {
	for r, w := range srv.roots {
		switch {
		case !w.attached || r.top == nil:
		case sameFile(s.nums.see(w.qid), r.top.qid):
			same++
		default:
			other++
		}
	}
	return same, other
}

// sights returns what to look at: the roots, and what fids stand on, what has known attributes first. The mutex is held.
func (s *session) sights(srv *server) []*sight {
	moving := s.moving()
	seen := make(map[*node]bool)
	var known, rest []*sight
	add := func(n *node) {
		if n == nil || seen[n] {
			return
		}
		seen[n] = true
		names, ok := n.path()
		g := &sight{n: n, names: names, known: s.remembered(n), chain: n.chain()}
		switch w := srv.roots[n.root]; {
		case !ok || s.isDoubtful(n, moving) || w == nil || !w.attached:
		case g.known != look{}:
			known = append(known, g)
		default:
			rest = append(rest, g)
		}
	}
	for _, r := range s.roots {
		add(r.top)
	}
	for _, l := range [...]*fidList{&s.order.held, &s.order.open, &s.order.rest, &s.order.leaving} {
		l.each(func(f *fid) { add(f.node) })
	}
	for _, n := range s.owed {
		add(n)
	}
	return append(known, rest...)
}

// survey looks at all, and returns the numbering in which they are the files that they were, or nil.
func (s *session) survey(srv *server, policy QidPolicy, all []*sight) *numbering {
	if policy == QidsAuto {
		sample := all[:min(len(all), sampled)]
		s.lookAt(srv, sample)
		if why := s.evidence(sample); why != "" {
			s.log.Info("the server's qids are others, and nothing shows that its files are the same", "because", why)
			return nil
		}
		s.lookAt(srv, all[len(sample):])
	} else {
		s.lookAt(srv, all)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if srv.ctx.Err() != nil || policy == QidsName && s.unchanged(all) {
		return nil
	}
	nb := newNumbering()
	s.eachNode(func(n *node) {
		nb.taken[n.qid.Path], nb.strange[n] = true, struct{}{}
	})
	for _, g := range all {
		if g.err == nil && (policy == QidsName || !g.known.contradicts(g.found, isDir(g.n.qid))) {
			nb.adoptAll(g)
		}
	}
	return nb
}

// unchanged reports whether all have the qids that the client knows.
func (s *session) unchanged(all []*sight) bool {
	for _, g := range all {
		for i, q := range g.qids {
			if g.err == nil && !sameFile(s.nums.see(q), g.chain[i].qid) {
				return false
			}
		}
	}
	return true
}

// evidence returns why nothing shows that what was found are the same files, or nothing where something does.
func (s *session) evidence(all []*sight) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	shown, only, known := false, true, false
	for _, g := range all {
		if g.err != nil {
			return g.n.String() + ": " + g.err.Error()
		}
		dir := isDir(g.n.qid)
		for i, q := range g.qids {
			switch {
			case !sameType(g.chain[i].qid, q):
				return g.n.String() + " is of another type"
			case sameFile(s.nums.see(q), g.chain[i].qid):
				return g.n.String() + " has the qid that it had"
			}
		}
		if g.known.contradicts(g.found, dir) {
			return g.n.String() + " has other attributes"
		}
		shown = shown || g.known.shows(g.found)
		known = known || g.known != look{}
		only = only && g.n.parent == nil
	}
	if shown || only && !known {
		return ""
	}
	return "no attributes show it"
}

func sameType(a, b lib9p.Qid) bool { return (a.Type^b.Type)&identityBits == 0 }

// lookAt looks at all, some at a time.
func (s *session) lookAt(srv *server, all []*sight) {
	var wait sync.WaitGroup
	window := make(chan struct{}, surveyWindow)
	for _, g := range all {
		window <- struct{}{}
		wait.Add(1)
		s.spawn(func() {
			defer wait.Done()
			s.look(srv, g)
			<-window
		})
	}
	wait.Wait()
}

// look walks to where g's file should be and takes in what is there.
func (s *session) look(srv *server, g *sight) {
	defer time.AfterFunc(handshakeTime, func() { srv.conn.Close() }).Stop() // a server that negotiates and says nothing more is none
	if len(g.names) == 0 && g.known == (look{}) {
		w, err := s.way(srv, g.n.root)
		if g.err = err; err == nil {
			g.qids = []lib9p.Qid{w.qid}
		}
		return
	}
	sfid, qids, err := s.walkTo(srv, g.n.root, g.names)
	if err == nil {
		if g.known != (look{}) {
			g.found, err = s.lookOf(srv, sfid)
		}
		srv.drop(sfid)
	}
	g.qids, g.err = qids, err
}

// eachNode calls fn for every file that the session knows.
func (s *session) eachNode(fn func(n *node)) {
	seen := make(map[*node]bool)
	var down func(n *node)
	down = func(n *node) {
		if n == nil || seen[n] {
			return
		}
		seen[n] = true
		fn(n)
		down(n.parent)
		for _, c := range n.children {
			down(c)
		}
	}
	for _, r := range s.roots {
		down(r.top)
	}
	for _, f := range s.fids {
		down(f.node)
	}
	for _, n := range s.owed {
		down(n)
	}
	for _, r := range s.reqs {
		if r != nil && r.fid != nil {
			down(r.fid.node)
		}
	}
}
