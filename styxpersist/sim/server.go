//go:build sim || mutate

package sim

import (
	"fmt"
	"slices"
	"time"

	"github.com/styxkit/styxkit/lib9p"
)

// An sconn is the server's end of a connection.
type sconn struct {
	w    *world
	sess *session
	gen  int // of its session's connections
	c    *conn
	d    lib9p.Dialect

	gone    bool   // what comes is lost
	part    []byte // of a message that has not come whole
	fids    map[uint32]*sfid
	pending []*sreq // came, not executed
	unsaid  []*sreq // executed, not answered

	version   bool
	unit      uint32 // iounit of its files
	mute      bool   // takes everything and does nothing
	insane    bool   // it has spoken nonsense, upon which the session gives it up
	dead      bool   // for the session; what is pending is executed late or never
	fenced    bool   // dead, and the session could know that nothing more is executed
	lateAt    int    // while it is dead and not fenced: 1 while something may be executed
	lateFor   time.Duration
	lateUntil time.Time // when nothing more is executed
	timeout   time.Time // when the session learns that the connection is silent
	hung      bool      // dead, and nothing tells the session
	back      bool      // the session uses it
	said      time.Time // when it said something last
	doomed    func()    // ends it from the session's side
	dieAfter  int       // executions until it dies
}

// An sfid is a fid of the server's.
type sfid struct {
	num     uint32
	node    *inode
	via     *entry // nil at the root
	open    bool
	flags   uint32
	top     bool // of a Tattach
	auth    bool // of a Tauth; value is what was said there
	told    bool // the reply that made it has been delivered
	list    []cookied
	listEnd uint64 // 9P2000: where the next read of the directory has to be

	xattr     string
	xattrRead bool
	xattrMake bool
	xattrSize uint64
	xattrFlag uint32
	value     []byte
}

// An sreq is a request as it came to the server.
type sreq struct {
	frame   lib9p.Frame
	msg     lib9p.Msg
	tag     uint16
	op      *op // whose it is; nil where it is styxpersist's own
	canon   string
	reply   []byte
	makes   *sfid
	from0   int // where in the data of op it begins, if it is a part
	part    bool
	hideFor *op    // for which it gives a file a hidden name
	from    *inode // its fid's file when it was executed
	sorted  bool
	early   bool // styxpersist's own, a read of what is not open yet: its answer is worth nothing
}

// arrive takes in what came on c.
func (c *sconn) arrive() {
	b, lost, ended := c.c.take()
	c.part = append(c.part, b...)
	c.frames()
	if c.part = append(c.part, lost...); len(lost) > 0 {
		c.gone = true
		c.frames()
	}
	switch {
	case ended && !c.dead:
		// The session hung up: what it had sent is done, or not, before the end is seen.
		c.w.hungUp(c)
	case ended && c.hung:
		c.givenUp()
	}
}

func (c *sconn) frames() {
	for len(c.part) >= 4 {
		size := int(lib9p.Frame(c.part).Size())
		if size < lib9p.HeaderSize || size > 1<<20 {
			c.w.fail("styxpersist sent a frame of %d bytes", size)
			return
		}
		if len(c.part) < size {
			break
		}
		f := lib9p.Frame(append([]byte(nil), c.part[:size]...))
		c.part = c.part[size:]
		c.request(f)
	}
}

func (c *sconn) request(f lib9p.Frame) {
	w := c.w
	d := c.d
	if f.Type() == lib9p.TypeTversion {
		d = lib9p.P2000
	}
	_, m, err := lib9p.Unpack(d, f)
	if err != nil {
		w.fail("styxpersist sent a malformed %s: %v", lib9p.TypeName(f.Type()), err)
		return
	}
	r := &sreq{frame: f, msg: m, tag: f.Tag()}
	if c.mute || c.gone || c.dead && c.lateAt == 0 {
		w.trace(evLost, c.sess, c.gen, f, nil)
		w.doubt(c, r)
		c.comesBack(r)
		return
	}
	w.trace(evArrive, c.sess, c.gen, f, nil)
	for _, p := range c.pending {
		if p.tag == r.tag {
			w.fail("styxpersist used tag %d twice", r.tag)
		}
	}
	for _, p := range c.unsaid {
		if p.tag == r.tag {
			w.fail("styxpersist used tag %d twice", r.tag)
		}
	}
	c.known(r)
	w.recognise(c, r)
	c.comesBack(r)
	if c.isAhead(r) {
		w.ahead++
	}
	c.pending = append(c.pending, r)
}

