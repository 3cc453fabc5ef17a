package styxpersist

import (
	"errors"

	"9fans.net/go/plan9"

	"github.com/styxkit/styxkit/lib9p"
)

// A file can be created with a mode that forbids what its creator is doing with it: git writes objects of
// mode 0444. Opening it again is refused then. The session, which made the file, adds the permission, opens it,
// and takes the permission away. The true mode is kept with the node meanwhile, so that the next
// connection puts it back where this one dies in between.

// A trueMode is the mode that a file has to have again.
type trueMode struct{ mode uint32 }

const ownerRW = 0o600

// reopenAsOwner is open for a file whose mode forbids it.
func (s *session) reopenAsOwner(srv *server, sfid uint32, w wayTo) (lib9p.Qid, error) {
	mode, err := s.modeOf(srv, sfid)
	if err != nil {
		return lib9p.Qid{}, err
	}
	s.mu.Lock()
	if w.node.mode == nil {
		w.node.mode = &trueMode{mode}
	}
	s.mu.Unlock()
	if err := s.chmod(srv, sfid, mode|ownerRW); err != nil {
		if _, refused := errors.AsType[*lib9p.Error](err); refused { // else it may have been done
			s.mu.Lock()
			w.node.mode = nil
			s.mu.Unlock()
		}
		return lib9p.Qid{}, err
	}
	return s.open(srv, sfid, w.flags)
}

// restoreMode puts back what reopenAsOwner changed, on this connection or on one that has died since.
func (s *session) restoreMode(srv *server, sfid uint32, n *node) error {
	s.mu.Lock()
	old := n.mode
	s.mu.Unlock()
	if old == nil {
		return nil
	}
	if err := s.chmod(srv, sfid, old.mode); err != nil {
		return err
	}
	s.mu.Lock()
	n.mode = nil
	s.mu.Unlock()
	return nil
}

func (s *session) modeOf(srv *server, sfid uint32) (uint32, error) {
	if s.d == lib9p.L {
		m, err := srv.call(srv.ctx, &lib9p.Tgetattr{Fid: sfid, Mask: lib9p.GetMode})
		if err != nil {
			return 0, err
		}
		return m.(*lib9p.Rgetattr).Mode &^ lib9p.ModeFmt, nil
	}
	m, err := srv.call(srv.ctx, &lib9p.Tstat{Fid: sfid})
	if err != nil {
		return 0, err
	}
	return uint32(m.(*lib9p.Rstat).Stat.Mode), nil
}

func (s *session) chmod(srv *server, sfid, mode uint32) error {
	var m lib9p.Msg
	if s.d == lib9p.L {
		m = &lib9p.Tsetattr{Fid: sfid, Valid: lib9p.SetMode, Mode: mode}
	} else {
		st := lib9p.NullStat()
		st.Mode = plan9.Perm(mode)
		m = &lib9p.Twstat{Fid: sfid, Stat: st}
	}
	_, err := srv.call(srv.ctx, m)
	return err
}
