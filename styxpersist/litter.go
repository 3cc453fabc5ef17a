package styxpersist

import (
	"slices"

	"9fans.net/go/plan9"
)

// Litter is what is left of links under hidden names: a file that keeps its true name after all has no use for one. Each is removed at once
// where that can be, else on the next connection, or at the end.

// litterAt has a hidden name of the session's own removed that nothing depends on.
func (s *session) litterAt(at place) {
	at.dir.hold()
	s.litter = append(s.litter, at)
	if s.srv != nil {
		s.pickUp(s.srv, at)
	}
}

// pickUp has a name of s.litter removed. It is litter no more when it is gone, or the server does not want to remove it.
func (s *session) pickUp(srv *server, at place) {
	at.dir.hold()
	s.spawn(func() {
		ended := s.sweepUp(srv, at)
		s.mu.Lock()
		if i := slices.Index(s.litter, at); ended && i >= 0 {
			s.litter = slices.Delete(s.litter, i, i+1)
			at.dir.drop()
		}
		at.dir.drop()
		s.mu.Unlock()
	})
}

// sweepUp removes a hidden name, and reports whether it has come to an end with that: srv has not died before. While the server has
// not what it takes, it goes on.
func (s *session) sweepUp(srv *server, at place) bool {
	failed, ended := srv.try(0, func() error { return s.removeName(srv, at) })
	if failed != nil {
		s.log.Debug("a name that was left behind cannot be removed", "path", at.dir.String(), "name", at.name, "err", failed)
	}
	return ended
}

// removeName removes what is found by a hidden name, if anything is.
func (s *session) removeName(srv *server, at place) error {
	p := prober{s: s, srv: srv}
	defer p.done()
	found, err := p.lookup(at.dir, at.name)
	if err != nil || !found.ok || found.qid.Type&plan9.QTDIR != 0 {
		return err
	}
	return p.remove(found.sfid)
}
