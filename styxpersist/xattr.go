package styxpersist

import (
	"bytes"

	"github.com/styxkit/styxkit/lib9p"
)

// An attribute that a client writes becomes the file's when the fid is clunked. Until then the server keeps what was
// written, and some servers make what they have the value when the connection dies: the rest is whatever lay in
// their memory. So the session keeps what was written too and, on the next connection, writes it
// again before the client goes on. Where the answer to the clunk was lost it looks at the value.

// An attrWrite is an extended attribute that the client is writing through a fid.
type attrWrite struct {
	name  string
	size  uint64 // as Txattrcreate announced it
	flags uint32 // of Txattrcreate
	value []byte // what was written and answered, from offset 0
	again bool   // a connection died that had it, upon which the server may have made what it had the value
	loose bool   // and it may do so still
	torn  bool   // loose, and what it had was not all
	lost  bool   // there was too much to keep: it does not outlive the connection
}

const (
	maxAttr  = 64 << 10 // and a message more: the largest attribute that a client may write, in bytes
	maxAttrs = 32 << 20 // what a session keeps of attributes that are being written, in bytes
)

// attrTooBig reports whether r, a Txattrcreate, announces more than is kept.
func (s *session) attrTooBig(r *request) bool {
	size := r.frame.U64(lib9p.OffFid + 4 + 2 + len(r.frame.Bytes(lib9p.OffFid+4)))
	return size > maxAttr+uint64(s.msize)
}

func (s *session) learnAttrCreate(r *request) {
	m := r.msg(s.d).(*lib9p.Txattrcreate)
	r.fid.role = roleXattrW
	r.fid.attr = &attrWrite{name: m.Name, size: m.Size, flags: m.Flags, again: r.doubt, loose: r.doubt && !r.fenced()}
	s.rank(r.fid)
}

// learnAttrWrite keeps data, which the server has taken.
func (s *session) learnAttrWrite(a *attrWrite, offset uint64, data []byte) {
	most := maxAttr + uint64(s.msize)
	if offset > most || offset+uint64(len(data)) > most {
		a.lost = true
		return
	}
	if more := int(offset) + len(data) - len(a.value); more > 0 {
		if s.attrs+more > maxAttrs {
			a.lost = true
			return
		}
		s.attrs += more
		a.value = append(a.value, make([]byte, more)...)
	}
	copy(a.value[offset:], data)
}

// learnAttrClunk returns what the client is told of the clunk of an attribute, to which the server said f. Where a
// connection has died meanwhile a refusal may be for what that left behind, and a success may be undone.
func (s *session) learnAttrClunk(r *request, f lib9p.Frame) lib9p.Frame {
	a := r.fid.attr
	if !a.again {
		return f
	}
	var answer lib9p.Msg
	switch errno := s.errnoOf(f); {
	case errno == 0 && a.loose, errno == lib9p.EEXIST, errno == lib9p.ENODATA && a.size > 0:
		answer = lib9p.ErrorMsg(s.d, errXattrLost)
	case errno == lib9p.ENODATA: // it was to be removed, and is
		answer = &lib9p.Rclunk{}
	default:
		return f
	}
	told, err := lib9p.Append(nil, s.d, r.ctag, answer)
	if err != nil {
		return f
	}
	return told
}

// errnoOf returns the number of a refusal, and 0 for another reply.
func (s *session) errnoOf(f lib9p.Frame) lib9p.Errno {
	if f.Type() != s.errorType() {
		return 0
	}
	_, m, err := lib9p.Unpack(s.d, f)
	if err != nil || lib9p.ErrorOf(m) == nil {
		return lib9p.EIO
	}
	return lib9p.ErrorOf(m).Number()
}

// lose takes in that a connection has died that had the attribute.
func (a *attrWrite) lose(fenced bool) {
	a.again, a.loose = true, a.loose || !fenced
	a.torn = a.torn || !fenced && uint64(len(a.value)) < a.size
}

// awaitOld waits, where c is of a fid that writes an attribute, until the dead connections are drained that may still make a part
// of it the value.
func (s *session) awaitOld(c *comeback) {
	for c.srv.ctx.Err() == nil {
		s.mu.Lock()
		f := c.fid
		if f.attr == nil || !f.attr.loose || len(s.zombies) == 0 {
			s.mu.Unlock()
			return
		}
		over := s.zombies[0].over
		s.mu.Unlock()
		s.aside(c, over)
	}
}

// snapshot returns a as it is now; nil stays nil.
func (a *attrWrite) snapshot() *attrWrite {
	if a == nil {
		return nil
	}
	c := *a
	c.value = bytes.Clone(a.value)
	return &c
}

