package styxpersist

import (
	"errors"
	"fmt"

	"9fans.net/go/plan9"

	"github.com/styxkit/styxkit/lib9p"
	"github.com/styxkit/styxkit/styxpersist/internal/mutate"
)

const orclose = plan9.ORCLOSE

// learn takes what f, the server's answer to r, teaches into the table, and makes f the client's:
// patched, or replaced by another message where the session asked for something else. It returns what is to
// be written, nothing where r has no answer yet. The error says that the server speaks nonsense; then r has not been answered.
func (s *session) learn(r *request, f lib9p.Frame) (lib9p.Frame, error) {
	refused, err := s.check(r, f)
	if err != nil {
		return nil, err
	}
	f.SetTag(r.ctag)
	if r.ahead != nil && s.tooEarly(f) {
		s.sendAfter(r)
		return nil, nil
	}
	if refused {
		if s.lookAgain(r, f) {
			return nil, nil
		}
		if r.late && s.errnoOf(f) == lib9p.EEXIST {
			if !s.lookWhose(r) {
				s.doubtful(r, "the old connection may have made it meanwhile")
			}
			return nil, nil
		}
		return s.learnRefusal(r, f), nil
	}
	if r.typ == lib9p.TypeTlock && s.lockLater(r, f[lib9p.OffBody]) {
		return nil, nil
	}
	s.crowd(r)
	switch r.typ {
	case lib9p.TypeTread, lib9p.TypeTreaddir:
		if r.fid.dir {
			if f = s.show(r, f); f == nil {
				return nil, nil // it is read on, for what the client may see
			}
		}
	case lib9p.TypeTwrite:
		count := f.U32(lib9p.OffBody)
		s.learnWrite(r, uint64(count))
		if r.piece > 0 {
			return s.learnPiece(r, f, count), nil
		}
	case lib9p.TypeTclunk:
		if f.Type() == lib9p.TypeRremove { // ORCLOSE
			f[4] = lib9p.TypeRclunk
			s.unlinked(r, r.fid.node)
		}
		if r.fid.attr != nil {
			f = s.learnAttrClunk(r, f)
		}
		s.forget(r.fid)
	case lib9p.TypeTgetattr:
		s.learnAttr(r, f)
	default:
		s.replaced(r)
		s.learnRare(r, f)
	}
	s.finish(r)
	return f, nil
}

// check reports whether f is a refusal of r, or what makes it no possible answer to r.
func (s *session) check(r *request, f lib9p.Frame) (refused bool, err error) {
	for _, fid := range [...]*fid{r.fid, r.fid2} {
		if fid != nil && fid.role == roleFile && fid.node == nil && f.Type() != s.errorType() {
			return false, errEarly
		}
	}
	want := r.typ + 1
	if r.typ == lib9p.TypeTclunk && r.fid.rclose {
		want = lib9p.TypeRremove
	}
	switch typ := f.Type(); {
	case typ == want:
	case typ == s.errorType() && r.typ != lib9p.TypeTflush:
		refused = true
	default:
		return false, fmt.Errorf("server answered %s with %s", lib9p.TypeName(r.typ), lib9p.TypeName(typ))
	}
	if err := f.Validate(s.d); err != nil {
		return false, fmt.Errorf("server sent a malformed message: %w", err)
	}
	if refused {
		return true, nil
	}
	switch r.typ {
	case lib9p.TypeTread, lib9p.TypeTreaddir:
		asked := min(r.frame.U32(lib9p.OffCount), s.msize-ioHeader)
		if r.srv != nil {
			asked = min(asked, r.srv.room())
		}
		if got := f.U32(lib9p.OffBody); got > asked {
			return false, fmt.Errorf("server sent %d bytes where %d were asked for", got, asked)
		}
	case lib9p.TypeTwrite:
		if got, gave := f.U32(lib9p.OffBody), uint32(len(r.data())); got > gave {
			return false, fmt.Errorf("server wrote %d bytes of %d", got, gave)
		}
	case lib9p.TypeTwalk:
		if got, asked := f.U16(lib9p.OffBody), r.frame.U16(lib9p.OffFid2+4); got > asked || got == 0 && asked > 0 {
			return false, fmt.Errorf("server walked %d names of %d", got, asked)
		}
	}
	return false, nil
}

// errEarly says that the server has served a request on a fid before saying that it
// has made the fid. What the fid stands for is not known then; the next connection will tell.
var errEarly = errors.New("server used a fid before it said that it had made it")

func (s *session) errorType() uint8 {
	if s.d == lib9p.L {
		return lib9p.TypeRlerror
	}
	return lib9p.TypeRerror
}

