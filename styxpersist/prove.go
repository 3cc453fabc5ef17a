package styxpersist

import (
	"errors"
	"slices"

	"github.com/styxkit/styxkit/lib9p"
	"github.com/styxkit/styxkit/styxpersist/internal/mutate"
)

// A verdict is what a probe found out about a request that was
// sent on a connection that died: a reply where it was done, else whether to send it again.
type verdict struct {
	reply lib9p.Msg
	again bool
	late  bool         // it has not been done, but an old connection may do it still
	no    *lib9p.Error // what the server answers to what would have come of it
	first bool         // it is about what had to be done before the request, see silly.go
	why   string       // undecided: the reason, if there is more to say than that what is there shows nothing
}

var (
	undecided verdict // the client has to look for itself
	crowded   = verdict{why: "another request about the same name was under way"}
	unfenced  = verdict{late: true, why: "it has not been done, but the old connection may do it still"}
)

// reason says why nobody can know.
func (v verdict) reason() string {
	if v.why == "" {
		return "what is there could have come about without it"
	}
	return v.why
}

func didIt(reply lib9p.Msg) verdict { return verdict{reply: reply} }

// proveSoon has it found out what became of r. Those that write to the end of one file are decided together,
// with the first; files are those of which one has been met. The mutex is held.
func (s *session) proveSoon(srv *server, r *request, files map[*content]bool) {
	switch c := r.writes; {
	case !s.writesToEnd(r):
		s.proveInTurn(srv, r, func() { s.prove(srv, r) })
	case !files[c]:
		files[c] = true
		s.proveInTurn(srv, r, func() { s.proveAppends(srv, c) })
	}
}

// prove finds out what became of r and gives the client the answer that is true.
func (s *session) prove(srv *server, r *request) {
	if !s.hold(r) {
		return
	}
	defer s.unhold(r)
	var v verdict
	failed, ok := s.probing(srv, []*request{r}, func() (err error) {
		v, err = s.verdict(srv, r)
		return err
	})
	if !ok {
		return
	}
	if failed != nil {
		v = probeFailed(failed)
	}
	s.mu.Lock()
	defer s.tell(nil)
	defer s.mu.Unlock()
	if s.srv == srv {
		s.decide(r, v)
	}
}

// probing tries probe, which is for rs, a few times while it fails, and once more when the old connections are drained. It
// returns how it failed in the end, and false where srv has died, so that rs are the next connection's. It has a place in the
// window, see inTurn.
func (s *session) probing(srv *server, rs []*request, probe func() error) (failed error, ok bool) {
	return srv.try(rs[0].seq, func() error {
		err := probe()
		for err == errDraining {
			drained := false
			if !s.outside(srv, func() { drained = s.awaitDrain(srv, rs) }) || !drained {
				return errGone
			}
			err = probe()
		}
		if err != nil {
			s.log.Debug("probe failed", "type", lib9p.TypeName(rs[0].typ), "err", err)
		}
		return err
	})
}

func probeFailed(err error) verdict { return verdict{why: "looking for it failed: " + err.Error()} }

// decide gives r the answer that v asks for, unless it has one.
func (s *session) decide(r *request, v verdict) {
	if r.state != proving {
		return
	}
	if !v.first && s.isCrowded(r) {
		v = crowded
	}
	if mutate.Has(mutate.ReplyTwice) && v.reply == nil && !v.again {
		s.replyTag(r.ctag, lib9p.ErrorMsg(s.d, errUndecided))
		v.again = true
	}
	switch {
	case v.again, v.late && r.makesName():
		if v.first {
			s.goOn(r)
			return
		}
		s.counters.Again.Add(1)
		r.late = v.late
		if s.notDone(r) {
			return
		}
		r.doubt = v.late
		s.advance(r.fid)
		if r.fid2 != nil {
			s.advance(r.fid2)
		}
	case v.no != nil:
		s.refuse(r, v.no)
	case v.reply != nil:
		s.counters.Proved.Add(1)
		s.conclude(r, v.reply)
	default:
		s.doubtful(r, v.reason())
	}
}

// hold keeps the places of r's fids while they are looked at, even if r has its answer meanwhile.
// It returns false where it has one already.
func (s *session) hold(r *request) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if r.state != proving {
		return false
	}
	r.fid.use()
	s.second(r).use()
	return true
}

