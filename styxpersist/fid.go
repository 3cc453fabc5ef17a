package styxpersist

import "github.com/styxkit/styxkit/lib9p"

// A fid is one of the client's, and its shadow on the server's present connection.
// All of it belongs to the session's mutex.
type fid struct {
	num   uint32 // the client's number
	sfid  uint32 // the number on the connection of generation gen
	gen   int    // 0 where no connection has it
	state fidState
	maker *request // fidComing: the request whose answer makes it
	err   *lib9p.Error
	again bool

	role  role
	node  *node // nil for an authentication fid
	open  bool
	dir   bool
	flags uint32 // mode of Topen or flags of Tlopen, fit to open again: what changes the file is taken out
	// rclose: the client asked for ORCLOSE, which the session does itself at the clunk.
	rclose  bool
	astray  bool // its file was renamed by the session since the fid was made on this connection, see stray.go
	created bool // by this session
	eased   bool // opened while the session had changed the file's mode, see mode.go
	cursor  *cursor
	iounit  uint32 // of the Ropen that the client got; 0 for what fits a message
	unit    uint32 // what the present connection's open takes with a message, where that is less; else 0

	xattr     string // roleXattrR: the attribute's name
	xattrSize uint64
	attr      *attrWrite // roleXattrW
	locks     []lockRange
	lost      []lockRange // locks that could not be taken back, until the client gives them up

	// Requests that wait for this fid, in order. The first goes when the fid is ready,
	// no barrier is under way, and it is first at its other fid too.
	waiting []*request
	unsent  int      // taken from waiting, not yet written
	barrier *request // sent from the queue, and it changes the fid: nothing passes it

	leaving bool      // a Tclunk or Tremove of it is under way: its number is free for another
	users   int       // requests that name it and have no answer
	back    *comeback // on its way back on the present connection
	link    fidLink   // in the order
	dropped bool      // the client has let go of it
}

type fidState uint8

const (
	fidComing fidState = iota // its maker is not answered yet
	fidLive                   // has an sfid if gen is the present one, else wants restoring
	fidDead                   // err says why; where again is set it is tried once more after the next death
)

type role uint8

const (
	roleFile   role = iota
	roleAuth        // of Tauth: its conversation dies with the connection
	roleXattrR      // of Txattrwalk
	roleXattrW      // after Txattrcreate
)

// usable reports whether the fid exists on the connection of generation gen.
func (f *fid) usable(gen int) bool { return f.state == fidLive && f.gen == gen }

// mustReturn reports whether the fid is more than a place to walk from, so that it is to come back before anybody asks.
func (f *fid) mustReturn() bool { return f.open || f.role != roleFile }

// idle reports that nothing is queued for the fid, so that a request need not queue either.
func (f *fid) idle() bool { return len(f.waiting) == 0 && f.unsent == 0 && f.barrier == nil }

func (f *fid) setNode(n *node) {
	open, old := f.open, f.node
	f.setOpen(false)
	f.node = n
	f.setOpen(open)
	if n != nil {
		n.hold()
	}
	if old != nil {
		old.root.remember(old)
		old.drop()
	}
}

// setOpen has the node count its open fids.
func (f *fid) setOpen(open bool) {
	if f.node != nil && f.open != open {
		if open {
			f.node.opens++
		} else {
			f.node.opens--
		}
	}
	f.open = open
}

// die marks a fid that cannot come back. Requests on it answer err.
func (f *fid) die(err *lib9p.Error) {
	f.state, f.err = fidDead, err
}

// use notes that a request names f, whose node is there until the request is done.
func (f *fid) use() { f.users++ }

func (f *fid) unuse() {
	if f.users--; f.users == 0 && f.dropped {
		f.setNode(nil)
	}
}

// takes reports whether a message of type typ makes sense on f. A fid that
// stands for no file has no place in the tree, and nothing can be learned of it.
func (f *fid) takes(typ uint8) bool {
	switch typ {
	case lib9p.TypeTread, lib9p.TypeTwrite, lib9p.TypeTclunk, lib9p.TypeTattach:
		return true
	}
	return f.role == roleFile
}

// newFid enters a fid that r will make.
func (s *session) newFid(num uint32, r *request) *fid {
	f := &fid{num: num, maker: r}
	s.fids[num] = f
	return f
}

// forget drops a fid that the client has let go of, or that was never made.
func (s *session) forget(f *fid) {
	if f.dropped {
		return
	}
	f.dropped, f.back = true, nil
	f.setOpen(false)
	s.rank(f)
	s.unhide(f.node)
	if s.fids[f.num] == f {
		delete(s.fids, f.num)
	}
	if f.users == 0 {
		f.setNode(nil)
	}
	f.locks, f.lost, f.cursor = nil, nil, nil
	if f.attr != nil {
		s.attrs -= len(f.attr.value)
		f.attr = nil
	}
	f.die(errUnknownFid)
	waiting := f.waiting
	f.waiting = nil
	for _, r := range waiting {
		if r.state != done {
			s.onDead(r, f)
		}
	}
}
