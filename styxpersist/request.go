package styxpersist

import (
	"github.com/styxkit/styxkit/lib9p"
	"github.com/styxkit/styxkit/styxpersist/internal/mutate"
)

// A request is a T-message that has no answer yet: one of the client's, or of the session's own (own is set).
type request struct {
	seq   uint64 // order of arrival
	asked uint64 // the session's seq when it was sent, last: its answer says nothing of what was before
	ctag  uint16
	stag  uint16
	typ   uint8
	state state
	srv   *server // where it was sent
	turn  uint64  // the how manieth there
	frame lib9p.Frame
	// doubt: it was sent on a connection that died, so it may have been executed.
	doubt bool
	vague bool // it was sent on a fid that may have stood on another name of its file, see node
	// resent: it has been sent again since.
	resent bool
	// late: and it has been sent again though an old connection may execute it still; then that may be what refuses it.
	late bool
	// old: the connections that died with it, not fenced then.
	old []*server
	// crowded: another request about the same name was done meanwhile, see crowd.go.
	crowded bool
	// free: what makes a name: the number of the request that told that nothing had it; 0 where that was not known.
	free uint64
	// looked: and that it has been there when r came is being looked into, see sole.go.
	looked bool
	// kept: a queue may refer to it still, so it is not used again.
	kept bool

	fid, fid2 *fid     // fids that must be there; nil where the message has none
	makes     *fid     // the fid that its success makes
	writes    *content // Twrite: the file's, held
	moved     *node    // held: Trenameat in doubt: what had the old name then, which something else may have by now

	// A Twrite in pieces, see fit.go: bytes written with those that have their answer, and with the one under way.
	wrote, piece uint32
	flushing     bool // a Tflush of it is at the server: no other piece goes

	refused    *lib9p.Error // Tlcreate: the server's answer, while it is seen what is there
	quit       func()       // ends what the session does for it, see auth.go; nil where that is nothing
	hide       *hiding      // what has to be done before it, see silly.go
	stand      *stand       // where it goes to if not to its fid's sfid, see stray.go
	oldSeq     uint64       // Tflush: the request that it cancels, which may have its answer since
	flushes    []*request   // Tflushes that wait for the end of its probe
	hardLink   bool         // .u: a Tcreate whose extension names fid2 in text
	own        chan lib9p.Frame
	readsDir   bool     // own, and reads a directory
	translated bool     // own, and its answer speaks in the client's qids
	buried     bool     // own: the rest of a request of the client's that needs no answer any more
	waste      []uint32 // buried: sfids that nobody wants when it is answered
	cancels    *request // Tflush: what is buried of the request that it cancels
	discards   bool     // own, and clunks an sfid that nobody wants
	then       func()   // own: what is to be done when it is on its way, with the mutex held
	ahead      *request // the session's own that was sent for it before its fid was open, see ahead.go
	open       *request // own, and sent ahead: the open
	early      bool     // and answered before that
	small      [64]byte // frame's bytes where they fit
}

type state uint8

const (
	done    state = iota
	queued        // certainly not executed
	sent          // written, or being written
	proving       // was sent on a connection that died; a probe is finding out
)

// changesFid reports whether the request makes something else of its fid,
// so that those behind it have to wait for its answer.
func (r *request) changesFid() bool {
	switch r.typ {
	case lib9p.TypeTopen, lib9p.TypeTlopen, lib9p.TypeTcreate, lib9p.TypeTlcreate,
		lib9p.TypeTclunk, lib9p.TypeTremove, lib9p.TypeTxattrcreate:
		return true
	case lib9p.TypeTwalk:
		return r.frame.U32(lib9p.OffFid) == r.frame.U32(lib9p.OffFid2)
	}
	return false
}

// offFlags is where the flags of a Tlcreate are.
func (r *request) offFlags() int {
	return lib9p.OffFid + 4 + 2 + len(r.frame.Bytes(lib9p.OffFid+4))
}

