//go:build sim || mutate

package sim

import (
	"bytes"
	"reflect"
	"slices"

	"github.com/styxkit/styxkit/lib9p"
)

// isUndecided reports whether e is what styxpersist says when it does not know.
func (w *world) isUndecided(e *lib9p.Error) bool {
	if w.d == lib9p.L {
		return e.Errno == lib9p.EIO
	}
	return e.Ename == "operation possibly not completed"
}

// judge holds what a client is told against what has happened.
func (w *world) judge(o *op, m lib9p.Msg) {
	name := lib9p.TypeName(o.typ)
	e := lib9p.ErrorOf(m)
	o.s.numbers(o, m)
	switch {
	case e == nil:
		o.outcome = succeeded
		x := o.saying(m)
		if x == nil {
			x = w.opened(o, m)
		}
		if x == nil {
			x = o.pieced(m)
		}
		if x == nil {
			x = o.shortened(m)
		}
		if x == nil && w.sole {
			x = o.claimed(m)
		}
		if x == nil && !w.local(o) {
			w.fail("operation %d, %s, was answered with a success that the server has not given: %s", o.id, name, lib9p.Format(w.d, o.tag, m))
			return
		}
		w.apply(o, m, x)
		return
	case o.typ == lib9p.TypeTclunk && !o.fid.xmake && !o.fid.loose:
		w.fail("operation %d, Tclunk, was refused with %v", o.id, e)
	case o.saying(m) != nil:
		o.outcome = refused
		if o.late && o.effects() > 0 && !w.meddled(o, o.execs[0].at) {
			w.fail("operation %d, %s, was refused though it has been done", o.id, name)
		}
	case o.tired(e):
		w.judgeTired(o, e)
	case o.typ == lib9p.TypeTlcreate && w.exclusive && o.inDoubt() && !w.isUndecided(e):
		o.outcome = refused // of the open that it became
	case w.isUndecided(e) && !o.excused():
		o.outcome = undecided
		w.judgeDoubt(o)
	case o.vanished(e), w.unproved(o, e):
		o.outcome = refused
	case o.excused():
		o.outcome = refused
		if w.isUndecided(e) {
			o.outcome = undecided
		} else if o.late && o.effects() > 0 && o.typ != lib9p.TypeTwrite && !w.meddled(o, o.execs[0].at) {
			w.fail("operation %d, %s, was refused with %v though it has been done", o.id, name, e)
		}
		if o.fid != nil {
			o.fid.dead = true
		}
	default:
		w.fail("operation %d, %s, was refused with %v, for which there is no cause%s%s", o.id, name, e, o.fid.whereabouts(), o.fid2.whereabouts())
	}
	if o.makes != nil {
		delete(o.s.fids, o.makes.num)
	}
	if o.typ == lib9p.TypeTclunk || o.typ == lib9p.TypeTremove {
		delete(o.s.fids, o.fid.num)
	}
	if t, ok := o.msg.(*lib9p.Twalk); ok && len(t.Wname) == 1 && e.Number() == lib9p.ENOENT && len(o.execs) > 0 && !w.stirred(o) {
		if o.fid.missed == nil {
			o.fid.missed = make(map[string]int)
		}
		o.fid.missed[t.Wname[0]] = o.execs[len(o.execs)-1].at
	}
}

// saying returns the execution that gave the reply m, the last if there are several.
func (o *op) saying(m lib9p.Msg) *exec {
	want, err := lib9p.Pack(o.s.w.replyDialect(o), 0, o.ageless(m))
	if err != nil {
		return nil
	}
	for i := len(o.execs) - 1; i >= 0; i-- {
		r := o.execs[i].reply
		if reflect.TypeOf(r) != reflect.TypeOf(m) {
			if o.typ == lib9p.TypeTclunk && lib9p.ErrorOf(m) == nil {
				return &o.execs[i]
			}
			continue
		}
		got, err := lib9p.Pack(o.s.w.replyDialect(o), 0, o.ageless(r))
		if err == nil && bytes.Equal(got, want) {
			return &o.execs[i]
		}
	}
	return nil
}

func (w *world) replyDialect(o *op) lib9p.Dialect {
	if o.typ == lib9p.TypeTversion {
		return lib9p.P2000
	}
	return w.d
}

