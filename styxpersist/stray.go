package styxpersist

import (
	"errors"

	"github.com/styxkit/styxkit/lib9p"
)

// There are servers whose fids are paths: what is asked of a fid's attributes is asked of whatever has the name
// that the file had when the fid was made. When the session has renamed the file, and the client knows nothing of that, this is
// nothing, or another file. Attributes of a hidden file are therefore asked for, and changed, on a fid that
// was walked to by the hidden name, unless the server is known to be none of these.

// strays reports whether r is about attributes of a file that its fid on the server may not lead to.
func (s *session) strays(r *request) bool {
	if r.fid == nil || !r.fid.astray || s.fidsFollow {
		return false
	}
	switch r.typ {
	case lib9p.TypeTgetattr, lib9p.TypeTsetattr, lib9p.TypeTstat, lib9p.TypeTwstat:
		return true
	}
	return false
}

// guide has r, which strays, answered in a goroutine of its own.
func (s *session) guide(srv *server, r *request) {
	r.fid.barrier = r
	n, sfid := r.fid.node.hold(), r.fid.sfid
	s.spawn(func() {
		p := prober{s: s, srv: srv}
		reply, follows, err := p.guided(r, n, sfid)
		p.done()
		s.mu.Lock()
		defer s.tell(nil)
		defer s.mu.Unlock()
		defer n.drop()
		s.fidsFollow = s.fidsFollow || follows
		refusal, refused := errors.AsType[*lib9p.Error](err)
		switch {
		case r.state != queued || s.srv != srv || srv.ctx.Err() != nil || errors.Is(err, errGone): // the next connection's, or cancelled
		case follows:
			s.goOn(r)
		case refused:
			s.refuse(r, refusal)
		case err != nil:
			s.refuse(r, errStale)
		default:
			s.conclude(r, reply)
		}
	})
}

// guided asks for r on another fid of n. Where it finds that fids follow their files, r can be sent as it stands.
func (p *prober) guided(r *request, n *node, sfid uint32) (reply lib9p.Msg, follows bool, err error) {
	if qid, err := p.qidOf(sfid); err == nil && sameFile(qid, p.qid(n)) {
		return nil, true, nil
	}
	to, err := p.reach(n)
	if err != nil {
		return nil, false, err
	}
	p.s.mu.Lock()
	m := r.msg(p.s.d)
	p.s.mu.Unlock()
	switch m := m.(type) {
	case *lib9p.Tgetattr:
		m.Fid = to
	case *lib9p.Tsetattr:
		m.Fid = to
	case *lib9p.Tstat:
		m.Fid = to
	case *lib9p.Twstat:
		m.Fid = to
	}
	reply, err = p.srv.call(p.srv.ctx, m)
	return reply, false, err
}

// qidOf returns what the server says that sfid is.
func (p *prober) qidOf(sfid uint32) (lib9p.Qid, error) {
	if p.s.d == lib9p.L {
		m, err := p.srv.call(p.srv.ctx, &lib9p.Tgetattr{Fid: sfid, Mask: lib9p.GetBasic})
		if err != nil {
			return lib9p.Qid{}, err
		}
		return m.(*lib9p.Rgetattr).Qid, nil
	}
	m, err := p.srv.call(p.srv.ctx, &lib9p.Tstat{Fid: sfid})
	if err != nil {
		return lib9p.Qid{}, err
	}
	return m.(*lib9p.Rstat).Stat.Qid, nil
}
