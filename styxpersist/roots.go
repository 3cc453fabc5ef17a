package styxpersist

import (
	"context"
	"slices"

	"github.com/styxkit/styxkit/lib9p"
)

// A rootWay is a root on one connection: a fid attached there that
// the session walks from and never gives to the client.
type rootWay struct {
	ready chan struct{} // closed when sfid or err is there
	sfid  uint32
	err   error
}

// root returns the root of an attach, a new one where there is none like it.
func (s *session) root(uname, aname string, nuname uint32) *root {
	for _, r := range s.roots {
		if r.uname == uname && r.aname == aname && r.nuname == nuname {
			return r
		}
	}
	r := &root{uname: uname, aname: aname, nuname: nuname}
	s.roots = append(s.roots, r)
	return r
}

// supersede gives the place of old, whose attach leads to another tree now, to a new root.
// Fids of the old one keep it: should its tree come back, so do they.
func (s *session) supersede(old *root) *root {
	r := &root{uname: old.uname, aname: old.aname, nuname: old.nuname}
	s.roots[slices.Index(s.roots, old)] = r
	old.top.drop()
	return r
}

// way returns the session's own fid of root r on srv, attaching where that has not been done.
func (s *session) way(srv *server, r *root) (uint32, error) {
	s.mu.Lock()
	w := srv.roots[r]
	if w == nil {
		w = &rootWay{ready: make(chan struct{}), sfid: srv.newSfid()}
		srv.roots[r] = w
		s.mu.Unlock()
		w.err = s.attach(srv, r, w.sfid)
		if w.err != nil {
			s.mu.Lock()
			delete(srv.roots, r) // the next who needs it tries again
			s.mu.Unlock()
		}
		close(w.ready)
		return w.sfid, w.err
	}
	s.mu.Unlock()
	select {
	case <-w.ready:
		return w.sfid, w.err
	case <-srv.ctx.Done():
		return 0, errGone
	}
}

func (s *session) attach(srv *server, r *root, sfid uint32) error {
	ctx, cancel := context.WithTimeout(srv.ctx, handshakeTime)
	defer cancel()
	m, err := srv.call(ctx, &lib9p.Tattach{Fid: sfid, Afid: lib9p.NoFid, Uname: r.uname, Aname: r.aname, Nuname: r.nuname})
	if ctx.Err() != nil && srv.ctx.Err() == nil {
		srv.conn.Close() // a server that negotiates and says nothing more is none
	}
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if r.top != nil && !sameFile(m.(*lib9p.Rattach).Qid, r.top.qid) {
		srv.discard(sfid)
		return errReplaced
	}
	return nil
}

// A rootError says that the tree itself could not be attached.
type rootError struct{ err error }

func (e *rootError) Error() string { return "attach: " + e.err.Error() }
func (e *rootError) Unwrap() error { return e.err }
