package styxpersist

import (
	"fmt"
	"maps"
)

// What must hold of the table whenever nothing is under way. Only tests ask.

// audit returns what is wrong with the table. Unless it is final, a probe that is under way may hold more.
func (s *session) audit(final bool) error {
	bytes := 0
	users := make(map[*fid]int)
	writing := make(map[*content]int)
	refs := make(map[*node]int)
	all := make(map[*fid]bool)
	opens := make(map[*node]int)
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
		}
		if r.moved != nil {
			refs[r.moved]++
		}
		if r.hide != nil {
			refs[r.hide.n]++
			refs[r.hide.dir]++
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
		if f.open {
			opens[f.node]++
		}
		for _, r := range f.waiting {
			if r.state != done && s.reqs[r.ctag] != r {
				return fmt.Errorf("fid %d keeps a request that nobody made", f.num)
			}
		}
	}
	for f := range all {
		if f.node != nil && f.node.opens != opens[f.node] {
			return fmt.Errorf("node %q has %d open fids, says %d", f.node.name, opens[f.node], f.node.opens)
		}
	}
	if err := s.auditTags(); err != nil {
		return err
	}
	if err := s.auditOrder(all); err != nil {
		return err
	}
	inside := maps.Clone(writing)
	if err := s.auditNodes(refs, inside, final); err != nil {
		return err
	}
	return s.auditContents(inside, writing, final)
}

// auditOrder looks whether each fid is in the list where it belongs.
func (s *session) auditOrder(all map[*fid]bool) error {
	o := &s.order
	in := make(map[*fid]*fidList)
	for _, l := range [...]*fidList{&o.here, &o.hereOpen, &o.coming, &o.held, &o.open, &o.rest, &o.leaving, &o.again} {
		l.each(func(f *fid) { in[f] = l })
	}
	for f := range all {
		want, is := s.rankOf(f), in[f]
		delete(in, f)
		if is != want {
			return fmt.Errorf("fid %d is in the wrong list", f.num)
		}
	}
	for f := range in {
		return fmt.Errorf("fid %d is in a list, and nobody has it", f.num)
	}
	return nil
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

// auditNodes looks at the nodes, and adds up in inside how many have each content.
func (s *session) auditNodes(refs map[*node]int, inside map[*content]int, final bool) error {
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
		if at := n.elsewhere.dir; at != nil {
			refs[at]++
			if err := down(at); err != nil {
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
	for _, n := range s.owed {
		held[n]++
		refs[n]++
	}
	for n, st := range s.stays {
		held[n]++
		refs[n]++
		if st.to != nil {
			refs[st.to]++
		}
	}
	for at := range s.sweeping {
		held[at.dir]++
		refs[at.dir]++
	}
	for _, at := range s.litter {
		held[at.dir]++
		refs[at.dir]++
	}
	for n := range held {
		if err := down(n); err != nil {
			return err
		}
	}
	for n := range seen {
		if n.inside != nil {
			inside[n.inside]++
		}
		if n.refs < refs[n] || final && n.refs > refs[n] {
			return fmt.Errorf("node %q has %d references, says %d", n.name, refs[n], n.refs)
		}
	}
	return nil
}

// auditContents looks whether what is known of contents is kept for those who have it, and for nobody else.
func (s *session) auditContents(inside, writing map[*content]int, final bool) error {
	for path, c := range s.contents.of {
		if c.path != path || c.in != s.contents || c.refs < inside[c] || final && c.refs > inside[c] || c.writing != writing[c] {
			return fmt.Errorf("content of file %x, found at %x, has %d references, says %d; %d writes, says %d", c.path, path, inside[c], c.refs, writing[c], c.writing)
		}
	}
	return nil
}

// auditFids looks whether the server has the fids that the session believes it has, and no others.
func (s *session) auditFids(fids map[uint32]bool) error {
	if s.srv == nil {
		return nil
	}
	want := make(map[uint32]bool)
	for _, w := range s.srv.roots {
		if w.err != nil {
			continue
		}
		want[w.sfid] = true
	}
	for _, f := range s.fids {
		if f.usable(s.srv.gen) {
			want[f.sfid] = true
		}
	}
	if !maps.Equal(want, fids) {
		return fmt.Errorf("the server has the fids %v, the session believes in %v", fids, want)
	}
	return nil
}
