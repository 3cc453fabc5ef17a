package styxpersist

import (
	"errors"
	"slices"
	"strings"

	"github.com/styxkit/styxkit/lib9p"
)

// A message takes 16 names, and no more of them than fit. The fids of longer paths are walked to from helpers: fids of the
// session's own that stand where a message's names end, and are shared by all paths that lead through there. They are
// clunked when nobody needs them and what was open is back.

// A helper is a fid in the middle of long paths. All but what is set before ready is closed belongs to the mutex.
type helper struct {
	key   helperKey
	ready chan struct{} // closed when sfid and qids, or err, are there
	sfid  uint32
	qids  []lib9p.Qid // from the root's on
	err   error
	users int
	moves uint64 // the session's when it was walked to: it may be elsewhere where names have changed since
}

type helperKey struct {
	root *root
	path string
}

// lastWalk returns where the names of the last of the messages begin that names take.
func (srv *server) lastWalk(names []string) int {
	begin := 0
	for {
		n := srv.namesThatFit(names[begin:])
		if begin+n == len(names) {
			return begin
		}
		begin += n
	}
}

// walkTo makes an sfid for the file that names lead to from root, and returns the qids
// on the way, of which the root's is the first and the file's the last.
func (s *session) walkTo(srv *server, r *root, names []string) (uint32, []lib9p.Qid, error) {
	begin := srv.lastWalk(names)
	if begin == 0 {
		w, err := s.way(srv, r)
		if err != nil {
			return 0, nil, &rootError{err}
		}
		s.mu.Lock()
		qid := srv.nums.see(w.qid)
		s.mu.Unlock()
		return s.walkOn(srv, w.sfid, []lib9p.Qid{qid}, names)
	}
	h := s.helper(srv, r, names[:begin])
	defer s.letGo(srv, h)
	select {
	case <-h.ready:
	case <-srv.ctx.Done():
		return 0, nil, errGone
	}
	if h.err != nil {
		return 0, nil, h.err
	}
	return s.walkOn(srv, h.sfid, h.qids, names[begin:])
}

// walkOn makes an sfid for the file that names, which fit a message, lead to from the sfid from, to which led qids.
func (s *session) walkOn(srv *server, from uint32, qids []lib9p.Qid, names []string) (uint32, []lib9p.Qid, error) {
	s.mu.Lock()
	to := srv.newSfid()
	s.mu.Unlock()
	m, err := srv.call(srv.ctx, &lib9p.Twalk{Fid: from, Newfid: to, Wname: names})
	if err != nil {
		if _, refused := errors.AsType[*lib9p.Error](err); refused {
			s.mu.Lock()
			srv.freeSfid(to)
			s.mu.Unlock()
		}
		return 0, nil, err
	}
	q := m.(*lib9p.Rwalk).Wqid
	if len(q) < len(names) {
		srv.drop(to) // some servers have made it all the same
		return 0, nil, errNotFound
	}
	return to, slices.Concat(qids, q), nil
}

// helper returns the helper where names lead to from r, which has begun to come. It has to be let go.
func (s *session) helper(srv *server, r *root, names []string) *helper {
	key := helperKey{r, strings.Join(names, "/")}
	s.mu.Lock()
	defer s.mu.Unlock()
	h := srv.helpers[key]
	if h != nil && h.moves == s.moves && !s.namesMove() {
		h.users++
		return h
	}
	s.retire(srv, h)
	h = &helper{key: key, ready: make(chan struct{}), users: 2, moves: s.moves}
	srv.helpers[key] = h
	s.spawn(func() {
		sfid, qids, err := s.walkTo(srv, r, names)
		s.mu.Lock()
		h.sfid, h.qids, h.err = sfid, qids, err
		s.mu.Unlock()
		close(h.ready)
		s.letGo(srv, h)
	})
	return h
}

// letGo is the end of a use of h.
func (s *session) letGo(srv *server, h *helper) {
	s.mu.Lock()
	defer s.mu.Unlock()
	h.users--
	if h.users == 0 && (srv.swept || srv.helpers[h.key] != h || h.err != nil) {
		s.retire(srv, h)
	}
}

// retire takes h, or nothing, out of use. Its last user clunks it. The mutex is held.
func (s *session) retire(srv *server, h *helper) {
	if h == nil {
		return
	}
	if srv.helpers[h.key] == h {
		delete(srv.helpers, h.key)
	}
	if h.users == 0 && h.err == nil {
		srv.discard(h.sfid)
	}
}

// sweptUp says that all that is brought back is back. The mutex is held.
func (s *session) sweptUp(srv *server) {
	srv.swept = true
	for _, h := range srv.helpers {
		if h.users == 0 {
			s.retire(srv, h)
		}
	}
}