// ageless returns m, an answer to o, without the version of what o has made: where that was found, as o was in doubt, it may have
// been written since.
func (o *op) ageless(m lib9p.Msg) lib9p.Msg {
	if !o.inDoubt() {
		return m
	}
	ageless := func(q lib9p.Qid) lib9p.Qid {
		q.Vers = 0
		return q
	}
	switch r := m.(type) {
	case *lib9p.Rcreate:
		return &lib9p.Rcreate{Qid: ageless(r.Qid), Iounit: r.Iounit}
	case *lib9p.Rlcreate:
		return &lib9p.Rlcreate{Qid: ageless(r.Qid), Iounit: r.Iounit}
	case *lib9p.Rmknod:
		return &lib9p.Rmknod{Qid: ageless(r.Qid)}
	case *lib9p.Rsymlink:
		return &lib9p.Rsymlink{Qid: ageless(r.Qid)}
	}
	return m
}

// shortened returns the execution of o, a write to the end that was in doubt, of which m says a part: what was written has been cut
// off there by another client since, which looks the same.
func (o *op) shortened(m lib9p.Msg) *exec {
	reply, ok := m.(*lib9p.Rwrite)
	if !ok || !o.inDoubt() || !o.fid.appends(o.s.w.d) {
		return nil
	}
	for i := range o.execs {
		x := &o.execs[i]
		whole, ok := x.reply.(*lib9p.Rwrite)
		if ok && x.eff && reply.Count < whole.Count && slices.ContainsFunc(o.fid.node.writes, func(p *op) bool {
			return p.s != o.s && p.typ != lib9p.TypeTwrite && slices.ContainsFunc(p.execs, func(y exec) bool { return y.at > x.at })
		}) {
			return x
		}
	}
	return nil
}

// claimed returns the execution of which m, the answer to what creates a file, says all but the iounit: what is found has none.
func (o *op) claimed(m lib9p.Msg) *exec {
	m = o.ageless(m)
	for i := range o.execs {
		var same bool
		switch r := o.ageless(o.execs[i].reply).(type) {
		case *lib9p.Rcreate:
			m, ok := m.(*lib9p.Rcreate)
			same = ok && *m == lib9p.Rcreate{Qid: r.Qid}
		case *lib9p.Rlcreate:
			m, ok := m.(*lib9p.Rlcreate)
			same = ok && *m == lib9p.Rlcreate{Qid: r.Qid}
		}
		if same && o.inDoubt() {
			return &o.execs[i]
		}
	}
	return nil
}

// local reports whether styxpersist may answer o with success by itself.
func (w *world) local(o *op) bool {
	if o.hidden {
		return true
	}
	switch m := o.msg.(type) {
	case *lib9p.Tversion, *lib9p.Tclunk:
		return true
	case *lib9p.Tlock:
		return m.LockType == lib9p.LockUnlock && o.s.deaths > 0
	case *lib9p.Tread:
		return o.fid.dir && (o.s.deaths > 0 || w.silly)
	case *lib9p.Treaddir:
		return o.s.deaths > 0 || w.silly
	case *lib9p.Tremove: // another has removed it, or moved it, which looks the same
		if w.silly && o.fid.via.gone != 0 && o.s.strayed(o.fid.via, w.now+1) {
			return true // it was not known to have a hidden name, which has been removed now
		}
		return o.inDoubt() && (o.fid.via.gone != 0 || len(o.fid.via.moves) > 0)
	case *lib9p.Trename, *lib9p.Trenameat, *lib9p.Twstat: // another has renamed it so, or it was so already
		return o.inDoubt() && (w.meddled(o, 0) || o.idle() || o.repeats())
	case *lib9p.Tmknod: // another has made the like
		return o.inDoubt() && w.meddled(o, 0)
	case *lib9p.Tunlinkat:
		return o.inDoubt() && goneSince(o.fid.node, m.Name, o.issued)
	}
	return false
}

// repeats reports whether a rename of the session's own, of which the client does not know whether it was done, was about a name of o's.
func (o *op) repeats() bool {
	return slices.ContainsFunc(o.s.w.ops, func(p *op) bool {
		return p != o && p.s == o.s && p.renames() && (p.outcome == undecided || p.outcome == flushed) && p.effects() > 0 && o.share(p)
	})
}

// idle reports whether o gives a file the name that it has: of two renames that were under way at once the session took the other for
// the last.
func (o *op) idle() bool {
	if !o.renames() {
		return false
	}
	l := o.spots()
	to := l[len(l)-1]
	e := to.dir.entries[to.name]
	return e != nil && (e == o.via || o.typ == lib9p.TypeTrenameat) && o.s.tangled(e)
}

// goneSince reports whether dir has lost name since.
func goneSince(dir *inode, name string, since int) bool {
	e := dir.entries[name]
	return e == nil || e.past[len(e.past)-1].at > since
}