// flagsNow returns with which flags the attribute can be begun again where the file has the value v. It returns
// false where v may be somebody else's doing, which the client has asked to be told.
func (a *attrWrite) flagsNow(v []byte, there bool) (flags uint32, ok bool) {
	switch {
	case a.size == 0 && !there: // it was to be removed, and is
		return 0, true
	case a.flags == lib9p.XattrCreate && there: // ours if it begins as ours does
		return 0, uint64(len(v)) == a.size && len(a.value) > 0 && bytes.HasPrefix(v, a.value)
	case a.flags == lib9p.XattrReplace && !there:
		return 0, false
	}
	return a.flags, true
}

// rewriteAttr makes sfid, which is the file's, a fid that writes an attribute, with all that was written before.
func (s *session) rewriteAttr(srv *server, sfid uint32, a *attrWrite) (begun bool, err error) {
	flags := uint32(0)
	if a.flags != 0 {
		v, there, err := s.readAttr(srv, sfid, a.name)
		if err != nil {
			return false, err
		}
		var ok bool
		if flags, ok = a.flagsNow(v, there); !ok {
			return false, errReplaced
		}
	}
	if _, err := srv.call(srv.ctx, &lib9p.Txattrcreate{Fid: sfid, Name: a.name, Size: a.size, Flags: flags}); err != nil {
		return false, err
	}
	for at := 0; at < len(a.value); {
		n := min(len(a.value)-at, int(srv.room()))
		m, err := srv.call(srv.ctx, &lib9p.Twrite{Fid: sfid, Offset: uint64(at), Data: a.value[at : at+n]})
		if err != nil {
			return true, err
		}
		took := int(m.(*lib9p.Rwrite).Count)
		if took == 0 || took > n {
			return true, errIO
		}
		at += took
	}
	return true, nil
}

// readAttr returns the value that the file sfid has for an attribute.
func (s *session) readAttr(srv *server, sfid uint32, name string) (v []byte, there bool, err error) {
	s.mu.Lock()
	to := srv.newSfid()
	s.mu.Unlock()
	m, err := srv.call(srv.ctx, &lib9p.Txattrwalk{Fid: sfid, Newfid: to, Name: name})
	if number(err) == lib9p.ENODATA {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, err
	}
	defer srv.drop(to)
	size := m.(*lib9p.Rxattrwalk).Size
	if size > maxAttr+uint64(s.msize) {
		return nil, true, nil // longer than any that is looked for
	}
	for uint64(len(v)) < size { // some servers refuse to read beyond the end
		m, err := srv.call(srv.ctx, &lib9p.Tread{Fid: to, Offset: uint64(len(v)), Count: uint32(min(size-uint64(len(v)), uint64(srv.room())))})
		if err != nil {
			return nil, true, err
		}
		data := m.(*lib9p.Rread).Data
		if len(data) == 0 {
			break
		}
		v = append(v, data...)
	}
	return v, true, nil
}

// committed judges the clunk that makes an attribute what was written.
func (p *prober) committed(r *request) (verdict, error) {
	p.s.mu.Lock()
	n, a := r.fid.node, r.fid.attr.snapshot()
	p.s.mu.Unlock()
	if n == nil || a == nil {
		return undecided, nil // it has its answer
	}
	sfid, ok, err := p.stand(n)
	if err != nil || !ok {
		return undecided, err
	}
	v, there, err := p.s.readAttr(p.srv, sfid, a.name)
	switch {
	case err != nil:
		return undecided, err
	case a.size == 0 && !there, a.size > 0 && there && uint64(len(v)) == a.size && bytes.Equal(v, a.value):
		p.s.mu.Lock()
		defer p.s.mu.Unlock()
		if a := r.fid.attr; a != nil && !a.torn {
			a.loose = false // what the old connection can do still is the same
		}
		return didIt(&lib9p.Rclunk{}), nil
	}
	if _, ok := a.flagsNow(v, there); !ok {
		return undecided, nil
	}
	return p.again()
}

// reachXattr makes sfid, which is the file's, a fid of its attribute again.
func (s *session) reachXattr(srv *server, sfid uint32, w *wayTo) (uint32, error) {
	s.mu.Lock()
	to := srv.newSfid()
	s.mu.Unlock()
	m, err := srv.call(srv.ctx, &lib9p.Txattrwalk{Fid: sfid, Newfid: to, Name: w.xattr})
	if err != nil {
		return sfid, err
	}
	srv.drop(sfid)
	if m.(*lib9p.Rxattrwalk).Size != w.size {
		return to, errReplaced
	}
	return to, nil
}
