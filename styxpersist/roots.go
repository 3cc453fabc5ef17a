package styxpersist

import (
	"context"
	"log/slog"
	"slices"
	"time"

	"github.com/styxkit/styxkit/lib9p"
)

// A rootWay is a root on one connection: a fid attached there that
// the session walks from and never gives to the client.
type rootWay struct {
	sfid     uint32
	ready    chan struct{} // closed when the attach is done, or refused
	slow     chan struct{} // closed when it has failed for a reason that may pass
	attached bool          // and qid is its root's, as the server has it; mutex
	qid      lib9p.Qid
	err      error // refused, for as long as the connection lives; mutex

	tired bool // with Config.Soft: it is not ready for so long that nobody waits for it; mutex

	parked []*comeback // that wait for it; mutex
	proofs []func()    // of requests in its tree, that do; mutex
}

func (w *rootWay) isReady() bool { return closed(w.ready) }
func (w *rootWay) isSlow() bool  { return closed(w.slow) }

func closed(c chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// parkedUrgent returns how many fids wait for w that something waits for.
func (w *rootWay) parkedUrgent() int {
	n := 0
	for _, c := range w.parked {
		if !c.sweep {
			n++
		}
	}
	return n
}

// root returns the root of an attach, a new one where there is none like it.
func (s *session) root(uname, aname string, nuname uint32) *root {
	for _, r := range s.roots {
		if r.uname == uname && r.aname == aname && r.nuname == nuname {
			return r
		}
	}
	r := &root{uname: uname, aname: aname, nuname: nuname, contents: s.contents}
	s.roots = append(s.roots, r)
	return r
}

// supersede gives the place of old, whose attach leads to another tree now, to a new root.
// Fids of the old one keep it: should its tree come back, so do they.
func (s *session) supersede(old *root) *root {
	s.contents = newContents() // the paths of qids are other files' now
	r := &root{uname: old.uname, aname: old.aname, nuname: old.nuname, contents: s.contents}
	s.roots[slices.Index(s.roots, old)] = r
	old.superseded = true
	old.forgetAll()
	old.top.drop()
	return r
}

// way returns how root r is reached on srv, attaching where that has not been done. A refusal is good for the
// whole connection: that many fids are lost with their root is no reason to ask many times.
func (s *session) way(srv *server, r *root) (*rootWay, error) {
	s.mu.Lock()
	w := s.rootWay(srv, r)
	s.mu.Unlock()
	select {
	case <-w.ready:
	case <-srv.ctx.Done():
		return nil, errGone
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return w, w.err
}

// rootWay returns how root r is reached on srv, and begins to attach. The mutex is held.
func (s *session) rootWay(srv *server, r *root) *rootWay {
	w := srv.roots[r]
	if w == nil {
		w = &rootWay{sfid: srv.newSfid(), ready: make(chan struct{}), slow: make(chan struct{})}
		srv.roots[r] = w
		s.spawn(func() { s.attachUntil(srv, r, w) })
	}
	return w
}

// attachUntil attaches r, again and again while what stands against it may pass.
func (s *session) attachUntil(srv *server, r *root, w *rootWay) {
	pauses := backoff{least: 100 * time.Millisecond, most: 5 * time.Second, rand: spread(uint64(len(r.aname)))}
	var proof doubted
	if s.link.cfg.Auth != nil {
		s.after(authSlow, func() { s.takesTime(srv, w) })
	}
	if soft := s.link.cfg.Soft; soft > 0 {
		s.after(soft, func() { s.tireOfTree(srv, w) })
	}
	for said := false; sleep(srv.ctx, pauses.pause()) == nil; {
		err := s.attach(srv, r, w)
		if !passing(err) && !isBusy(err) && !proof.again(err) {
			s.mu.Lock()
			w.err = err
			if w.tired {
				w.tired = false
				srv.tiring--
			}
			close(w.ready)
			s.unpark(srv, w)
			s.mu.Unlock()
			switch {
			case err != nil:
				s.log.Warn("cannot attach again", "aname", r.aname, "uname", r.uname, "err", err)
			case said:
				s.log.Info("attached again", "aname", r.aname, "uname", r.uname)
			}
			return
		}
		s.mu.Lock()
		s.takesTime(srv, w)
		s.mu.Unlock()
		level := slog.LevelDebug
		if isAuthError(err) && !said {
			said, level = true, slog.LevelWarn
		}
		s.log.Log(srv.ctx, level, "cannot attach again yet", "aname", r.aname, "uname", r.uname, "err", err)
	}
}

// takesTime takes in that it is not known when w is ready. The mutex is held.
func (s *session) takesTime(srv *server, w *rootWay) {
	if !w.isSlow() && !w.isReady() {
		close(w.slow)
		s.fill(srv)
	}
}

// settled waits until r is reached on srv or refused, or it is clear that this takes its time.
func (s *session) settled(srv *server, r *root) {
	s.mu.Lock()
	w := s.rootWay(srv, r)
	s.mu.Unlock()
	select {
	case <-w.ready:
	case <-w.slow:
	case <-srv.ctx.Done():
	}
}

func (s *session) attach(srv *server, r *root, w *rootWay) error {
	own, t := &request{}, &lib9p.Tattach{Fid: w.sfid, Afid: lib9p.NoFid, Uname: r.uname, Aname: r.aname, Nuname: r.nuname}
	m, err := s.attachProved(srv.ctx, srv, own, t, srv.insist)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	w.attached, w.qid = true, m.(*lib9p.Rattach).Qid
	if !srv.identified {
		return nil // it is judged with the others
	}
	if own.translated {
		w.qid.Path = srv.nums.raw(w.qid.Path)
	}
	return s.judgeRoot(srv, r, w)
}

// insist is ask for a message of the handshake: a server that negotiates and says nothing more is none.
func (srv *server) insist(r *request, m lib9p.Msg) (lib9p.Msg, error) {
	ctx, cancel := context.WithTimeout(srv.ctx, handshakeTime)
	defer cancel()
	reply, err := srv.ask(ctx, r, m)
	if ctx.Err() != nil && srv.ctx.Err() == nil {
		srv.conn.Close()
	}
	return reply, err
}

// A rootError says that the tree itself could not be attached.
type rootError struct{ err error }

func (e *rootError) Error() string { return "attach: " + e.err.Error() }
func (e *rootError) Unwrap() error { return e.err }
