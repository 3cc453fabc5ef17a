//go:build unix

package styxpersist

import (
	"fmt"
	"maps"
	"testing/synctest"

	"github.com/styxkit/styxkit/lib9p"
)

// session returns the client's present session, or nil.
func (p *play) session() *session {
	p.link.wmu.Lock()
	defer p.link.wmu.Unlock()
	return p.link.session
}

// isOwn reports whether f, which the server got, is the session's own, and whether it clunks what nobody needs.
func (p *play) isOwn(f lib9p.Frame) (own, discards bool) {
	s := p.session()
	if s == nil {
		return false, false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.srv == nil {
		return true, false
	}
	r := s.srv.outstanding(f.Tag())
	return r != nil && r.own != nil, r != nil && r.discards
}

// audit looks whether what the session believes fits together, and whether what it said was right.
func (p *play) audit(final bool) {
	if p.over {
		return
	}
	synctest.Wait()
	for _, who := range [...]*peer{p.client, p.server} {
		if who != nil && who.fault != "" {
			p.fatalf("%s", who.fault)
		}
	}
	s := p.session()
	if s == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.audit(final); err != nil {
		p.fatalf("the table is not in order: %v", err)
	}
}

// audit returns what is wrong with the table. Unless it is final, a probe that is under way may hold more.
func (s *session) audit(final bool) error {
	bytes := 0
	users := make(map[*fid]int)
	writing := make(map[*node]int)
	refs := make(map[*node]int)
	all := make(map[*fid]bool)
	for tag, r := range s.reqs {
		if r == nil {
			continue
		}
		if int(r.ctag) != tag || r.state == done {
			return fmt.Errorf("request %d is in place %d and in state %d", r.ctag, tag, r.state)
		}
		bytes += len(r.frame)
		for _, f := range [...]*fid{r.fid, r.fid2} {
			if f != nil {
				users[f]++
				all[f] = true
			}
		}
		if r.writes != nil {
			writing[r.writes]++
			refs[r.writes]++
		}
	}
	if bytes != s.bytes {
		return fmt.Errorf("%d bytes are counted, %d are there", s.bytes, bytes)
	}
	attrs := 0
	for num, f := range s.fids {
		if f.attr != nil {
			attrs += len(f.attr.value)
		}
		if f.num != num || f.dropped {
			return fmt.Errorf("fid %d is in the place of %d, dropped %v", f.num, num, f.dropped)
		}
		all[f] = true
	}
	if attrs != s.attrs {
		return fmt.Errorf("%d bytes of attributes are counted, %d are there", s.attrs, attrs)
	}
	for f := range all {
		if f.users < users[f] || final && f.users > users[f] {
			return fmt.Errorf("fid %d has %d requests, says %d", f.num, users[f], f.users)
		}
		if f.node != nil {
			refs[f.node]++
		}
		for _, r := range f.waiting {
			if r.state != done && s.reqs[r.ctag] != r {
				return fmt.Errorf("fid %d keeps a request that nobody made", f.num)
			}
		}
	}
	if err := s.auditTags(); err != nil {
		return err
	}
	return s.auditNodes(refs, writing, final)
}

func (s *session) auditTags() error {
	if s.srv == nil {
		return nil
	}
	for stag, r := range s.srv.tags {
		switch {
		case r == nil:
		case int(r.stag) != stag:
			return fmt.Errorf("stag %d is in place %d", r.stag, stag)
		case r.own == nil && s.reqs[r.ctag] != r:
			return fmt.Errorf("stag %d is kept for a request that is done", stag)
		}
	}
	return nil
}

func (s *session) auditNodes(refs, writing map[*node]int, final bool) error {
	var down func(n *node) error
	seen := make(map[*node]bool)
	down = func(n *node) error {
		if seen[n] {
			return nil
		}
		seen[n] = true
		if n.parent != nil {
			refs[n.parent]++
			if err := down(n.parent); err != nil {
				return err
			}
		}
		for name, c := range n.children {
			if c.parent != n || c.name != name || c.gone {
				return fmt.Errorf("node %q is found as %q, gone %v", c.name, name, c.gone)
			}
			if err := down(c); err != nil {
				return err
			}
		}
		return nil
	}
	held := maps.Clone(refs)
	for _, r := range s.roots {
		if r.top != nil {
			held[r.top]++
			refs[r.top]++
		}
		for i := range r.recent.len() {
			n := r.recent.ring[(r.recent.first+i)%len(r.recent.ring)]
			held[n]++
			refs[n]++
		}
		for _, m := range r.moves {
			for _, n := range [...]*node{m.from, m.to, m.file} {
				if n != nil {
					held[n]++
					refs[n]++
				}
			}
		}
	}
	for n := range held {
		if err := down(n); err != nil {
			return err
		}
	}
	for n := range seen {
		if n.refs < refs[n] || final && n.refs > refs[n] || n.writing != writing[n] {
			return fmt.Errorf("node %q has %d references, says %d; %d writes, says %d", n.name, refs[n], n.refs, writing[n], n.writing)
		}
	}
	return nil
}

// auditServer looks whether the server has the fids that the session believes it has, and no others.
func (p *play) auditServer() {
	s := p.session()
	if p.server == nil || s == nil || p.loose {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.srv == nil {
		return
	}
	want := make(map[uint32]bool)
	for _, w := range s.srv.roots {
		want[w.sfid] = true
	}
	for _, f := range s.fids {
		if f.usable(s.srv.gen) {
			want[f.sfid] = true
		}
	}
	p.server.mu.Lock()
	defer p.server.mu.Unlock()
	if !maps.Equal(want, p.server.fids) {
		p.fatalf("the server has the fids %v, the session believes in %v", p.server.fids, want)
	}
	for tag, m := range p.server.asked {
		p.fatalf("the server never answered %s", lib9p.Format(p.d, tag, m))
	}
}
