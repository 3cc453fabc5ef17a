//go:build sim || mutate

package sim

import (
	"bytes"
	"cmp"
	"slices"
	"sync/atomic"
	"time"

	"9fans.net/go/plan9"

	"github.com/styxkit/styxkit/lib9p"
)

// A session is a client's connection to styxpersist and what it began there.
type session struct {
	w      *world
	num    int
	client *conn
	part   []byte
	fids   map[uint32]*cfid
	tags   map[uint16]*op
	served chan error
	audit  func(fids map[uint32]bool) error
	proofs atomic.Int64 // that were asked for

	redial                    chan chan<- rwc
	dials                     chan chan answer
	dialing                   chan answer // a dial that waits for its answer
	plan                      []string    // what becomes of the next dials
	conns                     []*sconn
	live                      *sconn
	closing                   bool
	deaths                    int
	heard, tiredUntil, lostAt time.Time // see soft.go

	refused uint64 // the last epoch in which it attached to the tree and let go of it again
}

// owner is a process, as a lock knows it, for each fid.
func (f *cfid) owner() uint32 { return uint32(1+f.s.num)<<16 | f.num }

// A cfid is a client's fid, and what the oracle knows of it.
type cfid struct {
	up       bool   // its way has a ".." in it, which leads elsewhere where somebody else has moved a directory
	path     uint64 // of its file's qid; 0 where that is not known
	s        *session
	num      uint32
	ready    bool
	node     *inode
	via      *entry
	open     bool
	opened   int // when
	flags    uint32
	dir      bool
	users    int // requests that name it and have no answer
	excl     bool
	borrowed bool // opened as the file's own mode forbids, which another session had changed
	dead     bool // the client was told so
	loose    bool // a clunk of it was flushed: it may be there or not
	born     int  // deaths that the session had seen then

	rclose  bool
	regular bool           // styxpersist has seen that it is a plain file
	missed  map[string]int // names that a walk from here did not find, and when

	xattr bool // of Txattrwalk
	xmake bool // of Txattrcreate
	xname string
	xwant []byte
	xsize int
	xdone int

	list  *listing
	locks []lockHeld
}

// A listing is a directory as a client reads it, from the top to the end.
type listing struct {
	since  int
	offset uint64
	names  []string
}

// An op is a request of a client's.
type op struct {
	id       int
	s        *session
	tag      uint16
	msg      lib9p.Msg
	typ      uint8
	key      string
	fid      *cfid
	fid2     *cfid
	makes    *cfid
	dir      *inode // what fid was when it was issued
	dir2     *inode // and fid2
	via      *entry // and the name by which fid had come there
	hidden   bool   // its file got a hidden name instead
	rebuffed bool   // its hidden name was refused
	bared    bool   // or should have, and the server did not want to
	late     bool   // what it does twice differs from what it does once

	issued  int
	when    time.Time
	replied int
	outcome outcome
	flush   *op // that flushes it
	old     *op // that it flushes
	execs   []exec
	pieces  []piece // of a Twrite that went in several
	count   int     // of Rwrite
	sent    []*sconn
	tried   []*sconn // to which a hidden name was sent for it, or for another
	covered []*sconn // for no other
	changes int      // of the world when it was issued
}

type outcome uint8

const (
	waiting outcome = iota
	succeeded
	refused
	undecided
	flushed
)

// An exec is one time that the server executed an op.
type exec struct {
	at    int
	reply lib9p.Msg
	eff   bool
	c     *sconn
	node  *inode
	via   *entry
}

func (o *op) effects() int {
	n := 0
	for _, e := range o.execs {
		if e.eff {
			n++
		}
	}
	return n
}

// keyOf is what a request is recognised by at the server: all but tag and fids, as styxpersist passes it on.
func keyOf(d lib9p.Dialect, f lib9p.Frame, rclose bool) string {
	b := lib9p.Frame(bytes.Clone(f))
	b.SetTag(0)
	first, second := b.FidOffsets()
	if first != 0 {
		b.PutU32(first, 0)
	}
	if second != 0 {
		b.PutU32(second, 0)
	}
	switch b.Type() {
	case lib9p.TypeTread, lib9p.TypeTreaddir: // what is read may be cut to what fits
		b.PutU32(lib9p.OffCount, 0)
	case lib9p.TypeTopen:
		b[lib9p.OffFid+4] &^= plan9.ORCLOSE
	case lib9p.TypeTcreate:
		at := lib9p.OffFid + 4 + 2 + len(b.Bytes(lib9p.OffFid+4))
		b[at+4] &^= plan9.ORCLOSE
		if d == lib9p.U && b.U32(at)&lib9p.DMLINK != 0 {
			b = b[:at+5] // the fid in text
			b.PutU32(0, 0)
		}
	case lib9p.TypeTclunk:
		if rclose {
			b[4] = lib9p.TypeTremove
		}
	}
	return string(b)
}