// inDoubt reports whether o was sent on a connection that died.
func (o *op) inDoubt() bool {
	return slices.ContainsFunc(o.asked(), func(c *sconn) bool { return c.dead || c.insane })
}

// asked returns the connections on which something was done for o.
func (o *op) asked() []*sconn { return slices.Concat(o.sent, o.tried) }

// excused reports whether one of o's fids may have died.
func (o *op) excused() bool {
	for _, f := range [...]*cfid{o.fid, o.fid2} {
		if f != nil && (f.dead || o.s.mayDie(f)) {
			return true
		}
	}
	return false
}

// mayDie reports whether a fid cannot be brought back to where it was, or styxpersist cannot know the way.
func (s *session) mayDie(f *cfid) bool {
	if s.deaths == 0 || f.born == s.deaths {
		return false
	}
	if f.xmake || f.xattr || f.borrowed {
		return true
	}
	if len(f.locks) > 0 && slices.ContainsFunc(f.node.lockers, func(proc uint32) bool { return proc != f.owner() }) {
		return true // another has got the lock meanwhile
	}
	if len(f.locks) > 0 && s.w.deaf {
		return true // a server that says nothing does not give a lock back in time
	}
	if f.node != nil && f.node.excl {
		return true
	}
	return s.w.tree.epoch > 0 || f.up && (s.w.pair || s.w.visited) || s.lost(f.via) // of a file with another qid it needs evidence that it is the same
}

// lost reports whether the way through e is not as the session knows it.
func (s *session) lost(e *entry) bool {
	if s.strayed(e, s.w.now+1) {
		return true
	}
	for ; e != nil; e = e.dir.up {
		if e.gone != 0 && e.heir != nil && e.heir.by == s {
			e = e.heir
		}
		if e.gone != 0 || e.hazy || s.tangled(e) || s.displaced(e) {
			return true
		}
		for _, n := range e.node.names { // of two names of one file the session may take one for the other
			if slices.ContainsFunc(n.moves, func(o *op) bool { return o == nil || o.s != s || n == e && o.outcome != succeeded }) {
				return true
			}
		}
		for i := 1; i < len(e.moves); i++ {
			if e.moves[i].issued < e.moves[i-1].replied {
				return true // which came last, only the server knows
			}
		}
	}
	return false
}

// strayed reports whether e, or a directory that it has been in, had been renamed before the moment given without the session's knowing
// it. What the session does in such a directory by its new name, it does not know to concern what it has seen there by the old one.
func (s *session) strayed(e *entry, before int) bool {
	if e == nil {
		return false
	}
	for i, p := range e.past {
		if p.at >= before {
			break
		}
		if i > 0 && (p.by == nil || p.by.s != s || p.by.outcome != succeeded) {
			return true
		}
		left := before
		if i+1 < len(e.past) {
			left = min(left, e.past[i+1].at)
		}
		if s.strayed(p.dir.up, left) {
			return true
		}
	}
	return false
}

// displaced reports whether the session has given e's name to a file that somebody else had moved to another
// directory, where it got the name: the session thinks that it is here, over e.
func (s *session) displaced(e *entry) bool {
	return slices.ContainsFunc(s.w.ops, func(o *op) bool {
		m, ok := o.msg.(*lib9p.Twstat)
		return ok && o.s == s && m.Stat.Name != "" && o.outcome == succeeded && o.via != nil &&
			slices.ContainsFunc(e.past, func(p place) bool { return p.name == m.Stat.Name }) &&
			slices.ContainsFunc(o.via.moves, func(p *op) bool { return p == nil || p.s != s })
	})
}

// tangled reports whether two requests that changed a name of e's were under way at once, one of them a rename: the
// order of their answers does not tell which was done last.
func (s *session) tangled(e *entry) bool {
	var about []*op
	for _, o := range s.w.ops {
		if o.s != s || o.effects() == 0 && o.replied != 0 && o.outcome != undecided || !slices.ContainsFunc(e.past, o.about) {
			continue
		}
		if slices.ContainsFunc(about, func(p *op) bool { return (p.replied == 0 || p.replied > o.issued) && (o.renames() || p.renames()) }) {
			return true
		}
		about = append(about, o)
	}
	return false
}