func (s *session) unhold(rs ...*request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range rs {
		r.fid.unuse()
		s.second(r).unuse()
	}
}

// conclude gives r the answer that the server would have sent.
func (s *session) conclude(r *request, reply lib9p.Msg) {
	f, err := lib9p.Pack(s.d, r.ctag, reply)
	if err == nil {
		err = s.settleAs(r, f)
	}
	if err != nil {
		s.log.Error("cannot conclude", "type", lib9p.TypeName(r.typ), "err", err)
		s.doubtful(r, "its answer cannot be made")
	}
}

// leaveQueues takes r out of the queues of its fids.
func (s *session) leaveQueues(r *request) {
	for _, f := range [...]*fid{r.fid, r.fid2} {
		if f != nil {
			f.waiting = slices.DeleteFunc(f.waiting, func(w *request) bool { return w == r })
		}
	}
}

// verdict probes for r. An error means that the probe itself failed.
func (s *session) verdict(srv *server, r *request) (verdict, error) {
	p := prober{s: s, srv: srv}
	defer p.done()
	if mutate.Has(mutate.NoProbe) {
		return undecided, nil
	}
	s.mu.Lock()
	p.fenced, p.drained = r.fenced(), r.drained()
	m := r.msg(s.d)
	hiding := r.hide != nil && s.hides(r)
	s.mu.Unlock()
	if hiding {
		return p.hiding(r)
	}
	switch m := m.(type) {
	case *lib9p.Tcreate:
		return p.made(r, m)
	case *lib9p.Tlcreate:
		if r.refused != nil {
			return p.recreated(r, m)
		}
		if m.Flags&lib9p.LEXCL == 0 {
			return p.again()
		}
		return p.plain(r, m.Name, false, func(q lib9p.Qid) lib9p.Msg { return &lib9p.Rlcreate{Qid: q} })
	case *lib9p.Tmkdir:
		return p.plain(r, m.Name, true, func(q lib9p.Qid) lib9p.Msg { return &lib9p.Rmkdir{Qid: q} })
	case *lib9p.Tsymlink:
		return p.symlink(r, m)
	case *lib9p.Tmknod:
		return p.mknod(r, m)
	case *lib9p.Tlink:
		return p.link(r, m)
	case *lib9p.Trename:
		return p.renamed(r.fid, m.Name, s.second(r), &lib9p.Rrename{})
	case *lib9p.Twstat:
		return p.renamed(r.fid, m.Stat.Name, nil, &lib9p.Rwstat{})
	case *lib9p.Trenameat:
		return p.renamedAt(r, m)
	case *lib9p.Tunlinkat:
		return p.unlinked(r, m)
	case *lib9p.Tremove:
		return p.removed(r, &lib9p.Rremove{})
	case *lib9p.Tclunk:
		if r.fid.role == roleXattrW {
			return p.committed(r)
		}
		return p.removed(r, &lib9p.Rremove{})
	case *lib9p.Twrite:
		return p.written(r)
	}
	return undecided, nil
}

// again is the verdict for what has certainly not been done: it may be done now only if the old connections
// cannot do it still. The error says that it is too early to know.
func (p *prober) again() (verdict, error) {
	switch {
	case p.fenced:
		return verdict{again: true}, nil
	case p.drained:
		return unfenced, nil
	}
	return undecided, errDraining
}

// errDraining says that an old connection is being drained, so that absence proves nothing yet.
var errDraining = errors.New("the old connection may do it still")

// makesName reports whether a second execution of r fails where the first was done: then it
// may be sent again though an old connection may execute it still.
func (r *request) makesName() bool {
	switch r.typ {
	case lib9p.TypeTcreate, lib9p.TypeTsymlink, lib9p.TypeTmknod, lib9p.TypeTlink, lib9p.TypeTmkdir:
		return true
	case lib9p.TypeTlcreate:
		return r.frame.U32(r.offFlags())&lib9p.LEXCL != 0
	}
	return false
}