// changesFid says that nothing else may be under way on the op's fid.
func (o *op) changesFid() bool {
	switch m := o.msg.(type) {
	case *lib9p.Topen, *lib9p.Tlopen, *lib9p.Tcreate, *lib9p.Tlcreate, *lib9p.Tclunk, *lib9p.Tremove, *lib9p.Txattrcreate, *lib9p.Treaddir:
		return true
	case *lib9p.Twalk:
		return m.Fid == m.Newfid
	case *lib9p.Tread:
		return o.fid.dir
	case *lib9p.Tlock:
		return true
	case *lib9p.Twrite:
		return o.fid.xmake
	}
	return false
}

// issue sends m, the next request of s, if nothing stands against it.
func (s *session) issue(m lib9p.Msg, fid, fid2, makes *cfid) *op {
	w := s.w
	o := &op{id: len(w.ops), s: s, msg: m, typ: lib9p.TypeOf(m), fid: fid, fid2: fid2, makes: makes}
	tag := uint16(0)
	for s.tags[tag] != nil {
		tag++
	}
	if o.typ == lib9p.TypeTversion {
		tag = lib9p.NoTag
	}
	o.tag = tag
	f, err := lib9p.Pack(w.d, tag, m)
	if err != nil {
		w.fail("the client's request does not pack: %v", err)
		return nil
	}
	w.now++
	o.issued, o.when, o.changes = w.now, time.Now(), w.changes
	if fid != nil {
		o.dir, o.dir2, o.via = fid.node, fid.node, fid.via
	}
	if fid2 != nil {
		o.dir2 = fid2.node
	}
	o.key = keyOf(w.d, f, fid != nil && fid.rclose)
	o.late = o.unrepeatable()
	if o.late || mutates(m) {
		for _, p := range s.tags {
			if p.key == o.key && sameNode(p.fid, o.fid) {
				return nil // the oracle could not tell them apart
			}
		}
	}
	if makes != nil {
		s.fids[makes.num] = makes
		makes.born = s.deaths
	}
	for _, f := range [...]*cfid{fid, fid2} {
		if f != nil {
			f.users++
			f.excl = f.excl || o.changesFid()
		}
	}
	w.ops = append(w.ops, o)
	s.tags[tag] = o
	w.trace(evIssue, s, 0, f, o)
	s.client.put(f)
	return o
}

func sameNode(a, b *cfid) bool { return a == b || a != nil && b != nil && a.node == b.node }

// unrepeatable reports whether executing o twice is not the same as once.
func (o *op) unrepeatable() bool {
	switch m := o.msg.(type) {
	case *lib9p.Tcreate, *lib9p.Tsymlink, *lib9p.Tmknod, *lib9p.Tlink, *lib9p.Tmkdir, *lib9p.Trename, *lib9p.Trenameat, *lib9p.Tunlinkat, *lib9p.Tremove:
		return true
	case *lib9p.Tlcreate:
		return m.Flags&lib9p.LEXCL != 0
	case *lib9p.Twstat:
		return m.Stat.Name != ""
	case *lib9p.Twrite:
		return o.fid.appends(o.s.w.d)
	case *lib9p.Tclunk:
		return o.fid.rclose
	}
	return false
}

// mutates reports whether o may change something at the server.
func mutates(m lib9p.Msg) bool {
	switch m := m.(type) {
	case *lib9p.Tcreate, *lib9p.Tsymlink, *lib9p.Tmknod, *lib9p.Tlink, *lib9p.Tmkdir, *lib9p.Trename, *lib9p.Trenameat,
		*lib9p.Tunlinkat, *lib9p.Tremove, *lib9p.Tlcreate, *lib9p.Twstat, *lib9p.Twrite, *lib9p.Tsetattr, *lib9p.Txattrcreate:
		return true
	case *lib9p.Topen:
		return m.Mode&plan9.OTRUNC != 0
	case *lib9p.Tlopen:
		return m.Flags&(lib9p.LTRUNC|lib9p.LCREATE|lib9p.LEXCL) != 0
	}
	return false
}

