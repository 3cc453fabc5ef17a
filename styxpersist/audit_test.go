//go:build unix

package styxpersist

import (
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
	return r != nil && r.own != nil && !r.buried, r != nil && r.discards
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
	p.server.mu.Lock()
	defer p.server.mu.Unlock()
	if err := s.auditFids(p.server.fids); err != nil {
		p.fatalf("%v", err)
	}
	for tag, m := range p.server.asked {
		p.fatalf("the server never answered %s", lib9p.Format(p.d, tag, m))
	}
}