// judgeDoubt looks whether the doubt was needed.
func (w *world) judgeDoubt(o *op) {
	name := lib9p.TypeName(o.typ)
	if w.soft > 0 && o.flush != nil && len(o.asked()) > 0 {
		return // cancelled while the server was silent, which does not take long
	}
	if !o.inDoubt() {
		w.fail("operation %d, %s, was called undecided though it was never in doubt", o.id, name)
		return
	}
	for _, c := range o.asked() {
		if (c.dead || c.insane) && !c.fenced {
			return
		}
	}
	if w.tree.epoch == 0 && !w.disturbed(o) && !w.crowded(o) && w.provable(o) {
		w.fail("operation %d, %s, was called undecided though it could be known (executed: %d)", o.id, name, o.effects())
	}
}

// provable reports whether what has become of o can be found out behind a fence, where nobody else has changed anything.
func (w *world) provable(o *op) bool {
	done := o.effects() > 0
	fresh := func(name string) bool { // nobody had the name, and styxpersist has seen that
		if !done {
			return o.fid.node.entries[name] == nil
		}
		at, ok := o.fid.missed[name]
		if !ok || o.s.saw(o.fid.node, name, o.issued) {
			return false
		}
		for _, e := range o.fid.node.ever {
			for _, p := range e.past {
				if p.dir == o.fid.node && p.name == name && p.at > at && p.at < o.issued {
					return false
				}
			}
		}
		return true
	}
	if o.flush != nil {
		return false
	}
	switch m := o.msg.(type) {
	case *lib9p.Tcreate:
		return w.sole && done && fresh(m.Name) || !done && o.fid.node.entries[m.Name] == nil
	case *lib9p.Tmkdir:
		return w.sole && done && fresh(m.Name) || !done && o.fid.node.entries[m.Name] == nil
	case *lib9p.Tlcreate:
		if w.guarded && m.Mode&0o200 == 0 && done {
			return false // it cannot be opened so again, whoever has made it
		}
		return m.Flags&lib9p.LEXCL == 0 || w.sole && done && fresh(m.Name) || !done && o.fid.node.entries[m.Name] == nil
	case *lib9p.Tsymlink:
		return fresh(m.Name)
	case *lib9p.Tmknod:
		return fresh(m.Name)
	case *lib9p.Tlink:
		return fresh(m.Name)
	case *lib9p.Trename:
		return o.fid.via != nil && (done || o.fid.via.gone == 0)
	case *lib9p.Tremove:
		return o.fid.via != nil && (done || o.fid.via.gone == 0 && !o.afterRename() && !o.s.crossed(o.fid.via))
	case *lib9p.Twstat:
		return true
	case *lib9p.Trenameat:
		return o.s.knows(o.fid.node, m.Oldname, o)
	case *lib9p.Tunlinkat:
		return done || o.s.knows(o.fid.node, m.Name, o)
	case *lib9p.Twrite:
		if !o.fid.appends(w.d) {
			return o.fid.regular
		}
		return false
	case *lib9p.Tclunk:
		return true
	}
	return true
}

// afterRename reports whether o was sent on a connection on which its file was renamed: that may have changed nothing, if it had both
// names, as far as styxpersist has looked.
func (o *op) afterRename() bool {
	return slices.ContainsFunc(o.fid.via.moves, func(m *op) bool {
		return m != nil && m.s == o.s && slices.ContainsFunc(m.asked(), func(c *sconn) bool { return slices.Contains(o.asked(), c) })
	})
}

// crossed reports whether a rename of e's, by a name that the session had not seen before, and a walk there were under way at once:
// what the walk found may be at either name, until it is looked at when no name is about to change.
func (s *session) crossed(e *entry) bool {
	return slices.ContainsFunc(e.moves, func(m *op) bool {
		return m != nil && m.s == s && slices.ContainsFunc(s.w.ops, func(o *op) bool {
			t, ok := o.msg.(*lib9p.Twalk)
			return ok && o.s == s && o.issued < m.replied && (o.replied == 0 || o.replied > m.issued) && slices.ContainsFunc(e.past, func(p place) bool { return slices.Contains(t.Wname, p.name) })
		})
	})
}

// saw reports whether a walk of the session's, answered since, went to name in dir: that it was not there before is forgotten then.
func (s *session) saw(dir *inode, name string, since int) bool {
	return slices.ContainsFunc(s.w.ops, func(o *op) bool {
		t, ok := o.msg.(*lib9p.Twalk)
		return ok && o.s == s && o.replied > since && slices.Contains(t.Wname, name)
	})
}

// knows reports whether a fid of the session keeps alive what it knows of name in dir.
func (s *session) knows(dir *inode, name string, o *op) bool {
	for _, f := range s.fids {
		if f.ready && f.via != nil && f.via.gone == 0 && len(f.via.moves) == 0 && f.via.dir == dir && f.via.name == name {
			return true
		}
	}
	return false
}