// movesNames reports whether the request may change what a path leads to:
// a way back that fails while one is under way proves nothing.
func (r *request) movesNames() bool {
	switch r.typ {
	case lib9p.TypeTrename, lib9p.TypeTrenameat, lib9p.TypeTwstat, lib9p.TypeTunlinkat, lib9p.TypeTremove:
		return true
	case lib9p.TypeTclunk:
		return r.fid != nil && r.fid.rclose
	}
	return false
}

// of returns the node that r's fid stands on, or nil.
func (r *request) of() *node {
	if r.fid == nil {
		return nil
	}
	return r.fid.node
}

// countWrite counts a Twrite where it is known which file it writes.
func (r *request) countWrite() {
	if f := r.fid; f.role == roleFile && f.node != nil && r.writes == nil {
		r.writes = f.node.content().hold()
		r.writes.writing++
	}
}

// msg returns the request's message.
func (r *request) msg(d lib9p.Dialect) lib9p.Msg {
	_, m, err := lib9p.Unpack(d, r.frame)
	if err != nil {
		panic("styxpersist: a noted request does not unpack: " + err.Error()) // note validated it
	}
	return m
}

// keep makes r own a copy of f.
func (r *request) keep(f lib9p.Frame) {
	if len(f) <= len(r.small) {
		r.frame = r.small[:copy(r.small[:], f)]
		return
	}
	if cap(r.frame) < len(f) {
		r.frame = make(lib9p.Frame, len(f))
	}
	r.frame = r.frame[:copy(r.frame[:len(f)], f)]
}

// newRequest enters a request of the client's. Its frame is copied, as the client sent it.
func (s *session) newRequest(f lib9p.Frame) *request {
	var r *request
	if n := len(s.spare); n > 0 && len(f) <= len(r.small) {
		r = s.spare[n-1]
		s.spare = s.spare[:n-1]
	} else if n := len(s.spareBig); n > 0 && len(f) > len(r.small) {
		r = s.spareBig[n-1]
		s.spareBig = s.spareBig[:n-1]
	} else {
		r = new(request)
	}
	buf := r.frame
	*r = request{frame: buf}
	r.keep(f)
	s.seq++
	r.seq, r.ctag, r.typ, r.state = s.seq, f.Tag(), f.Type(), queued
	for int(r.ctag) >= len(s.reqs) {
		s.reqs = append(s.reqs, make([]*request, 64)...)
	}
	s.reqs[r.ctag] = r
	s.bytes += len(r.frame)
	return r
}

// request returns the client's request with a tag that has no answer, or nil.
func (s *session) request(ctag uint16) *request {
	if int(ctag) >= len(s.reqs) {
		return nil
	}
	return s.reqs[ctag]
}

// finish takes r, which has its answer, out of the tables.
// Its client tag is free from now on, so the answer must not be written before.
func (s *session) finish(r *request) {
	if s.reqs[r.ctag] == r {
		s.reqs[r.ctag] = nil
		s.bytes -= len(r.frame)
		if s.bytes <= maxBytes {
			s.room.Signal()
		}
	}
	r.state = done
	if r.srv != nil {
		r.srv.freeTag(r)
		if len(s.ready) > 0 {
			s.kick()
		}
	}
	for _, f := range [...]*fid{r.fid, r.fid2} {
		if f != nil {
			s.unhide(f.node) // also one that was to be opened, and was not
			s.leave(f, r)
			f.unuse()
		}
	}
	if r.movesNames() {
		s.moves++
	}
	if r.hide != nil {
		s.endHiding(r)
	}
	if r.stand != nil {
		s.leaveStand(r)
	}
	if r.quit != nil {
		r.quit()
	}
	if r.writes != nil {
		r.writes.writing--
		r.writes.drop()
		r.writes = nil
	}
	r.moved.drop()
	r.moved = nil
	s.answerFlushes(r.flushes)
	if r.kept || r.flushes != nil {
		return
	}
	r.fid, r.fid2, r.makes, r.srv = nil, nil, nil, nil
	const most = 64
	switch {
	case len(r.frame) <= len(r.small) && len(s.spare) < most:
		r.frame = nil
		s.spare = append(s.spare, r)
	case len(r.frame) > len(r.small) && len(s.spareBig) < most/4:
		s.spareBig = append(s.spareBig, r)
	}
}

