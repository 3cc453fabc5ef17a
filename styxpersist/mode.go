package styxpersist

import (
	"context"
	"errors"
	"slices"

	"9fans.net/go/plan9"

	"github.com/styxkit/styxkit/lib9p"
	"github.com/styxkit/styxkit/styxpersist/internal/mutate"
)

// A file can be created with a mode that forbids what its creator is doing with it: git writes objects of
// mode 0444. Opening it again is refused then. The session, which made the file, adds the permission, opens it,
// and takes the permission away. The true mode is kept with the node meanwhile, so that the next
// connection puts it back where this one dies in between, also if the fid is gone by then. Meanwhile the client may open
// the file by another fid, and another name, which the true mode would have forbidden: that one needs the same to come back.

// A trueMode is the mode that a file has to have again.
type trueMode struct {
	mode  uint32
	first *server // that was asked to change it
	waits bool    // for old connections, which may change it still
}

// A fileKey knows a file by all its names.
type fileKey struct {
	root *root
	path uint64 // of its qid, the client's
}

func (n *node) file() fileKey { return fileKey{n.root, n.qid.Path} }

const ownerRW = 0o600

// forbids reports whether err says that the mode of a file forbids to open it.
func forbids(err error) bool {
	n := number(err)
	return n == lib9p.EACCES || n == lib9p.EPERM
}

// owes reports whether n has to get its mode back.
func (s *session) owes(n *node) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return n.mode != nil
}

// reopenAsOwner opens sfid again where its mode forbids it, or where it has to get its mode back.
// One at a time does so: another would take the changed mode for the true one.
func (s *session) reopenAsOwner(srv *server, sfid uint32, w *wayTo, o opened, err error) (opened, error) {
	if !s.beOwner(srv) {
		return o, errGone
	}
	defer func() { <-s.asOwner }()
	if w.owner && forbids(err) {
		o, err = s.allowAndOpen(srv, sfid, w)
	}
	if back := s.restoreMode(srv, sfid, w.node); err == nil {
		err = back
	}
	return o, err
}

// beOwner waits until nobody else changes modes. It returns false where srv has died.
func (s *session) beOwner(srv *server) bool {
	select {
	case s.asOwner <- struct{}{}:
		return true
	case <-srv.ctx.Done():
		return false
	}
}

func (s *session) allowAndOpen(srv *server, sfid uint32, w *wayTo) (opened, error) {
	mode, err := s.modeOf(srv, sfid)
	if err != nil {
		return opened{}, err
	}
	s.owe(srv, w.node, mode)
	if err := s.chmod(srv.ctx, srv, sfid, mode|ownerRW); err != nil {
		if _, refused := errors.AsType[*lib9p.Error](err); refused { // else it may have been done
			s.paid(w.node)
		}
		return opened{}, err
	}
	return s.open(srv, sfid, w.flags)
}

// owe enters that n has to get mode back, unless it has to get another already.
func (s *session) owe(srv *server, n *node, mode uint32) {
	s.mu.Lock()
	defer s.mu.Unlock()
	srv.eased[n.file()] = true
	if n.mode == nil {
		n.mode = &trueMode{mode: mode, first: srv}
		s.owed = append(s.owed, n.hold())
	}
}

// paid enters that n has its mode again, or cannot get it.
func (s *session) paid(n *node) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if i := slices.Index(s.owed, n); i >= 0 {
		s.owed = slices.Delete(s.owed, i, i+1)
		n.mode = nil
		n.drop()
	}
}

// restoreMode puts back what allowAndOpen changed, on this connection or on one that has died since.
func (s *session) restoreMode(srv *server, sfid uint32, n *node) error {
	s.mu.Lock()
	owed, mode := n.mode, uint32(0)
	if owed != nil {
		mode = owed.mode
	}
	s.mu.Unlock()
	if owed == nil || mutate.Has(mutate.KeepMode) {
		return nil
	}
	if err := s.chmod(srv.ctx, srv, sfid, mode); err != nil {
		return err
	}
	if owed.first == srv || !s.payAgain(n) {
		s.paid(n)
	}
	return nil
}

