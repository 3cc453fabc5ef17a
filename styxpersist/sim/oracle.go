package sim

import (
	"bytes"
	"reflect"
	"slices"

	"9fans.net/go/plan9"

	"github.com/styxkit/styxkit/lib9p"
)

// recognise finds out whose request r is, which came on c.
func (w *world) recognise(c *sconn, r *sreq) {
	key := keyOf(w.d, r.frame, false)
	changes := mutates(r.msg)
	wrong := (*op)(nil)
	seen := (*op)(nil)
	for _, o := range c.sess.open() {
		if o.key != key {
			continue
		}
		if !c.fits(o, r) {
			wrong = o
			continue
		}
		if slices.Contains(o.sent, c) {
			seen = o
			continue
		}
		o.sent = append(o.sent, c)
		r.op = o
		return
	}
	if !changes {
		return
	}
	name := lib9p.TypeName(r.frame.Type())
	switch {
	case r.frame.Type() == lib9p.TypeTremove && c.sess.closing:
	case seen != nil:
		w.fail("styxpersist sent %s of operation %d twice on one connection", name, seen.id)
	case wrong != nil:
		w.fail("styxpersist sent %s of operation %d on another file than the client's", name, wrong.id)
	default:
		w.fail("styxpersist sent %s, which no client waits for: %s", name, w.format(r.frame))
	}
}

// doubt takes in that r was sent and cannot arrive.
func (w *world) doubt(c *sconn, r *sreq) {
	key := keyOf(w.d, r.frame, false)
	for _, o := range c.sess.open() {
		if o.key == key && !slices.Contains(o.sent, c) {
			o.sent = append(o.sent, c)
		}
	}
}

// open returns what the client waits for, in order.
func (s *session) open() []*op {
	l := make([]*op, 0, len(s.tags))
	for _, o := range s.tags {
		l = append(l, o)
	}
	slices.SortFunc(l, func(a, b *op) int { return a.id - b.id })
	return l
}

// fits reports whether r's fids are at the server what o's are to the client.
func (c *sconn) fits(o *op, r *sreq) bool {
	first, second := r.frame.FidOffsets()
	switch o.typ {
	case lib9p.TypeTversion, lib9p.TypeTattach, lib9p.TypeTflush:
		return true
	case lib9p.TypeTwalk, lib9p.TypeTxattrwalk:
		second = 0
	}
	return c.same(o.fid, r, first) && (second == 0 || c.same(o.fid2, r, second))
}

func (c *sconn) same(f *cfid, r *sreq, off int) bool {
	s := c.fids[r.frame.U32(off)]
	return s != nil && f != nil && s.node == f.node && s.xattrRead == f.xattr && s.open == f.open
}

// changed takes in that o changed the content of n.
func (w *world) changed(n *inode, o *op) {
	n.writes = append(n.writes, o)
	n.version++
}

// moved takes in that o gave e another place.
func (w *world) moved(e *entry, o *op) { e.moves = append(e.moves, o) }

// executed takes in what the server has done.
func (w *world) executed(c *sconn, r *sreq, reply lib9p.Msg, eff bool, s *sfid) {
	x := exec{at: w.now, reply: reply, eff: eff, c: c}
	if s != nil {
		x.node, x.via = s.node, s.via
	}
	if eff {
		w.changes++
	}
	if r.op == nil || !mutates(r.op.msg) && r.op.typ != lib9p.TypeTclunk {
		// What only looks is good for every request that asks the same.
		for _, o := range c.sess.open() {
			if o != r.op && (o.key == keyOf(w.d, r.frame, false) && !mutates(o.msg)) && (o.fid == nil || r.from == o.fid.node) {
				o.execs = append(o.execs, x)
			}
		}
	}
	if r.op == nil {
		return
	}
	o := r.op
	o.execs = append(o.execs, x)
	if !eff {
		return
	}
	name := lib9p.TypeName(o.typ)
	if o.late && o.effects() > 1 && !w.undone(o) {
		w.fail("executed twice: operation %d, %s", o.id, name)
	}
	if o.replied == 0 {
		return
	}
	// It was answered before: the old connection does it late.
	switch {
	case o.outcome == refused && o.late:
		w.fail("operation %d, %s, was executed after the client was told that it had failed", o.id, name)
	case o.outcome == succeeded && !o.late && x.node != nil:
		// A second execution must not destroy what came after the answer.
		for i := len(x.node.writes) - 2; i >= 0; i-- {
			if p := x.node.writes[i]; p != nil && p != o && p.issued > o.replied && overlap(o, p) {
				w.fail("operation %d, %s, was executed once more after operation %d, which came after its answer", o.id, name, p.id)
			}
		}
	}
}

