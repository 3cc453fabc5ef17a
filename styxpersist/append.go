package styxpersist

import (
	"bytes"
	"cmp"
	"slices"

	"9fans.net/go/plan9"

	"github.com/styxkit/styxkit/lib9p"
)

// A write to the end of a file that is in doubt is decided by the file's length, if it is known what the length was before,
// and by the bytes that are there. Several to one file are decided together: what is there must be what the client
// sent, in the order in which it did, up to some byte; what is behind that byte has not been written.

// writesToEnd reports whether r writes to the end of its file, whatever its offset.
func (s *session) writesToEnd(r *request) bool {
	return r.typ == lib9p.TypeTwrite && r.writes != nil && r.fid.node.holds(r.writes) && s.appends(r.fid)
}

// proveAppends finds out what became of the writes to the end of the file of c that are in doubt.
func (s *session) proveAppends(srv *server, c *content) {
	rs := s.holdAppends(c)
	if len(rs) == 0 {
		return
	}
	defer s.unhold(rs...)
	s.mu.Lock()
	changed := c.changed
	s.mu.Unlock()
	var vs []verdict
	failed, ok := s.probing(srv, rs, func() (err error) {
		vs, err = s.appended(srv, c, rs)
		return err
	})
	if !ok {
		return
	}
	s.mu.Lock()
	defer s.tell(nil)
	defer s.mu.Unlock()
	if s.srv != srv {
		return
	}
	if c.changed != changed || s.disturbed(c, rs) {
		vs, failed = nil, nil
	}
	for i, r := range rs {
		v := undecided
		switch {
		case failed != nil:
			v = probeFailed(failed)
		case vs != nil:
			v = vs[i]
		}
		s.decide(r, v)
	}
}

// holdAppends is hold for the writes to the end of the file of c, and returns them in order.
func (s *session) holdAppends(c *content) []*request {
	var rs []*request
	s.mu.Lock()
	for _, r := range s.reqs {
		if r != nil && r.state == proving && r.writes == c {
			rs = append(rs, r)
		}
	}
	s.mu.Unlock()
	slices.SortFunc(rs, func(a, b *request) int { return cmp.Compare(a.seq, b.seq) })
	return slices.DeleteFunc(rs, func(r *request) bool { return !s.hold(r) })
}

// disturbed reports whether anything but rs may be changing the length of the file of c.
func (s *session) disturbed(c *content, rs []*request) bool {
	return slices.ContainsFunc(s.reqs, func(q *request) bool {
		if q == nil || q.state != sent && !q.doubt || q.of() == nil || !q.of().holds(c) || slices.Contains(rs, q) {
			return false
		}
		switch q.typ {
		case lib9p.TypeTwrite, lib9p.TypeTsetattr, lib9p.TypeTwstat:
			return true
		case lib9p.TypeTopen:
			return s.truncates(uint32(q.frame[lib9p.OffFid+4]))
		case lib9p.TypeTlopen:
			return s.truncates(q.frame.U32(lib9p.OffFid + 4))
		}
		return false
	})
}

// appended judges rs, all the writes to the end of the file of c that are in doubt, in order.
func (s *session) appended(srv *server, c *content, rs []*request) ([]verdict, error) {
	p := prober{s: s, srv: srv, fenced: true, drained: true}
	defer p.done()
	var want []byte
	var ends []int
	s.mu.Lock()
	n, before, known, created := rs[0].fid.node, c.length, c.known && !s.disturbed(c, rs), false
	for _, r := range rs {
		want = append(want, r.data()...)
		ends = append(ends, len(want))
		p.fenced, p.drained = p.fenced && r.fenced(), p.drained && r.drained()
		created = created || r.fid.created
	}
	s.mu.Unlock()
	if !known {
		return nil, nil
	}
	sfid, ok, err := p.stand(n)
	if err != nil || !ok {
		return nil, err
	}
	kind, length, err := p.file(sfid)
	if err != nil {
		return nil, err
	}
	regular := kind == kindRegular || created && kind == kindUnknown && s.d != lib9p.L // an empty file may be a device, but not one that was created
	if !regular || length < before || length-before > uint64(len(want)) {
		return nil, nil
	}
	wrote := int(length - before)
	got, err := p.read(sfid, before, uint32(wrote))
	if passing(err) || err != nil && number(err) == 0 {
		return nil, err
	}
	if err != nil || !bytes.Equal(got, want[:wrote]) {
		return nil, nil
	}
	return p.reached(ends, wrote)
}

// reached judges writes of which the first wrote bytes are there.
func (p *prober) reached(ends []int, wrote int) ([]verdict, error) {
	var vs []verdict
	began := 0
	for _, end := range ends {
		switch {
		case end <= wrote:
			vs = append(vs, didIt(&lib9p.Rwrite{Count: uint32(end - began)}))
		case began < wrote: // a part is a legal answer
			vs = append(vs, didIt(&lib9p.Rwrite{Count: uint32(wrote - began)}))
		default:
			v, err := p.again()
			if err != nil {
				return nil, err
			}
			vs = append(vs, v)
		}
		began = end
	}
	return vs, nil
}

// askLength asks how long the file of f is, which has just been opened, if the client may write to its end and the length is not
// known: without it no such write can be proved. What the client asks of f waits for the answer, once.
func (s *session) askLength(f *fid) {
	srv := s.srv
	if srv == nil || !f.usable(srv.gen) || f.dir || f.flags&3 == plan9.OREAD || !s.appends(f) || f.node.sum().known {
		return
	}
	n := f.node
	c := n.content()
	if s.disturbed(c, nil) {
		return
	}
	wait := s.bar(f, 0)
	sfid, changed := f.sfid, c.changed
	s.spawn(func() {
		p := prober{s: s, srv: srv}
		_, length, err := p.file(sfid)
		s.mu.Lock()
		defer s.tell(nil)
		defer s.mu.Unlock()
		if err == nil && f.node == n && c.changed == changed && !s.disturbed(c, nil) {
			c.length, c.known = length, true
		}
		s.unbar(f, wait)
	})
}
