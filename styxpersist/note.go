package styxpersist

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/styxkit/styxkit/lib9p"
	"github.com/styxkit/styxkit/lib9p/hidden"
)

// What the session answers by itself, in the words and numbers of servers.
var (
	errUndecided  = &lib9p.Error{Ename: "operation possibly not completed", Errno: lib9p.EIO}
	errUnknownFid = &lib9p.Error{Ename: "unknown fid", Errno: lib9p.EBADF}
	errDupFid     = &lib9p.Error{Ename: "duplicate fid", Errno: lib9p.EBADF}
	errBadName    = &lib9p.Error{Ename: "bad character in file name", Errno: lib9p.EINVAL}
	errProto      = &lib9p.Error{Ename: "protocol botch", Errno: lib9p.EPROTO}
	errManyFids   = &lib9p.Error{Ename: "too many fids", Errno: lib9p.EMFILE}
	errNotFound   = &lib9p.Error{Ename: "file does not exist", Errno: lib9p.ENOENT}
	errStale      = &lib9p.Error{Ename: "stale file handle", Errno: lib9p.ESTALE}
	errAuthLost   = &lib9p.Error{Ename: "authentication session lost", Errno: lib9p.EIO}
	errAuthFailed = &lib9p.Error{Ename: "authentication failed", Errno: lib9p.EPERM}
	errIO         = &lib9p.Error{Ename: "i/o error", Errno: lib9p.EIO}
	errOpenWalk   = &lib9p.Error{Ename: "cannot clone open fid", Errno: lib9p.EINVAL}
	errAttrTooBig = &lib9p.Error{Ename: "attribute too big", Errno: lib9p.E2BIG}
	errXattrLost  = &lib9p.Error{Ename: "attribute possibly not written", Errno: lib9p.EIO}
	errTooLong    = &lib9p.Error{Ename: "message too long for the server", Errno: lib9p.EMSGSIZE}
	errNoServer   = &lib9p.Error{Ename: "server not responding", Errno: lib9p.EIO}
	errLockLost   = &lib9p.Error{Ename: "lock lost with the connection", Errno: lib9p.EIO}
)

// maxFids bounds a client's fids.
const maxFids = 1 << 20

// note takes a T-message of the client's into the table. It returns the request whose message f,
// now patched, is to be written to the server, or nil where it is answered or has to wait.
// The error ends the session: the client speaks nonsense. The mutex is held.
func (s *session) note(f lib9p.Frame) (*request, error) {
	typ := f.Type()
	if typ%2 == 1 || typ == lib9p.TypeTerror || typ == lib9p.TypeTlerror {
		return nil, fmt.Errorf("client sent %s, which is no request", lib9p.TypeName(typ))
	}
	if f.Size() > s.msize {
		return nil, fmt.Errorf("client sent %d bytes, more than the msize of %d", f.Size(), s.msize)
	}
	if f.Tag() != lib9p.NoTag && s.request(f.Tag()) != nil {
		return nil, fmt.Errorf("client sent %s with tag %d, which is under way", lib9p.TypeName(typ), f.Tag())
	}
	if err := f.Validate(s.d); err != nil || f.Tag() == lib9p.NoTag || typ == lib9p.TypeTversion {
		s.log.Debug("bad request refused", "type", lib9p.TypeName(typ), "tag", f.Tag(), "err", err)
		s.replyTag(f.Tag(), lib9p.ErrorMsg(s.d, errProto))
		return nil, nil
	}
	r := s.newRequest(f)
	if typ == lib9p.TypeTflush {
		if s.noteFlush(r, f) {
			return r, nil
		}
		return nil, nil
	}
	if err := s.resolve(r); err != nil {
		s.refuse(r, err)
		return nil, nil
	}
	if typ == lib9p.TypeTwrite {
		r.countWrite()
	}
	if typ == lib9p.TypeTclunk && s.clunkHere(r) {
		return nil, nil
	}
	if s.tired || s.lacksTree(r) {
		s.tireOf(r)
		return nil, nil
	}
	if s.srv == nil || s.srv.stuck.Load() || !s.passes(r.fid) || !s.passes(r.fid2) || !r.fits(s.srv) || s.hides(r) || s.strays(r) || s.awaitsHiding(r) || len(s.hazards) > 0 && s.held(r) || !s.assign(r, s.srv) {
		s.enqueue(r)
		return nil, nil
	}
	s.patch(f, r)
	return r, nil
}