// payAgain has the mode of n put back once more when the dead connections are drained, of which one may have been told
// to change it and may do so now. It returns false where there is none.
func (s *session) payAgain(n *node) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	old := slices.Clone(s.zombies)
	if len(old) == 0 || n.mode == nil {
		return false
	}
	if n.mode.waits {
		return true
	}
	n.mode.waits = true
	n.hold()
	s.spawn(func() {
		for _, srv := range old {
			select {
			case <-srv.over:
			case <-s.ctx.Done():
			}
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		if n.mode != nil {
			n.mode.waits = false
			s.paySoon(s.srv, n)
		}
		n.drop()
	})
	return true
}

// learnMode takes in that the client has given the file of n another mode: that is the one to put back.
func (s *session) learnMode(n *node, mode uint32) {
	for _, owed := range s.owed {
		if owed.file() == n.file() {
			owed.mode.mode = mode
		}
	}
}

// payAll puts back the modes of the files that no fid will open again. The mutex is held.
func (s *session) payAll(srv *server) {
	if len(s.owed) == 0 {
		return
	}
	opens := make(map[*node]bool)
	for _, l := range [...]*fidList{&s.order.coming, &s.order.leaving, &s.order.held, &s.order.open} {
		l.each(func(f *fid) { opens[f.node] = opens[f.node] || f.open })
	}
	for _, n := range s.owed {
		srv.eased[n.file()] = true
		if !opens[n] {
			s.paySoon(srv, n)
		}
	}
}

// paySoon puts back the mode of n, if it has to get it back. The mutex is held.
func (s *session) paySoon(srv *server, n *node) {
	if srv != nil && n != nil && n.mode != nil {
		s.spawn(func() {
			if s.beOwner(srv) {
				defer func() { <-s.asOwner }()
				s.pay(srv, n)
			}
		})
	}
}

// pay puts back the mode of n, unless its path leads elsewhere by now. What fails is for the next connection.
func (s *session) pay(srv *server, n *node) {
	s.mu.Lock()
	names, ok := n.path()
	want, owed := n.qid, n.mode != nil
	s.mu.Unlock()
	if !ok || !owed {
		s.paid(n)
		return
	}
	sfid, qids, err := s.walkTo(srv, n.root, names)
	if err != nil {
		return
	}
	defer srv.drop(sfid)
	if !sameFile(qids[len(qids)-1], want) {
		s.paid(n)
		return
	}
	if err := s.restoreMode(srv, sfid, n); err != nil {
		s.log.Warn("the mode of a file cannot be put back", "path", n.String(), "err", err)
	}
}

// leaveModes puts back the modes that are changed when the client hangs up.
func (s *session) leaveModes(ctx context.Context, srv *server) {
	s.mu.Lock()
	owed := slices.Clone(s.owed)
	s.mu.Unlock()
	for _, n := range owed {
		s.leaveMode(ctx, srv, n)
	}
}

func (s *session) leaveMode(ctx context.Context, srv *server, n *node) {
	s.mu.Lock()
	names, ok := n.path()
	root, qid, owed, mode := srv.roots[n.root], n.qid, n.mode != nil, uint32(0)
	if owed {
		mode = n.mode.mode
	}
	ready := root != nil && root.attached && root.err == nil // else the tree there may be another one
	to := srv.newSfid()
	s.mu.Unlock()
	if !ok || !ready || !owed || srv.namesThatFit(names) < len(names) {
		return
	}
	m, err := srv.call(ctx, &lib9p.Twalk{Fid: root.sfid, Newfid: to, Wname: names})
	if err != nil {
		return
	}
	if q := m.(*lib9p.Rwalk).Wqid; len(q) == len(names) && len(q) > 0 && sameFile(q[len(q)-1], qid) {
		s.chmod(ctx, srv, to, mode)
	}
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

func (s *session) chmod(ctx context.Context, srv *server, sfid, mode uint32) error {
	var m lib9p.Msg
	if s.d == lib9p.L {
		m = &lib9p.Tsetattr{Fid: sfid, Valid: lib9p.SetMode, Mode: mode}
	} else {
		st := lib9p.NullStat()
		st.Mode = plan9.Perm(mode)
		m = &lib9p.Twstat{Fid: sfid, Stat: st}
	}
	_, err := srv.call(ctx, m)
	return err
}