// known checks that a request names only fids whose making has been answered.
func (c *sconn) known(r *sreq) {
	var fids []uint32
	first, second := r.frame.FidOffsets()
	switch r.frame.Type() {
	case lib9p.TypeTauth, lib9p.TypeTversion:
	case lib9p.TypeTattach:
		if afid := r.frame.U32(second); afid != lib9p.NoFid {
			fids = append(fids, afid)
		}
	case lib9p.TypeTclunk:
		return // of what a server may have made
	case lib9p.TypeTwalk, lib9p.TypeTxattrwalk:
		fids = append(fids, r.frame.U32(first))
	default:
		if first != 0 {
			fids = append(fids, r.frame.U32(first))
		}
		if second != 0 {
			fids = append(fids, r.frame.U32(second))
		}
	}
	if num, ok := r.hardLink(); ok {
		fids = append(fids, num)
	}
	for _, num := range fids {
		f := c.fids[num]
		if f == nil {
			c.w.fail("styxpersist sent %s on fid %d, which the server does not have", lib9p.TypeName(r.frame.Type()), num)
		} else if !f.told {
			c.w.fail("styxpersist sent %s on fid %d before it knew that the server has it", lib9p.TypeName(r.frame.Type()), num)
		}
	}
}

// isAhead reports whether r is a read of styxpersist's own from a file that is not open.
func (c *sconn) isAhead(r *sreq) bool {
	m, ok := r.msg.(*lib9p.Tread)
	if !ok || r.op != nil {
		return false
	}
	f := c.fids[m.Fid]
	return f != nil && !f.open && !f.xattrRead && !f.auth
}

// order puts what is pending in an order that does not depend on how styxpersist's goroutines
// ran: by what the requests mean, not by their tags and fids.
func (c *sconn) order() {
	for _, r := range c.pending {
		if r.sorted {
			continue
		}
		r.sorted = true
		f := lib9p.Frame(slices.Clone(r.frame))
		f.SetTag(0)
		first, second := f.FidOffsets()
		place := ""
		for _, off := range [...]int{first, second} {
			if off == 0 {
				continue
			}
			if s := c.fids[f.U32(off)]; s != nil {
				place += fmt.Sprintf("%d %v ", s.node.path, s.open)
			}
			f.PutU32(off, 0)
		}
		if r.frame.Type() == lib9p.TypeTflush {
			f.PutU16(lib9p.OffBody, 0)
			for _, p := range c.pending {
				if p.tag == r.frame.U16(lib9p.OffBody) && p != r {
					place += p.canon
				}
			}
		}
		n := 0
		if r.op != nil {
			n = r.op.id + 1
		}
		r.canon = fmt.Sprintf("%06d %03d %s%x", n, f.Type(), place, []byte(f))
	}
	slices.SortStableFunc(c.pending, func(a, b *sreq) int {
		switch {
		case a.canon < b.canon:
			return -1
		case a.canon > b.canon:
			return 1
		}
		return 0
	})
}

// execute does the i-th pending request.
func (c *sconn) execute(i int) {
	r := c.pending[i]
	c.pending = slices.Delete(c.pending, i, i+1)
	c.w.now++
	if t, ok := r.msg.(*lib9p.Tflush); ok {
		c.flush(t.Oldtag)
	}
	if first, _ := r.frame.FidOffsets(); first != 0 && c.fids[r.frame.U32(first)] != nil {
		r.from = c.fids[r.frame.U32(first)].node
	}
	h, hides := c.hides(r)
	var removers []*op
	if hides {
		c.w.covers(c, r, h)
		removers = c.sess.removers(h)
	}
	if r.early = c.isAhead(r); r.early {
		c.w.early++
	}
	reply, eff, s := c.do(r)
	if hides {
		c.w.hid(c, r, h, reply, removers)
	}
	f, err := lib9p.Pack(c.d, r.tag, reply)
	if err != nil {
		c.w.fail("the model's reply does not pack: %v", err)
		return
	}
	r.reply = f
	c.w.trace(evExecute, c.sess, c.gen, f, r.op)
	c.w.executed(c, r, reply, eff, s)
	c.unsaid = append(c.unsaid, r)
}

// flush forgets the request with tag old; what it has done is said before the Rflush.
func (c *sconn) flush(old uint16) {
	for i, p := range c.pending {
		if p.tag == old {
			c.pending = slices.Delete(c.pending, i, i+1)
			return
		}
	}
	for i, p := range c.unsaid {
		if p.tag == old {
			c.say(i)
			return
		}
	}
}

// say delivers the i-th reply.
func (c *sconn) say(i int) {
	r := c.unsaid[i]
	c.unsaid = slices.Delete(c.unsaid, i, i+1)
	c.w.now++
	if r.makes != nil {
		r.makes.told = true
	}
	c.w.trace(evSay, c.sess, c.gen, r.reply, nil)
	c.sess.heardFrom(c)
	c.c.put(r.reply)
}

// end closes what the connection had open.
func (c *sconn) end() {
	c.pending, c.unsaid, c.lateAt = nil, nil, 0
	if c.w.tears {
		c.tear()
	}
	for _, f := range c.fids {
		c.close(f)
	}
	c.fids = nil
}

func (c *sconn) close(f *sfid) {
	if f.open {
		f.node.opens--
		f.open = false
	}
	f.node.dropLocks(func(l *lock) bool { return l.fid == f })
}
