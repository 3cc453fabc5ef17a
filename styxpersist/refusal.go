package styxpersist

import "github.com/styxkit/styxkit/lib9p"

// learnRefusal is learn for an error.
func (s *session) learnRefusal(r *request, f lib9p.Frame) lib9p.Frame {
	s.haunt(r)
	switch r.typ {
	case lib9p.TypeTclunk: // whatever a server says to a clunk, the fid is gone
		if r.fid.attr != nil {
			f = s.learnAttrClunk(r, f)
		}
		s.forget(r.fid)
		if r.fid.rclose {
			f, _ = lib9p.Append(f[:0], s.d, r.ctag, &lib9p.Rclunk{})
		}
	case lib9p.TypeTremove:
		s.forget(r.fid)
	case lib9p.TypeTwrite:
		if s.wroteSome(r) {
			return nil
		}
	}
	if r.typ == lib9p.TypeTwalk && r.frame.U16(lib9p.OffFid2+4) == 1 && s.saysNotFound(f) {
		r.fid.node.missed(string(r.frame.Bytes(lib9p.OffFid2+6)), r.asked, s.namesMove())
	}
	if r.makes != nil {
		s.unmake(r)
	}
	s.finish(r)
	if f.Type() == lib9p.TypeRerror {
		f = shortError(f, s.d)
	}
	return f
}

// unmake forgets the fid that r did not make. What came after it in the client's pipeline
// has been or will be refused by the server itself, or waits and is refused here.
func (s *session) unmake(r *request) {
	if r.srv != nil {
		r.srv.freeSfid(r.makes.sfid)
	}
	s.forget(r.makes)
}

// shortError cuts the text of an Rerror to what every client takes.
func shortError(f lib9p.Frame, d lib9p.Dialect) lib9p.Frame {
	ename := f.Bytes(lib9p.OffBody)
	if len(ename) <= lib9p.MaxEname {
		return f
	}
	_, m, err := lib9p.Unpack(d, f)
	if err != nil {
		return f
	}
	e := m.(*lib9p.Rerror)
	e.Ename = e.Ename[:lib9p.MaxEname]
	short, err := lib9p.Append(nil, d, f.Tag(), e)
	if err != nil {
		return f
	}
	return short
}

// saysNotFound reports whether f, a refusal, says that a name is not there.
func (s *session) saysNotFound(f lib9p.Frame) bool {
	_, m, err := lib9p.Unpack(s.d, f)
	return err == nil && lib9p.ErrorOf(m) != nil && lib9p.ErrorOf(m).Number() == lib9p.ENOENT
}
