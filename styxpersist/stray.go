package styxpersist

import (
	"errors"
	"slices"

	"github.com/styxkit/styxkit/lib9p"
)

// There are servers whose fids are paths: what is asked of a fid's attributes is asked of whatever has the name
// that the file had when the fid was made. When the session has renamed the file, and the client knows nothing of that, this is
// nothing, or another file. Attributes of a hidden file are therefore asked for, and changed, on a fid that
// was walked to by the hidden name, unless the server is known to be none of these.

// A stand is an sfid that a request goes to instead of its fid's.
type stand struct {
	srv  *server
	sfid uint32
}

// strays reports whether r is about attributes of a file that its fid on the server may not lead to.
func (s *session) strays(r *request) bool {
	if r.fid == nil || !r.fid.astray || s.fidsFollow || r.stand != nil {
		return false
	}
	switch r.typ {
	case lib9p.TypeTgetattr, lib9p.TypeTsetattr, lib9p.TypeTstat, lib9p.TypeTwstat:
		return true
	}
	return false
}

// guide has r, which strays, go on when it is known where to, in a goroutine of its own.
func (s *session) guide(srv *server, r *request) {
	r.fid.barrier = r
	n, sfid := r.fid.node.hold(), r.fid.sfid
	s.spawn(func() {
		p := prober{s: s, srv: srv}
		to, follows, err := p.guided(n, sfid)
		s.mu.Lock()
		s.fidsFollow = s.fidsFollow || follows
		switch {
		case r.state != queued || s.srv != srv || srv.ctx.Err() != nil || errors.Is(err, errGone): // the next connection's, or cancelled
		case follows:
			s.goOn(r)
		case err != nil:
			s.refuse(r, refusalOf(err))
		default:
			p.sfids = slices.DeleteFunc(p.sfids, func(f uint32) bool { return f == to })
			r.stand = &stand{srv, to}
			s.goOn(r)
		}
		n.drop()
		s.mu.Unlock()
		p.done()
		s.tell(nil)
	})
}

// refusalOf returns what a request is told whose file is not found, which err says.
func refusalOf(err error) *lib9p.Error {
	if e, refused := errors.AsType[*lib9p.Error](err); refused {
		return e
	}
	return errStale
}

// guided makes another fid of n. Where it finds that fids follow their files, the one that there is does.
func (p *prober) guided(n *node, sfid uint32) (to uint32, follows bool, err error) {
	if qid, err := p.qidOf(sfid); err == nil && sameFile(qid, p.qid(n)) {
		return 0, true, nil
	}
	to, err = p.reach(n)
	return to, false, err
}

// leaveStand takes in that r, which may have been sent to another sfid than its fid's, does not need that any more.
func (s *session) leaveStand(r *request) {
	if st := r.stand; st != nil && s.srv == st.srv {
		s.srv.discard(st.sfid)
	}
	r.stand = nil
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