// undone reports whether another session may have undone what o did before it was done again: of that
// nobody can tell styxpersist.
func (w *world) undone(o *op) bool {
	mine := o.names()
	for _, p := range w.ops {
		if p.s == o.s || !slices.ContainsFunc(p.names(), func(n string) bool { return slices.Contains(mine, n) }) {
			continue
		}
		for _, x := range p.execs {
			if x.eff && x.at > o.execs[0].at {
				return true
			}
		}
	}
	return false
}

// overlap reports whether the later of two changes of one file could be undone by the earlier.
func overlap(a, b *op) bool {
	aw, ok := a.msg.(*lib9p.Twrite)
	if !ok {
		return true
	}
	bw, ok := b.msg.(*lib9p.Twrite)
	if !ok {
		return true
	}
	if b.late || b.fid.appends(a.s.w.d) {
		return true
	}
	return aw.Offset < bw.Offset+uint64(len(bw.Data)) && bw.Offset < aw.Offset+uint64(len(aw.Data))
}

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
	switch {
	case e == nil:
		o.outcome = succeeded
		x := o.saying(m)
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
		if o.late && o.effects() > 0 {
			w.fail("operation %d, %s, was refused though it has been done", o.id, name)
		}
	case w.isUndecided(e) && !o.excused():
		o.outcome = undecided
		w.judgeDoubt(o)
	case o.excused():
		o.outcome = refused
		if w.isUndecided(e) {
			o.outcome = undecided
		} else if o.late && o.effects() > 0 && o.typ != lib9p.TypeTwrite {
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
	if t, ok := o.msg.(*lib9p.Twalk); ok && len(t.Wname) == 1 && e.Number() == lib9p.ENOENT && len(o.execs) > 0 {
		if o.fid.missed == nil {
			o.fid.missed = make(map[string]int)
		}
		o.fid.missed[t.Wname[0]] = o.execs[len(o.execs)-1].at
	}
}

// saying returns the execution that gave the reply m, the last if there are several.
func (o *op) saying(m lib9p.Msg) *exec {
	want, err := lib9p.Pack(o.s.w.replyDialect(o), 0, m)
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
		got, err := lib9p.Pack(o.s.w.replyDialect(o), 0, r)
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

// local reports whether styxpersist may answer o with success by itself.
func (w *world) local(o *op) bool {
	switch m := o.msg.(type) {
	case *lib9p.Tversion, *lib9p.Tclunk:
		return true
	case *lib9p.Tlock:
		return m.LockType == lib9p.LockUnlock && o.s.deaths > 0
	case *lib9p.Tread:
		return o.fid.dir && o.s.deaths > 0
	case *lib9p.Treaddir:
		return o.s.deaths > 0
	case *lib9p.Tremove: // another has removed it
		return o.inDoubt() && (o.fid.via.gone != 0 || o.fid.via.movedSince(o.issued))
	case *lib9p.Tunlinkat:
		return o.inDoubt() && goneSince(o.fid.node, m.Name, o.issued)
	}
	return false
}

func (e *entry) movedSince(at int) bool { return e.past[len(e.past)-1].at > at }

// goneSince reports whether dir has lost name since.
func goneSince(dir *inode, name string, since int) bool {
	e := dir.entries[name]
	return e == nil || e.past[len(e.past)-1].at > since
}

// inDoubt reports whether o was sent on a connection that died.
func (o *op) inDoubt() bool {
	return slices.ContainsFunc(o.sent, func(c *sconn) bool { return c.dead })
}

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
	if f.xmake || f.xattr {
		return true
	}
	if len(f.locks) > 0 && len(s.w.sessions) > 1 {
		return true
	}
	if f.node != nil && f.node.excl {
		return true
	}
	return s.lost(f.via)
}

// lost reports whether the way through e is not as the session knows it.
func (s *session) lost(e *entry) bool {
	for ; e != nil; e = e.dir.up {
		if e.gone != 0 || e.hazy || s.tangled(e) {
			return true
		}
		for _, o := range e.moves {
			if o == nil || o.s != s || o.outcome != succeeded {
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

// tangled reports whether two requests about e's name were under way at once: the
// order of their answers does not tell which was done last.
func (s *session) tangled(e *entry) bool {
	var about []*op
	for _, o := range s.w.ops {
		if o.s != s || !slices.ContainsFunc(e.past, func(p place) bool { return slices.Contains(o.names(), p.name) }) {
			continue
		}
		if slices.ContainsFunc(about, func(p *op) bool { return p.replied == 0 || p.replied > o.issued }) {
			return true
		}
		about = append(about, o)
	}
	return false
}

// judgeDoubt looks whether the doubt was needed.
func (w *world) judgeDoubt(o *op) {
	name := lib9p.TypeName(o.typ)
	if !o.inDoubt() {
		w.fail("operation %d, %s, was called undecided though it was never in doubt", o.id, name)
		return
	}
	for _, c := range o.sent {
		if c.dead && !c.fenced {
			return
		}
	}
	if w.changes-o.changes == o.effects() && !w.crowded(o) && w.provable(o) {
		w.fail("operation %d, %s, was called undecided though it could be known (executed: %d)", o.id, name, o.effects())
	}
}

// crowded reports whether another request about one of o's names was under way at the same time.
func (w *world) crowded(o *op) bool {
	mine := o.names()
	for _, p := range w.ops {
		if p == o || p.replied != 0 && p.replied < o.issued || !slices.ContainsFunc(p.names(), func(n string) bool { return slices.Contains(mine, n) }) {
			continue
		}
		return true
	}
	return false
}

// names returns the names that o may change.
func (o *op) names() []string {
	var l []string
	if o.fid != nil && o.fid.via != nil {
		for _, p := range o.fid.via.past {
			l = append(l, p.name)
		}
	}
	switch m := o.msg.(type) {
	case *lib9p.Tcreate:
		return []string{m.Name}
	case *lib9p.Tlcreate:
		return []string{m.Name}
	case *lib9p.Tmkdir:
		return []string{m.Name}
	case *lib9p.Tsymlink:
		return []string{m.Name}
	case *lib9p.Tmknod:
		return []string{m.Name}
	case *lib9p.Tlink:
		return []string{m.Name}
	case *lib9p.Tunlinkat:
		return []string{m.Name}
	case *lib9p.Trenameat:
		return []string{m.Oldname, m.Newname}
	case *lib9p.Trename:
		return append(l, m.Name)
	case *lib9p.Twstat:
		if m.Stat.Name != "" {
			return append(l, m.Stat.Name)
		}
		return nil
	case *lib9p.Tremove:
		return l
	case *lib9p.Tclunk:
		if o.fid.rclose {
			return l
		}
	}
	return nil
}

// provable reports whether what has become of o can be found out behind a fence, where nobody else has changed anything.
func (w *world) provable(o *op) bool {
	done := o.effects() > 0
	fresh := func(name string) bool { // nobody had the name, and styxpersist has seen that
		if !done {
			return o.fid.node.entries[name] == nil
		}
		at, ok := o.fid.missed[name]
		if !ok {
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
		return !done && o.fid.node.entries[m.Name] == nil
	case *lib9p.Tmkdir:
		return !done && o.fid.node.entries[m.Name] == nil
	case *lib9p.Tlcreate:
		return m.Flags&lib9p.LEXCL == 0 || !done && o.fid.node.entries[m.Name] == nil
	case *lib9p.Tsymlink:
		return fresh(m.Name)
	case *lib9p.Tmknod:
		return fresh(m.Name)
	case *lib9p.Tlink:
		return fresh(m.Name)
	case *lib9p.Trename, *lib9p.Tremove:
		return o.fid.via != nil && (done || o.fid.via.gone == 0)
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

// knows reports whether a fid of the session keeps alive what it knows of name in dir.
func (s *session) knows(dir *inode, name string, o *op) bool {
	for _, f := range s.fids {
		if f.ready && f.via != nil && f.via.gone == 0 && len(f.via.moves) == 0 && f.via.dir == dir && f.via.name == name {
			return true
		}
	}
	return false
}

// apply takes in what a success means to the client.
func (w *world) apply(o *op, m lib9p.Msg, x *exec) {
	f := o.fid
	switch t := o.msg.(type) {
	case *lib9p.Tattach:
		o.makes.ready, o.makes.node, o.makes.dir = true, w.tree.root, true
	case *lib9p.Twalk:
		to := f
		if o.makes != nil {
			to = o.makes
		}
		if len(m.(*lib9p.Rwalk).Wqid) < len(t.Wname) {
			if o.makes != nil {
				delete(o.s.fids, to.num)
			}
			return
		}
		if len(t.Wname) > 0 {
			to.regular, to.missed = false, nil
		}
		to.ready, to.node, to.via, to.dir = true, x.node, x.via, x.node.isDir()
		to.born = f.born
	case *lib9p.Topen:
		f.open, f.flags, f.rclose = true, uint32(t.Mode), t.Mode&plan9.ORCLOSE != 0
	case *lib9p.Tlopen:
		f.open, f.flags = true, t.Flags
	case *lib9p.Tcreate:
		f.rclose = t.Mode&plan9.ORCLOSE != 0
		w.applyCreate(f, x, uint32(t.Mode))
	case *lib9p.Tlcreate:
		w.applyCreate(f, x, t.Flags)
	case *lib9p.Tclunk, *lib9p.Tremove:
		delete(o.s.fids, f.num)
		if f.xmake && len(f.xwant) == f.xdone && x != nil && f.node.xattrs[f.xname] != string(f.xwant) && !f.node.contested(f) {
			w.fail("operation %d: attribute %s was acknowledged and is not there", o.id, f.xname)
		}
	case *lib9p.Tgetattr:
		f.regular = f.regular || f.node.isRegular()
	case *lib9p.Tstat:
		st := &m.(*lib9p.Rstat).Stat
		f.regular = f.regular || st.Mode&plan9.DMDIR == 0 && st.Length > 0
	case *lib9p.Txattrwalk:
		o.makes.ready, o.makes.xattr, o.makes.node, o.makes.via = true, true, f.node, f.via
		o.makes.born = f.born
	case *lib9p.Txattrcreate:
		f.xmake = true
	case *lib9p.Twrite:
		if f.xmake {
			f.xdone += len(t.Data)
		}
	case *lib9p.Tread:
		if f.dir {
			w.listed(o, m.(*lib9p.Rread).Data, t.Offset+uint64(len(m.(*lib9p.Rread).Data)))
		}
	case *lib9p.Treaddir:
		w.listed(o, m.(*lib9p.Rreaddir).Data, 0)
	case *lib9p.Tlock:
		w.applyLock(f, t, m.(*lib9p.Rlock).Status)
	}
}

// contested reports whether others write attributes of the file too.
func (n *inode) contested(f *cfid) bool { return true }

func (w *world) applyCreate(f *cfid, x *exec, flags uint32) {
	f.node, f.via, f.dir = x.node, x.via, x.node.isDir()
	f.open, f.flags, f.created, f.missed = true, flags, true, nil
	f.regular = f.node.isRegular() && !f.node.append && !f.node.excl
}

func (w *world) applyLock(f *cfid, t *lib9p.Tlock, status uint8) {
	if status != lib9p.LockSuccess {
		return
	}
	if t.LockType == lib9p.LockUnlock {
		if t.Length == 0 && t.Start == 0 {
			f.locks = nil
		}
		return
	}
	l := lockHeld{t.LockType, t.Start, ^uint64(0)}
	if t.Length > 0 {
		l.last = t.Start + t.Length - 1
	}
	f.locks = append(f.locks, l)
}

// listed takes in a piece of a directory that the client has read.
func (w *world) listed(o *op, data []byte, next uint64) {
	f := o.fid
	l := f.list
	if len(data) == 0 {
		w.listedAll(o, l)
		f.list = nil
		return
	}
	for len(data) > 0 {
		var name string
		var err error
		if w.d == lib9p.L {
			var e lib9p.Dirent
			e, data, err = lib9p.NextDirent(data)
			name, next = e.Name, e.Offset
		} else {
			var e lib9p.Stat
			e, data, err = lib9p.NextStat(data, w.d)
			name = e.Name
		}
		if err != nil {
			w.fail("operation %d: a directory read gave what is no entry: %v", o.id, err)
			return
		}
		if n := f.node.times(name, l.since, w.now); n == 0 {
			w.fail("operation %d: the listing has %s, which was not there while it was read", o.id, name)
		} else if slices.Contains(l.names, name) && n == 1 {
			w.fail("operation %d: the listing has %s twice", o.id, name)
		}
		l.names = append(l.names, name)
	}
	l.offset = next
}

// times returns how many entries with a name the directory had at some moment from from to to.
func (n *inode) times(name string, from, to int) int {
	count := 0
	n.spans(func(e *entry, begin, end int, at string) {
		if at == name && begin <= to && end >= from {
			count++
		}
	})
	return count
}

// spans calls fn for each name that the directory had, and for how long.
func (n *inode) spans(fn func(e *entry, begin, end int, name string)) {
	done := make(map[*entry]bool)
	for _, e := range n.ever {
		if done[e] {
			continue
		}
		done[e] = true
		for i, p := range e.past {
			if p.dir != n {
				continue
			}
			end := 1 << 60
			if i+1 < len(e.past) {
				end = e.past[i+1].at
			} else if e.gone != 0 {
				end = e.gone
			}
			fn(e, p.at, end, p.name)
		}
	}
}

// listedAll looks, at the end of a listing, whether something is missing.
func (w *world) listedAll(o *op, l *listing) {
	o.fid.node.spans(func(_ *entry, begin, end int, name string) {
		if begin <= l.since && end > w.now && !slices.Contains(l.names, name) {
			w.fail("operation %d: the listing is at its end and has no %s, which was there all the time", o.id, name)
		}
	})
}