func (f *cfid) appends(d lib9p.Dialect) bool {
	if f.xattr || f.xmake || f.node == nil {
		return false
	}
	return f.node.append || appends(d, f.flags)
}

// appends reports whether a file that was opened with flags, or a mode, is only written at its end.
func appends(d lib9p.Dialect, flags uint32) bool {
	switch d {
	case lib9p.L:
		return flags&lib9p.LAPPEND != 0
	case lib9p.U:
		return flags&lib9p.OAPPENDU != 0
	}
	return false
}

// hear takes in what styxpersist says to the client.
func (s *session) hear() {
	b, _, _ := s.client.take()
	s.part = append(s.part, b...)
	var said []lib9p.Frame
	flushes := false
	for len(s.part) >= 4 {
		size := int(lib9p.Frame(s.part).Size())
		if size < lib9p.HeaderSize || size > 1<<20 {
			s.w.fail("styxpersist sent the client a frame of %d bytes", size)
			return
		}
		if len(s.part) < size {
			break
		}
		f := lib9p.Frame(bytes.Clone(s.part[:size]))
		s.part = s.part[size:]
		said, flushes = append(said, f), flushes || f.Type() == lib9p.TypeRflush
	}
	if !flushes { // what is said in one breath has no order, but for flushes
		slices.SortStableFunc(said, func(a, b lib9p.Frame) int { return cmp.Compare(s.idOf(a), s.idOf(b)) })
	}
	for _, f := range said {
		s.reply(f)
	}
}

func (s *session) idOf(f lib9p.Frame) int {
	if o := s.tags[f.Tag()]; o != nil {
		return o.id
	}
	return -1
}

func (s *session) reply(f lib9p.Frame) {
	w := s.w
	w.now++
	o := s.tags[f.Tag()]
	w.trace(evReply, s, 0, f, o)
	d := w.d
	if f.Type() == lib9p.TypeRversion {
		d = lib9p.P2000
	}
	_, m, err := lib9p.Unpack(d, f)
	switch {
	case err != nil:
		w.fail("styxpersist sent the client a malformed message: %v", err)
		return
	case o == nil:
		w.fail("the client was told %s with tag %d, for which nothing is under way", lib9p.TypeName(f.Type()), f.Tag())
		return
	case lib9p.ErrorOf(m) == nil && f.Type() != o.typ+1:
		w.fail("%s was answered with %s", lib9p.TypeName(o.typ), lib9p.TypeName(f.Type()))
		return
	case lib9p.ErrorOf(m) != nil && o.typ == lib9p.TypeTflush:
		w.fail("a Tflush was refused")
		return
	}
	delete(s.tags, o.tag)
	o.replied = w.now
	if o.typ == lib9p.TypeTflush {
		if old := o.old; old.replied == 0 {
			old.replied, old.outcome = w.now, flushed
			delete(s.tags, old.tag)
			old.release()
			old.cancelled()
		}
		o.outcome = succeeded
		return
	}
	o.release()
	s.w.judge(o, m)
}

func (o *op) release() {
	for _, f := range [...]*cfid{o.fid, o.fid2} {
		if f != nil {
			f.users--
			if f.users == 0 {
				f.excl = false
			}
		}
	}
}

// cancelled takes in that o will have no answer. What it may have done to its fid is unknown, so such a fid is only good to be clunked.
func (o *op) cancelled() {
	if o.makes != nil {
		delete(o.s.fids, o.makes.num)
	}
	if o.fid == nil {
		return
	}
	switch o.typ {
	case lib9p.TypeTclunk, lib9p.TypeTremove:
		// The fid may be there or not. Linux lets it leak; it is tried again at the end.
		o.fid.dead, o.fid.loose = true, true
	default:
		if o.changesFid() {
			o.fid.dead = true
			o.fid.list = nil
		}
	}
}

// sorted returns s's fids in order of their numbers.
func (s *session) sorted() []*cfid {
	var l []*cfid
	for _, f := range s.fids {
		l = append(l, f)
	}
	slices.SortFunc(l, func(a, b *cfid) int { return int(a.num) - int(b.num) })
	return l
}

// free returns an unused number, the lowest, as Linux does.
func (s *session) free() *cfid {
	n := uint32(0)
	for s.fids[n] != nil {
		n++
	}
	return &cfid{s: s, num: n}
}