// leave ends r's hold on f, and lets those behind it go.
func (s *session) leave(f *fid, r *request) {
	if f.barrier == r {
		f.barrier = nil
	}
	if len(f.waiting) > 0 {
		s.advance(f)
	}
}

// bar has what the client asks of f wait until unbar, as it does behind a request of number seq that changes f. It returns what
// stands for that request. The death of the connection ends it, too.
func (s *session) bar(f *fid, seq uint64) *request {
	f.use()
	f.barrier = &request{state: done, seq: seq}
	return f.barrier
}

func (s *session) unbar(f *fid, wait *request) {
	if f.barrier == wait {
		f.barrier = nil
		s.advance(f)
	}
	f.unuse()
}

// enqueue makes r wait until its fids are there. They are asked to come.
func (s *session) enqueue(r *request) {
	r.state, r.kept = queued, true
	if r.fid == nil && r.fid2 == nil {
		s.ready = append(s.ready, r)
		s.kick()
		return
	}
	r.fid.waiting = append(r.fid.waiting, r)
	if r.fid2 != nil && r.fid2 != r.fid {
		r.fid2.waiting = append(r.fid2.waiting, r)
	}
	s.advance(r.fid)
	if r.fid2 != nil {
		s.advance(r.fid2)
	}
}

// advance lets go what waits for f and can, in order.
func (s *session) advance(f *fid) {
	for len(f.waiting) > 0 {
		r := f.waiting[0]
		if r.state == done {
			f.waiting = f.waiting[1:]
			continue
		}
		if f.state == fidDead {
			f.waiting = f.waiting[1:]
			s.onDead(r, f)
			continue
		}
		if s.srv == nil || f.barrier != nil || r.state == proving || s.awaitsHiding(r) || len(s.hazards) > 0 && s.held(r) {
			return
		}
		if len(f.lost) > 0 && r.relies() {
			f.waiting = f.waiting[1:]
			s.refuse(r, errLockLost)
			continue
		}
		if !f.usable(s.srv.gen) {
			if f.state == fidLive {
				s.restoreSoon(f)
			}
			return
		}
		g := r.fid
		if g == f {
			g = r.fid2
		}
		if g != nil && g != f && (g.barrier != nil || len(g.waiting) == 0 || g.waiting[0] != r || !g.usable(s.srv.gen)) {
			if g.state == fidLive && !g.usable(s.srv.gen) {
				s.restoreSoon(g)
			}
			return
		}
		s.pop(f, r)
		if g != nil && g != f {
			s.pop(g, r)
		}
		s.ready = append(s.ready, r)
		s.kick()
	}
}

// advanceFids is advance for the fids that r names.
func (s *session) advanceFids(r *request) {
	for _, f := range [...]*fid{r.fid, r.fid2} {
		if f != nil {
			s.advance(f)
		}
	}
}

// advanceAll lets go what can, in the order of the requests: something that held back any of them is over.
func (s *session) advanceAll() {
	for _, r := range s.inOrder() {
		s.advanceFids(r)
	}
}

func (s *session) pop(f *fid, r *request) {
	f.waiting = f.waiting[1:]
	f.unsent++
	if r.changesFid() || !r.fits(s.srv) || r.ahead != nil {
		f.barrier = r
	}
}

// onDead answers r, which waited for a fid that has died.
func (s *session) onDead(r *request, f *fid) {
	if r.typ == lib9p.TypeTclunk {
		s.clunkDead(r, f)
		return
	}
	if r.doubt && s.needsProof(r) {
		s.doubtful(r, "its fid cannot be brought back")
		return
	}
	s.refuse(r, f.err)
}

// clunkDead answers r, a clunk of a fid that the server has not. Where it should have written an extended attribute it fails,
// because that is when the client learns whether the attribute is there.
func (s *session) clunkDead(r *request, f *fid) {
	err := f.err
	s.forget(f)
	if f.role == roleXattrW || err != nil && mutate.Has(mutate.StaleClunk) {
		s.refuse(r, err)
		return
	}
	s.answer(r, &lib9p.Rclunk{})
}