// passes reports whether a request may go past what waits for f: f is on the present connection, or its
// maker has just been sent there by a client that does not wait for answers.
func (s *session) passes(f *fid) bool {
	if f == nil {
		return true
	}
	if s.srv == nil || !f.idle() {
		return false
	}
	return f.usable(s.srv.gen) || f.state == fidComing && f.gen == s.srv.gen && f.maker.state == sent && !f.maker.kept
}

// resolve finds the fids that r names and enters the one it makes, or says what is wrong with it.
func (s *session) resolve(r *request) *lib9p.Error {
	f := r.frame
	first, second := f.FidOffsets()
	makes := uint32(lib9p.NoFid)
	switch r.typ {
	case lib9p.TypeTauth:
		makes, first = f.U32(lib9p.OffFid), 0
	case lib9p.TypeTattach:
		makes, first = f.U32(lib9p.OffFid), 0
		if f.U32(lib9p.OffFid2) == lib9p.NoFid {
			second = 0
		}
	case lib9p.TypeTwalk:
		second = 0
		if f.U32(lib9p.OffFid) != f.U32(lib9p.OffFid2) {
			makes = f.U32(lib9p.OffFid2)
		}
	case lib9p.TypeTxattrwalk:
		second = 0
		makes = f.U32(lib9p.OffFid2)
	}
	if first != 0 {
		if r.fid = s.fids[f.U32(first)]; r.fid == nil {
			return errUnknownFid
		}
	}
	if second != 0 {
		fid := s.fids[f.U32(second)]
		if fid == nil {
			return errUnknownFid
		}
		if r.fid == nil {
			r.fid = fid
		} else {
			r.fid2 = fid
		}
	}
	if r.typ == lib9p.TypeTcreate && s.d == lib9p.U {
		m := r.msg(s.d).(*lib9p.Tcreate)
		if m.Perm&lib9p.DMLINK != 0 {
			source, err := strconv.ParseUint(strings.TrimSpace(m.Extension), 10, 32)
			if err != nil || s.fids[uint32(source)] == nil {
				return errUnknownFid
			}
			r.fid2, r.hardLink = s.fids[uint32(source)], true
		}
	}
	if r.fid2 != nil {
		r.fid2.use()
	}
	if r.fid != nil {
		r.fid.use()
	}
	for _, fid := range [...]*fid{r.fid, r.fid2} {
		switch {
		case fid == nil:
		case fid.state == fidDead:
			return s.onDeadNow(r, fid)
		case !fid.takes(r.typ):
			return errProto
		case len(fid.lost) > 0 && r.relies():
			return errLockLost
		}
	}
	if err := s.checkFields(r); err != nil {
		return err
	}
	if r.typ == lib9p.TypeTclunk || r.typ == lib9p.TypeTremove {
		r.fid.leaving = true
		s.rank(r.fid)
	}
	if makes == lib9p.NoFid {
		if r.typ == lib9p.TypeTauth || r.typ == lib9p.TypeTattach || r.typ == lib9p.TypeTxattrwalk || r.typ == lib9p.TypeTwalk && f.U32(lib9p.OffFid2) == lib9p.NoFid {
			return errUnknownFid
		}
		return nil
	}
	// Some clients use a number again as soon as they have sent the Tclunk.
	if old := s.fids[makes]; old != nil && !old.leaving {
		return errDupFid
	}
	if len(s.fids) >= maxFids {
		return errManyFids
	}
	r.makes = s.newFid(makes, r)
	return nil
}

// onDeadNow returns what a request on a dead fid answers; a Tremove lets go of the fid all the same.
func (s *session) onDeadNow(r *request, f *fid) *lib9p.Error {
	err := f.err
	switch r.typ {
	case lib9p.TypeTclunk:
		return nil // clunkHere answers it
	case lib9p.TypeTremove:
		s.forget(f)
	}
	return err
}