// learnRare is learn for the messages that are not the bulk of a conversation.
func (s *session) learnRare(r *request, f lib9p.Frame) {
	switch r.typ {
	case lib9p.TypeTattach:
		s.learnAttach(r, f.Qid(lib9p.OffBody))
	case lib9p.TypeTauth:
		s.made(r, roleAuth, nil)
	case lib9p.TypeTwalk:
		s.learnWalk(r, f)
	case lib9p.TypeTxattrwalk:
		r.makes.xattr = string(r.frame.Bytes(lib9p.OffFid2 + 4))
		r.makes.xattrSize = f.U64(lib9p.OffBody)
		s.made(r, roleXattrR, r.fid.node)
	case lib9p.TypeTxattrcreate:
		s.learnAttrCreate(r)
	case lib9p.TypeTopen:
		s.learnOpen(r.fid, uint32(r.frame[lib9p.OffFid+4]), f)
		s.askLength(r.fid)
	case lib9p.TypeTlopen:
		s.learnOpen(r.fid, r.frame.U32(lib9p.OffFid+4), f)
		s.askLength(r.fid)
	case lib9p.TypeTcreate:
		m := r.msg(s.d).(*lib9p.Tcreate)
		s.learnCreate(r, m.Name, uint32(m.Mode), f)
		if s.d == lib9p.U && m.Perm&special != 0 {
			r.fid.setOpen(false) // it stands there, and has not been opened
			s.rank(r.fid)
			r.fid.node.kind = kindUnknown
		}
	case lib9p.TypeTlcreate:
		m := r.msg(s.d).(*lib9p.Tlcreate)
		s.learnCreate(r, m.Name, m.Flags, f)
		s.askLength(r.fid)
	case lib9p.TypeTremove:
		s.unlinked(r, r.fid.node)
		s.forget(r.fid)
	case lib9p.TypeTflush:
		if old := s.request(r.frame.U16(lib9p.OffBody)); old != nil && old.seq == r.oldSeq && !mutate.Has(mutate.FlushSelf) {
			s.cancelled(old)
		}
	case lib9p.TypeTstat:
		s.learnStat(r, f)
	case lib9p.TypeTwstat:
		m := r.msg(s.d).(*lib9p.Twstat)
		s.lengthUnknown(r.fid.node)
		if m.Stat.Mode != lib9p.NullStat().Mode {
			s.learnMode(r.fid.node, uint32(m.Stat.Mode))
		}
		if n := r.fid.node; m.Stat.Name != "" && n.parent != nil {
			s.move(r, n, n.parent, m.Stat.Name)
		}
	case lib9p.TypeTsetattr:
		s.lengthUnknown(r.fid.node)
		if m := r.msg(s.d).(*lib9p.Tsetattr); m.Valid&lib9p.SetMode != 0 {
			s.learnMode(r.fid.node, m.Mode&^lib9p.ModeFmt)
		}
	case lib9p.TypeTmkdir, lib9p.TypeTsymlink, lib9p.TypeTmknod:
		s.named(r.fid.node, string(r.frame.Bytes(lib9p.OffFid+4)))
	case lib9p.TypeTlink:
		s.named(r.fid.node, string(r.frame.Bytes(lib9p.OffFid+8)))
	case lib9p.TypeTrename:
		m := r.msg(s.d).(*lib9p.Trename)
		s.move(r, r.fid.node, s.second(r).node, m.Name)
	case lib9p.TypeTrenameat:
		m := r.msg(s.d).(*lib9p.Trenameat)
		s.learnRenameat(r, r.fid.node, m.Oldname, s.second(r).node, m.Newname)
	case lib9p.TypeTunlinkat:
		m := r.msg(s.d).(*lib9p.Tunlinkat)
		s.unlinkedAt(r, r.fid.node, m.Name)
	case lib9p.TypeTlock:
		s.learnLock(r, f[lib9p.OffBody])
	}
}

// second returns r's second fid, which is the first again where the message names one fid twice.
func (s *session) second(r *request) *fid {
	if r.fid2 != nil {
		return r.fid2
	}
	return r.fid
}

// made finishes the fid that r makes.
func (s *session) made(r *request, as role, n *node) {
	f := r.makes
	f.state, f.role, f.maker = fidLive, as, nil
	f.setNode(n)
	s.rank(f)
	if f.users > 0 { // requests that did not wait for the fid
		for _, r := range s.reqs {
			if r != nil && r.typ == lib9p.TypeTwrite && r.fid == f {
				r.countWrite()
			}
		}
	}
	s.advance(f)
}

func (s *session) learnAttach(r *request, qid lib9p.Qid) {
	m := r.msg(s.d).(*lib9p.Tattach)
	root := s.root(m.Uname, m.Aname, m.Nuname)
	if root.top != nil && !sameFile(root.top.qid, qid) {
		root = s.supersede(root)
	}
	if r.srv != nil && r.srv.roots[root] != nil && r.srv.roots[root].err != nil {
		delete(r.srv.roots, root) // what was refused to the session may not be now
	}
	root.authed = m.Afid != lib9p.NoFid && (root.authed || root.top == nil)
	if root.top == nil {
		root.top = newTop(root, qid).hold() // the root's own reference
	}
	s.made(r, roleFile, root.top)
	r.makes.dir = isDir(qid)
}

