package styxpersist

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"

	"github.com/styxkit/styxkit/lib9p"
)

// With Config.Auth it is the session that proves to the server who its users are: on each connection, for each of them. Then
// an attach that names no afid, the client's or the session's own, is made in three steps: a Tauth for an afid of
// the session's own, the conversation there, which is the function's, and the Tattach with that afid, which is clunked then.
// They are made in a goroutine of the attach's own, and hold up nobody else.
//
// That the proof cannot be given is no word of the server's. What gives it may be away, as a server may be.

const (
	authTime     = time.Minute      // for a conversation, with all that the function does beside
	authSlow     = time.Second      // after which nobody else waits for it
	authPatience = 3 * time.Second  // how long the client waits for a proof that cannot be given
	authGrace    = 20 * time.Second // how long a server that refuses one may not be able to judge it yet
)

// An authError says that a user could not be proved to the server. If the server has refused the proof, err has a *lib9p.Error.
type authError struct{ err error }

func (e *authError) Error() string { return "authentication failed: " + e.err.Error() }
func (e *authError) Unwrap() error { return e.err }

func isAuthError(err error) bool {
	_, is := errors.AsType[*authError](err)
	return is
}

// provenHere reports whether r is an attach for which the session authenticates.
func (r *request) provenHere(s *session) bool {
	return r.typ == lib9p.TypeTattach && r.fid == nil && s.link.cfg.Auth != nil
}

// An asker makes a request of the session's own and waits for the answer, in its own way.
type asker func(r *request, m lib9p.Msg) (lib9p.Msg, error)

// attachProved makes the attach t, own, for the user that t has, who is proved to srv before. The conversation ends with ctx;
// the rest is as ask has it.
func (s *session) attachProved(ctx context.Context, srv *server, own *request, t *lib9p.Tattach, ask asker) (lib9p.Msg, error) {
	if s.link.cfg.Auth == nil {
		return ask(own, t)
	}
	afid, err := s.authenticate(ctx, srv, t, ask)
	if err != nil {
		return nil, err
	}
	t.Afid = afid
	m, err := ask(own, t)
	if afid != lib9p.NoFid {
		srv.drop(afid)
	}
	if forbids(err) {
		err = &authError{err}
	}
	return m, err
}

// authenticate proves the user of t to srv and returns the afid for the attach, NoFid where the server
// wants no proof or the function has none.
// A server that will have no Tauth may do so because it asks for no proof, and says it in many ways: the
// attach will show what it thinks.
func (s *session) authenticate(ctx context.Context, srv *server, t *lib9p.Tattach, ask asker) (uint32, error) {
	s.mu.Lock()
	afid := srv.newSfid()
	s.mu.Unlock()
	m := &lib9p.Tauth{Afid: afid, Uname: t.Uname, Aname: t.Aname, Nuname: t.Nuname}
	_, err := ask(&request{}, m)
	if _, refused := errors.AsType[*lib9p.Error](err); refused {
		s.mu.Lock()
		srv.freeSfid(afid)
		s.mu.Unlock()
		if passing(err) || isBusy(err) {
			return lib9p.NoFid, err
		}
		s.log.Debug("server takes no authentication", "aname", t.Aname, "uname", t.Uname, "err", err)
		return lib9p.NoFid, nil
	}
	if err == nil {
		err = s.converse(ctx, srv, m)
	}
	if err == nil {
		return afid, nil
	}
	srv.drop(afid)
	if errors.Is(err, errors.ErrUnsupported) {
		return lib9p.NoFid, nil
	}
	return lib9p.NoFid, err
}

// converse has Config.Auth speak on the afid of m.
func (s *session) converse(ctx context.Context, srv *server, m *lib9p.Tauth) error {
	ctx, end := context.WithTimeout(ctx, authTime)
	defer end()
	a := &authFile{srv: srv, afid: m.Afid, ctx: ctx}
	who := *m
	if s.d == lib9p.P2000 {
		who.Nuname = lib9p.NoUid
	}
	err := s.link.cfg.Auth(ctx, a, &who)
	end()
	a.close()
	switch {
	case srv.ctx.Err() != nil:
		return errGone
	case err != nil:
		return &authError{err}
	}
	return nil
}