// checkFields looks at what the session itself depends on, and clamps counts to what a reply can carry.
func (s *session) checkFields(r *request) *lib9p.Error {
	f := r.frame
	switch r.typ {
	case lib9p.TypeTwalk:
		if r.fid.open {
			return errOpenWalk
		}
		n, at := int(f.U16(lib9p.OffFid2+4)), lib9p.OffFid2+6
		for range n {
			name := f.Bytes(at)
			if !goodName(name) && string(name) != ".." {
				return errBadName
			}
			if s.namer != nil && hidden.Is(name) {
				return errNotFound
			}
			at += 2 + len(name)
		}
	case lib9p.TypeTcreate, lib9p.TypeTlcreate, lib9p.TypeTsymlink, lib9p.TypeTmknod, lib9p.TypeTmkdir, lib9p.TypeTunlinkat:
		name := f.Bytes(lib9p.OffFid + 4)
		if !s.mayName(name) {
			return errBadName
		}
		if n := r.fid.node; n != nil {
			r.free = n.absent[string(name)]
		}
	case lib9p.TypeTxattrcreate:
		if s.attrTooBig(r) {
			return errAttrTooBig
		}
	case lib9p.TypeTrename, lib9p.TypeTlink:
		if !s.mayName(f.Bytes(lib9p.OffFid + 8)) {
			return errBadName
		}
	case lib9p.TypeTrenameat:
		old := f.Bytes(lib9p.OffFid + 4)
		if !s.mayName(old) || !s.mayName(f.Bytes(lib9p.OffFid+4+2+len(old)+4)) {
			return errBadName
		}
	case lib9p.TypeTwstat:
		if s.namer != nil && hidden.Is(r.msg(s.d).(*lib9p.Twstat).Stat.Name) {
			return errBadName
		}
	}
	if s.isRemoved(r) {
		return errNotFound
	}
	return nil
}

// goodName reports whether name can be an element of a path.
func goodName(name []byte) bool {
	for _, ch := range name {
		if ch == '/' || ch == 0 {
			return false
		}
	}
	return len(name) > 0 && string(name) != "." && string(name) != ".."
}

// clunkHere answers a Tclunk that the server need not see: the fid is dead or went with its connection.
func (s *session) clunkHere(r *request) bool {
	f := r.fid
	switch {
	case f.state == fidDead:
	case f.state != fidLive || !f.idle() || f.role == roleXattrW || f.rclose:
		return false
	case s.srv != nil && f.gen == s.srv.gen:
		return false
	}
	s.paySoon(s.srv, f.node)
	s.clunkDead(r, f)
	return true
}

// assign gives r, about to be sent on srv, its stag and what it makes an sfid.
// It returns false where srv has no tag left.
func (s *session) assign(r *request, srv *server) bool {
	if !srv.newTag(r) {
		return false
	}
	if r.kept || r.seq != s.seq { // it has waited, or is sent once more
		s.seq++
	}
	r.asked = s.seq
	srv.turns++
	r.state, r.srv, r.turn = sent, srv, srv.turns
	if r.makes != nil {
		r.makes.sfid, r.makes.gen = srv.newSfid(), srv.gen
	}
	return true
}

// patch writes the server's numbers into f, a copy of r's frame, and
// takes out what the session does itself.
func (s *session) patch(f lib9p.Frame, r *request) {
	f.SetTag(r.stag)
	first, second := f.FidOffsets()
	switch {
	case r.typ == lib9p.TypeTattach || r.typ == lib9p.TypeTauth:
		f.PutU32(first, r.makes.sfid)
		if r.fid != nil {
			f.PutU32(second, r.fid.sfid)
		}
		return
	case r.makes != nil:
		f.PutU32(second, r.makes.sfid)
	case r.typ == lib9p.TypeTwalk:
		f.PutU32(second, r.fid.sfid)
	case r.fid2 != nil && !r.hardLink:
		f.PutU32(second, r.fid2.sfid)
	}
	f.PutU32(first, r.fid.sfid)
	if r.stand != nil {
		f.PutU32(first, r.stand.sfid)
	}
	switch r.typ {
	case lib9p.TypeTopen:
		f[lib9p.OffFid+4] &^= orclose
	case lib9p.TypeTcreate:
		at := lib9p.OffFid + 4 + 2 + len(f.Bytes(lib9p.OffFid+4)) + 4
		f[at] &^= orclose
	case lib9p.TypeTclunk:
		if r.fid.rclose {
			f[4] = lib9p.TypeTremove
		}
	case lib9p.TypeTread, lib9p.TypeTreaddir:
		f.PutU32(lib9p.OffCount, min(f.U32(lib9p.OffCount), r.srv.room()))
	}
}
