package styxpersist

import (
	"9fans.net/go/plan9"

	"github.com/styxkit/styxkit/lib9p"
	"github.com/styxkit/styxkit/styxpersist/internal/mutate"
)

// lose takes in that srv is dead: fids have no place until the next connection, and each request that
// has no answer is judged. It waits for the writers, so that it is known what was sent.
func (s *session) lose(srv *server) {
	s.gate.Lock()
	writeErr := srv.lastWriteErr()
	s.mu.Lock()
	s.soften()
	s.srv, s.fidsFollow = nil, false
	srv.dead = true
	s.wary = s.wary || srv.diedAhead()
	if s.hangs++; srv.cause != errHung {
		s.hangs = 0
	}
	if endedByPeer(writeErr) && !isBroken(srv.cause) {
		s.ended(srv, true)
	}
	s.absence = s.counters.begin()
	s.counters.Deaths.Add(1)
	open, all := s.strand(srv), s.inOrder()
	for _, r := range append(all, s.ready...) {
		r.kept = true
		s.loseHiding(srv, r)
		for _, f := range [...]*fid{r.fid, r.fid2, r.makes} {
			if f != nil {
				s.loseFid(srv, f)
			}
		}
	}
	s.ready = nil
	s.report(Lost{Cause: srv.cause, Open: open, Waiting: len(all)})
	for _, r := range all {
		s.judge(srv, r)
	}
	if srv.fenced {
		srv.conn.Close()
		s.liftHazards(srv)
	} else {
		s.zombies = append(s.zombies, srv)
		back := s.absence.back
		s.spawn(func() { s.drain(srv, back) })
	}
	s.mu.Unlock()
	s.gate.Unlock()
	s.tell(nil)
}

// loseFid takes f off a dead connection. A fid whose other half was in the connection is dead.
func (s *session) loseFid(srv *server, f *fid) {
	defer s.rank(f)
	f.waiting, f.unsent, f.barrier, f.back, f.astray = nil, 0, nil, nil, false
	if f.state == fidDead && f.again {
		f.state, f.err, f.again, f.gen = fidLive, nil, false, 0
	}
	if f.state != fidLive {
		return
	}
	switch f.role {
	case roleAuth:
		f.die(errAuthLost)
	case roleXattrW:
		f.attr.lose(srv.fenced)
		if f.attr.lost {
			f.die(errXattrLost)
		}
	}
	if f.cursor != nil {
		f.cursor.lose()
	}
}

// judge decides what becomes of a request that has no answer, now that the server is away.
func (s *session) judge(srv *server, r *request) {
	if r.state == sent {
		r.state, r.doubt = queued, true
		if n := r.of(); n != nil && n.vague == srv.gen {
			r.vague = true
		}
		if !srv.fenced {
			r.old = append(r.old, srv)
			s.endanger(srv, r)
		}
	}
	r.srv, r.refused, r.ahead, r.stand = nil, nil, nil, nil
	if r.state != done && r.typ == lib9p.TypeTwrite && s.judgePieces(r) {
		return
	}
	switch {
	case r.state == done: // another verdict answered it
	case r.typ == lib9p.TypeTflush:
		old := s.request(r.frame.U16(lib9p.OffBody))
		if old != nil && (old.seq != r.oldSeq || r.oldSeq == 0) {
			old = nil
		}
		s.flushHere(r, old)
	case r.fid != nil && r.fid.dropped:
		s.onDead(r, r.fid)
	case r.typ == lib9p.TypeTclunk && s.clunkHere(r):
	case s.unlocked(r):
		s.learnLock(r, lib9p.LockSuccess)
		s.answer(r, &lib9p.Rlock{Status: lib9p.LockSuccess})
	case r.doubt && s.hopeless(r):
		s.doubtful(r, "nothing could show it")
	case r.doubt && s.needsProof(r):
		s.enqueue(r)
		r.state = proving
	default:
		if r.doubt {
			r.resent = true
			s.counters.Again.Add(1)
		}
		s.enqueue(r)
	}
}

// needsProof reports whether executing r twice would not be the same as executing it once.
func (s *session) needsProof(r *request) bool {
	if mutate.Has(mutate.Resend) || mutate.Has(mutate.Append) && r.typ == lib9p.TypeTwrite {
		return false
	}
	switch r.typ {
	case lib9p.TypeTcreate, lib9p.TypeTsymlink, lib9p.TypeTmknod, lib9p.TypeTlink, lib9p.TypeTmkdir,
		lib9p.TypeTrename, lib9p.TypeTrenameat, lib9p.TypeTunlinkat, lib9p.TypeTremove:
		return true
	case lib9p.TypeTlcreate:
		return r.frame.U32(r.offFlags())&(lib9p.LEXCL|lib9p.LTRUNC) != 0
	case lib9p.TypeTwstat:
		return r.msg(s.d).(*lib9p.Twstat).Stat.Name != ""
	case lib9p.TypeTwrite:
		return r.fid.role == roleFile && (r.fid.node == nil || s.appends(r.fid) || r.fid.node.kind != kindRegular)
	case lib9p.TypeTclunk:
		return r.fid.rclose || r.fid.role == roleXattrW
	}
	return false
}

// hopeless reports that nothing can prove what became of r, which needs a proof.
func (s *session) hopeless(r *request) bool {
	if !s.needsProof(r) {
		return false
	}
	if r.fid.node == nil || s.second(r).node == nil {
		return true // the client did not wait for the fid, so nobody knows what it stands for
	}
	return r.typ == lib9p.TypeTwrite && !s.appends(r.fid) && r.fid.node.kind == kindStream
}

// appends reports whether writes to f go to the end of the file, whatever their offset.
func (s *session) appends(f *fid) bool {
	if f.node.qid.Type&plan9.QTAPPEND != 0 {
		return true
	}
	switch s.d {
	case lib9p.L:
		return f.flags&lib9p.LAPPEND != 0
	case lib9p.U:
		return f.flags&lib9p.OAPPENDU != 0
	}
	return false
}