func (s *session) learnWalk(r *request, f lib9p.Frame) {
	names, walked := int(r.frame.U16(lib9p.OffFid2+4)), int(f.U16(lib9p.OffBody))
	if walked < names {
		s.learnMiss(r, f, walked)
		if r.makes != nil {
			if r.srv != nil { // some servers have made newfid all the same
				r.srv.discard(r.makes.sfid)
			}
			s.forget(r.makes)
		}
		return
	}
	n, dir := r.fid.node.hold(), r.fid.dir
	at := lib9p.OffFid2 + 6
	for i := range names {
		name := r.frame.Bytes(at)
		at += 2 + len(name)
		qid := f.Qid(lib9p.OffBody + 2 + i*lib9p.QidSize)
		next := n.walk(string(name), qid, r.asked).hold()
		if next.seen == 0 {
			next.seen = s.seq
		}
		n.drop()
		n, dir = next, isDir(qid)
	}
	if r.makes == nil {
		r.fid.setNode(n)
		r.fid.dir = dir
	} else {
		r.makes.dir = dir
		s.made(r, r.fid.role, n)
	}
	n.drop()
}

// learnMiss takes in that a walk went no further than walked names.
func (s *session) learnMiss(r *request, f lib9p.Frame, walked int) {
	n := r.fid.node.hold()
	at := lib9p.OffFid2 + 6
	for i := range walked {
		name := r.frame.Bytes(at)
		at += 2 + len(name)
		next := n.walk(string(name), f.Qid(lib9p.OffBody+2+i*lib9p.QidSize), r.asked).hold()
		if next.seen == 0 {
			next.seen = s.seq
		}
		n.drop()
		n = next
	}
	n.missed(string(r.frame.Bytes(at)), r.asked, s.namesMove())
	n.drop()
}

// learnOpen takes in that f was opened or made with flags, and that the server answered so.
func (s *session) learnOpen(f *fid, flags uint32, answer lib9p.Frame) {
	qid := answer.Qid(lib9p.OffBody)
	f.setOpen(true)
	f.iounit, f.unit = answer.U32(lib9p.OffBody+lib9p.QidSize), 0
	f.dir = isDir(qid)
	if !sameFile(f.node.qid, qid) { // a device that made another file for this open: no path leads to it
		n := f.node
		f.setNode(&node{root: n.root, parent: n.parent.hold(), name: n.name, gone: true})
	}
	f.node.qid = qid
	f.eased = s.srv != nil && s.srv.eased[f.node.file()]
	s.rank(f)
	s.setFlags(f, flags)
	switch {
	case !s.truncates(flags):
	case qid.Type&plan9.QTAPPEND != 0: // what can only be appended to is not always truncated
		s.lengthUnknown(f.node)
	default:
		s.emptied(f.node)
	}
}

// truncates reports whether opening with flags empties the file.
func (s *session) truncates(flags uint32) bool {
	if s.d == lib9p.L {
		return flags&lib9p.LTRUNC != 0
	}
	return flags&plan9.OTRUNC != 0
}

// setFlags remembers how f was opened, without what would change the file when it is opened again.
func (s *session) setFlags(f *fid, flags uint32) {
	if mutate.Has(mutate.Truncate) {
		f.flags = flags &^ (lib9p.LCREATE | lib9p.LEXCL)
		return
	}
	if s.d == lib9p.L {
		f.flags = flags &^ (lib9p.LCREATE | lib9p.LEXCL | lib9p.LTRUNC | lib9p.LNOCTTY)
		return
	}
	f.rclose = flags&plan9.ORCLOSE != 0 && !f.node.hidden
	f.flags = flags & (3 | plan9.OCEXEC)
	if s.d == lib9p.U {
		f.flags |= flags & lib9p.OAPPENDU
	}
}

func (s *session) learnCreate(r *request, name string, flags uint32, answer lib9p.Frame) {
	f := r.fid
	qid := answer.Qid(lib9p.OffBody)
	isNew := s.d != lib9p.L || flags&lib9p.LEXCL != 0 || f.node.absent[name] > 0
	delete(f.node.absent, name)
	old, crossed := f.node.children[name], r.seq <= f.node.renamed
	f.node.renamed = s.seq
	n, other := f.node.root.follow(f.node, name, qid, r.seq, 0) // a file that was there may have been renamed meanwhile
	if n == nil || r.hardLink && n.seen <= r.seq {              // a link is another name than the one that its file had
		if n = f.node.child(name, qid, s.seq+1); other.dir != nil {
			n.orAt(other)
		}
	}
	if old != nil && old.gone {
		old.displaced(crossed)
	}
	if mutate.Has(mutate.CreateDir) {
		n = f.node
	}
	if n.seen == 0 {
		n.seen = s.seq
	}
	f.setNode(n)
	f.created = true
	if qid.Type&(plan9.QTDIR|plan9.QTAPPEND|plan9.QTEXCL|plan9.QTSYMLINK) == 0 {
		n.kind = kindRegular
	}
	s.learnOpen(f, flags, answer)
	if isNew {
		s.emptied(n)
	}
}