// attachFor makes r, an attach of the client's, and answers it.
func (s *session) attachFor(srv *server, r *request) {
	ctx, quit := context.WithCancel(srv.ctx)
	r.quit = quit
	t := r.msg(s.d).(*lib9p.Tattach)
	t.Fid = srv.newSfid()
	s.spawn(func() {
		defer quit()
		m, err := s.attachPatiently(ctx, srv, t)
		s.mu.Lock()
		defer s.tell(nil)
		defer s.mu.Unlock()
		if r.state != queued || s.srv != srv || srv.ctx.Err() != nil { // cancelled, or the next connection's
			srv.discard(t.Fid)
			return
		}
		if err != nil {
			srv.freeSfid(t.Fid)
			s.refuse(r, attachRefusal(err))
			return
		}
		r.srv, r.makes.sfid, r.makes.gen = srv, t.Fid, srv.gen
		s.conclude(r, m)
	})
}

// attachPatiently makes t for the client. It does not wait for a proof as long as for a server: a client that has no tree yet has
// nothing to lose by an error.
func (s *session) attachPatiently(ctx context.Context, srv *server, t *lib9p.Tattach) (lib9p.Msg, error) {
	pauses := backoff{least: 100 * time.Millisecond, most: time.Second, rand: spread(uint64(t.Fid))}
	for began := time.Now(); ; {
		if err := sleep(ctx, pauses.pause()); err != nil {
			return nil, err
		}
		m, err := s.attachProved(ctx, srv, &request{}, t, func(r *request, m lib9p.Msg) (lib9p.Msg, error) {
			return srv.askWhile(ctx, r, m)
		})
		switch {
		case !isAuthError(err):
			return m, err
		case number(err) != 0 || time.Since(began) >= authPatience:
			return nil, err
		}
		s.log.Debug("cannot authenticate yet", "aname", t.Aname, "uname", t.Uname, "err", err)
	}
}

// attachRefusal is what the client is told of an attach that failed with err.
func attachRefusal(err error) *lib9p.Error {
	if e, proof := errors.AsType[*authError](err); proof {
		if _, own := e.err.(*lib9p.Error); !own { // else the server's word for the attach itself
			return &lib9p.Error{Ename: e.Error(), Errno: cmp.Or(number(err), lib9p.EACCES)}
		}
	}
	if e, refused := errors.AsType[*lib9p.Error](err); refused {
		return e
	}
	return errIO
}

// A doubted proof is one that a server may not believe at first: it may be there before what it judges proofs with is, and
// then refuses what it took before.
type doubted struct {
	since time.Time // when it was refused first; zero where it has not been
}

// again reports whether an attach of the session's own that failed with err is tried again for the proof's sake.
func (d *doubted) again(err error) bool {
	switch {
	case !isAuthError(err):
		return false
	case number(err) == 0:
		return true
	case d.since.IsZero():
		d.since = time.Now()
	}
	return time.Since(d.since) < authGrace
}

// inAuthOrder returns roots, which are its own now, in the order in which they are attached: some servers let
// users in without a proof once the superuser has given one on the connection.
func (s *session) inAuthOrder(roots []*root) []*root {
	if s.link.cfg.Auth == nil {
		return roots
	}
	super := func(r *root) bool {
		return r.nuname == 0 && s.d != lib9p.P2000 || r.uname == "root" && (r.nuname == lib9p.NoUid || s.d == lib9p.P2000)
	}
	rest := slices.DeleteFunc(slices.Clone(roots), super)
	return append(slices.DeleteFunc(roots, func(r *root) bool { return !super(r) }), rest...)
}
