package styxpersist

import "github.com/styxkit/styxkit/lib9p"

// A look is what was told of a file that can show whether another is the same. The zero look knows nothing.
type look struct {
	timed     bool // length and mtime are known
	length    uint64
	sec, nsec uint64 // mtime
	version   uint32 // of the qid, where mtime is in seconds
	born      bool   // gen is known, .L
	gen       uint64
}

// A file's own attributes hold still for as long as nobody writes to it. remembered returns those of n that nothing of ours can
// have changed since they were told. The mutex is held.
func (s *session) remembered(n *node) look {
	l, c := n.look, n.sum()
	if n.told <= c.changed || n.told <= n.renamed || c.writing > 0 || s.mayChange(n) {
		l = look{born: l.born, gen: l.gen}
	}
	return l
}

// mayChange reports whether an unanswered request may have changed n's attributes.
func (s *session) mayChange(n *node) bool {
	for _, r := range s.reqs {
		if r == nil || !r.doubt || r.of() == nil {
			continue
		}
		switch r.typ {
		case lib9p.TypeTread, lib9p.TypeTreaddir, lib9p.TypeTwalk, lib9p.TypeTgetattr, lib9p.TypeTstat:
			continue
		}
		if r.fid.node == n || r.fid.node.parent == n || r.fid2 != nil && r.fid2.node == n {
			return true
		}
	}
	return false
}

// contradicts reports whether found cannot be the file of which l is known. In a directory
// others come and go, so its times say nothing. Many servers of 9P2000 derive a qid's version from an mtime that is more exact than
// the one they can tell; those that have none, or have not begun to count, say 0.
func (l look) contradicts(found look, dir bool) bool {
	if l.born && found.born && l.gen != found.gen {
		return true
	}
	versions := l.version != 0 && found.version != 0 && l.version != found.version
	return l.timed && !dir && (!found.timed || l.stamp() != found.stamp() || versions)
}

// shows reports whether found is the file of which l is known, as far as attributes can show that.
func (l look) shows(found look) bool {
	return l.timed && found.timed && l.sec != 0 && l.stamp() == found.stamp()
}

func (l look) stamp() [3]uint64 { return [3]uint64{l.length, l.sec, l.nsec} }

// lookOf asks for the attributes of sfid.
func (s *session) lookOf(srv *server, sfid uint32) (look, error) {
	if s.d == lib9p.L {
		m, err := srv.call(srv.ctx, &lib9p.Tgetattr{Fid: sfid, Mask: lib9p.GetBasic | lib9p.GetGen})
		if err != nil {
			return look{}, err
		}
		a := m.(*lib9p.Rgetattr)
		l := look{timed: a.Valid&timedBits == timedBits, length: a.Size, sec: a.Mtime.Sec, nsec: a.Mtime.Nsec}
		l.born, l.gen = a.Valid&lib9p.GetGen != 0, a.Gen
		return l, nil
	}
	m, err := srv.call(srv.ctx, &lib9p.Tstat{Fid: sfid})
	if err != nil {
		return look{}, err
	}
	st := &m.(*lib9p.Rstat).Stat
	return look{timed: true, length: st.Length, sec: uint64(st.Mtime), version: st.Qid.Vers}, nil
}

const timedBits = lib9p.GetSize | lib9p.GetMtime

// learnLook takes in what an Rgetattr tells of n. seq is the request's.
func (n *node) learnLook(f lib9p.Frame, valid, seq uint64) {
	const offSize, offMtime, offGen = lib9p.OffBody + 49, lib9p.OffBody + 89, lib9p.OffBody + 137
	if valid&timedBits == timedBits {
		n.look.timed, n.told = true, seq
		n.look.length, n.look.sec, n.look.nsec = f.U64(offSize), f.U64(offMtime), f.U64(offMtime+8)
	}
	if valid&lib9p.GetGen != 0 {
		n.look.born, n.look.gen = true, f.U64(offGen)
	}
}

// sameGen returns errReplaced where the file sfid, which has n's qid, is of another generation: a
// disk has used the inode of a removed file again.
func (s *session) sameGen(srv *server, sfid uint32, n *node) error {
	s.mu.Lock()
	known := n.look
	s.mu.Unlock()
	if !known.born {
		return nil
	}
	found, err := s.lookOf(srv, sfid)
	if err == nil && found.born && found.gen != known.gen {
		err = errReplaced
	}
	return err
}