// renamed judges a rename of the file that f is to name, in dir or where it is.
func (p *prober) renamed(f *fid, name string, dir *fid, reply lib9p.Msg) (verdict, error) {
	p.s.mu.Lock()
	n := f.node
	from, old, inPlace := n.parent, n.name, n.inPlace() && !n.guessed
	to := from
	if dir != nil {
		to = dir.node
	}
	p.s.mu.Unlock()
	if from == nil || !inPlace {
		return undecided, nil
	}
	return p.moved(n, from, old, to, name, reply)
}

func (p *prober) renamedAt(r *request, m *lib9p.Trenameat) (verdict, error) {
	p.s.mu.Lock()
	from, to := r.fid.node, p.s.second(r).node
	n := r.moved
	if n == nil {
		n = from.children[m.Oldname]
	}
	if r.moved == nil && r.state == proving {
		r.moved = n.hold()
	}
	p.s.mu.Unlock()
	if n == nil {
		return p.movedUnseen(r, place{from, m.Oldname}, place{to, m.Newname})
	}
	return p.moved(n, from, m.Oldname, to, m.Newname, &lib9p.Rrenameat{})
}

// moved judges from where the file n is found. Somebody else may have moved it to the new name. The client cannot tell the
// difference either: the file is where it wanted it, and not by a name that would be changed again.
func (p *prober) moved(n, from *node, old string, to *node, name string, reply lib9p.Msg) (verdict, error) {
	a, err := p.lookup(from, old)
	if err != nil {
		return undecided, err
	}
	b, err := p.lookup(to, name)
	if err != nil {
		return undecided, err
	}
	atOld, err := p.is(a, n)
	if err != nil {
		return undecided, err
	}
	atNew, err := p.is(b, n)
	switch {
	case err != nil:
		return undecided, err
	case atOld && atNew: // one file by two names, or one name: a rename changes nothing now, and may later
		if a, err = p.lookup(from, old); err != nil {
			return undecided, err
		}
		switch still, err := p.is(a, n); {
		case err != nil:
			return undecided, err
		case still:
			return p.again()
		}
		return didIt(reply), nil // it was done between the two looks
	case atOld:
		return p.again()
	case atNew:
		return didIt(reply), nil
	}
	return undecided, nil
}

func (p *prober) unlinked(r *request, m *lib9p.Tunlinkat) (verdict, error) {
	dir := p.node(r.fid)
	found, err := p.lookup(dir, m.Name)
	if err != nil {
		return undecided, err
	}
	if !found.ok { // by this request or by somebody else: what the client wanted has come about, and no file was lost for it
		return didIt(&lib9p.Runlinkat{}), nil
	}
	p.s.mu.Lock()
	n := dir.children[m.Name]
	p.s.mu.Unlock()
	if n == nil {
		return p.stillThere(place{dir, m.Name})
	}
	same, err := p.is(found, n)
	if same {
		return p.again()
	}
	return undecided, err
}

func (p *prober) removed(r *request, reply lib9p.Msg) (verdict, error) {
	p.s.mu.Lock()
	n := r.fid.node
	dir, name, inPlace := n.parent, n.name, n.inPlace() && !n.guessed
	p.s.mu.Unlock()
	if !inPlace || dir == nil { // the path need not lead there any more, which does not say that the file is removed
		return undecided, nil
	}
	found, err := p.lookup(dir, name)
	switch {
	case err != nil:
		return undecided, err
	case !found.ok: // as in unlinked
		return didIt(reply), nil
	}
	same, err := p.is(found, n)
	if same && !r.vague {
		return p.again()
	}
	return undecided, err
}

// written judges a write at an offset: to a regular file it can be made again.
func (p *prober) written(r *request) (verdict, error) {
	p.s.mu.Lock()
	n, toEnd := r.fid.node, p.s.appends(r.fid)
	p.s.mu.Unlock()
	if toEnd { // only with the others to the file could it be proved, and it is not known as one of them
		return undecided, nil
	}
	sfid, ok, err := p.stand(n)
	if err != nil || !ok {
		return undecided, err
	}
	k, _, err := p.file(sfid)
	if err != nil || k == kindUnknown {
		return undecided, err
	}
	p.s.mu.Lock()
	n.kind = k
	p.s.mu.Unlock()
	return verdict{again: k == kindRegular}, nil
}
