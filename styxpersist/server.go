package styxpersist

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/styxkit/styxkit/lib9p"
	"github.com/styxkit/styxkit/styxpersist/internal/mutate"
)

// A server is one connection to the server, a generation.
type server struct {
	gen  int
	conn lib9p.Transport
	s    *session

	identified bool       // it is decided whose files its qids are; mutex
	nums       *numbering // how the client knows them, nil where it is the same; mutex
	msize      uint32     // what this connection takes; the session's at most

	wmu     sync.Mutex  // one writer at a time; see stall.go
	writeBy time.Time   // when writes fail, if not zero; wmu
	mute    atomic.Bool // writes are over
	stuck   atomic.Bool // a goroutine writes what the client's reader could not; set with the gate, cleared with the mutex

	// Of the session's mutex.
	tags      []*request // by stag: what has no answer yet
	version   *request   // the Tversion that has no answer yet
	freeTags  queue[uint16]
	freeSfids queue[uint32]
	nextSfid  uint32
	own       int           // requests of the session's own that have no answer
	outbox    burst         // requests of the session's own that are to be written
	asked     queue[func()] // has to be done, in order; called with the mutex held and a place in the window
	window    window
	urgent    int      // fids on their way back, but for
	sweeping  int      // those that nobody waits for
	isBack    bool     // what was to be brought back is, and this has been said
	discards  []uint32 // sfids that the server may have made and nobody wants
	unknown   int      // answers to no question
	roots     map[*root]*rootWay
	tiring    int // of these, for which nobody waits any longer
	helpers   map[helperKey]*helper
	eased     map[fileKey]bool // files that may have another mode than their own, or had
	swept     bool             // helpers are not kept any more
	ahead     uint64           // bytes asked for ahead, see ahead.go

	pulse
	backlog []burst       // what came behind that which is stuck; mutex
	quiet   bool          // a ping has no answer for a while
	dead    bool          // the session has judged what it left; what it still says is late
	fenced  bool          // it can do nothing more
	isOver  bool          // it is fenced, or there is no use in waiting for that
	over    chan struct{} // closed then

	posted  chan struct{} // capacity 1: something is in the outbox
	relocks chan struct{} // holds a token for each lock that is being asked for

	ctx      context.Context // ends with the connection
	cancel   context.CancelFunc
	givenUp  sync.Once
	gone     chan struct{} // closed when the session has given it up
	cause    error         // why, set before gone is closed
	writeErr error         // of the first write that failed; wmu
}

const (
	tagUnused = 0xfffe // a stag that no request ever has
	maxTags   = 0xff00
	maxOwn    = 4096 // of them for the session's own requests
	// Numbers wait in a queue this long before they are used again: a server that mixes up an old use and a new one then
	// does no harm. Diod does: a Tflush may meet the request before that had the tag, so that the one that is meant is answered
	// behind the Rflush.
	tagsAtRest  = 256
	sfidsAtRest = 1024
)

// errGone says that the connection died under one of the session's own requests.
var errGone = errors.New("connection to the server lost")

func newServer(s *session, conn lib9p.Transport, gen int) *server {
	srv := &server{
		s: s, conn: conn, gen: gen, msize: s.msize,
		roots:   make(map[*root]*rootWay),
		helpers: make(map[helperKey]*helper),
		eased:   make(map[fileKey]bool),
		gone:    make(chan struct{}),
		over:    make(chan struct{}),
		window:  newWindow(s.link.cfg.window),
		posted:  make(chan struct{}, 1),
		relocks: make(chan struct{}, windowMost),
	}
	srv.ctx, srv.cancel = context.WithCancel(s.ctx)
	return srv
}

// newTag gives r a stag. It returns false where all that r may have are under way.
func (srv *server) newTag(r *request) bool {
	switch taken := len(srv.tags) - srv.freeTags.len(); {
	case r.own == nil && taken-srv.own >= maxTags-maxOwn || r.own != nil && srv.own >= maxOwn:
		return false
	case r.own != nil:
		srv.own++
	}
	switch n := len(srv.tags); {
	case srv.freeTags.len() > tagsAtRest || n == maxTags && srv.freeTags.len() > 0:
		r.stag = srv.freeTags.take()
		srv.tags[r.stag] = r
	case n < maxTags:
		r.stag = uint16(n)
		srv.tags = append(srv.tags, r)
	default:
		return false
	}
	return true
}

// outstanding returns the request that an answer with tag stag is for, or nil.
func (srv *server) outstanding(stag uint16) *request {
	if stag == lib9p.NoTag {
		return srv.version
	}
	if int(stag) >= len(srv.tags) {
		return nil
	}
	return srv.tags[stag]
}

// only returns the one request that has no answer, or nil where there is none or are more.
func (srv *server) only() *request {
	var one *request
	for _, r := range srv.tags {
		switch {
		case r == nil:
		case one != nil:
			return nil
		default:
			one = r
		}
	}
	return one
}

func (srv *server) freeTag(r *request) {
	switch {
	case srv.version == r:
		srv.version = nil
	case srv.outstanding(r.stag) == r:
		srv.tags[r.stag] = nil
		srv.freeTags.put(r.stag)
		if r.own != nil && !r.buried {
			srv.own--
		}
	}
}

// handOver gives the tag of own, which is the session's and has no answer, to r, which is the client's.
func (srv *server) handOver(own, r *request) {
	srv.tags[own.stag], r.stag = r, own.stag
	srv.own--
}

func (srv *server) newSfid() uint32 {
	if srv.freeSfids.len() > sfidsAtRest {
		return srv.freeSfids.take()
	}
	srv.nextSfid++
	return srv.nextSfid - 1
}

func (srv *server) freeSfid(sfid uint32) { srv.freeSfids.put(sfid) }

// discard has an sfid clunked that the server may have made. The mutex is held.
func (srv *server) discard(sfid uint32) {
	srv.discards = append(srv.discards, sfid)
	srv.s.kick()
}

// appendClunk appends a Tclunk of sfid to b, whose answer nobody waits for. It returns false where no tag is free.
func (srv *server) appendClunk(b lib9p.Frame, sfid uint32) (lib9p.Frame, bool) {
	r := &request{own: make(chan lib9p.Frame, 1), discards: true, typ: lib9p.TypeTclunk, state: sent, srv: srv}
	if !srv.newTag(r) {
		return b, false
	}
	at := len(b)
	b, err := lib9p.Append(b, srv.s.d, r.stag, &lib9p.Tclunk{Fid: sfid})
	if err != nil {
		panic("styxpersist: a Tclunk does not pack: " + err.Error())
	}
	r.keep(b[at:])
	return b, true
}

// write sends b, or has it go after what is stuck. An error is the connection's end.
func (srv *server) write(b *burst) {
	if srv.s.behind(b) {
		return
	}
	srv.wmu.Lock()
	defer srv.wmu.Unlock()
	if !srv.writeBy.IsZero() {
		srv.writeBy = time.Time{}
		srv.endWritesAt(srv.writeBy)
	}
	if n, err := srv.put(b.run); err != nil {
		srv.s.mu.Lock()
		srv.s.unsend(b, n)
		srv.s.mu.Unlock()
	}
}

// put is write with wmu held. It returns errStalled where the time that was set for writes is over.
func (srv *server) put(run []byte) (int, error) {
	if srv.writeErr != nil {
		return 0, srv.writeErr // a part of a message may have gone
	}
	n, err := srv.conn.Write(run)
	srv.s.counters.ToServer.Add(int64(n))
	if err != nil && srv.stalled(err) {
		return n, errStalled
	}
	if err != nil {
		srv.writeErr = err
		time.AfterFunc(harvest, func() { srv.giveUp(err) }) // what it still says comes first, and then mostly its end
	}
	return n, err
}

// lastWriteErr returns why writing to the connection failed, if it did. No write is under way any more.
func (srv *server) lastWriteErr() error {
	srv.wmu.Lock()
	defer srv.wmu.Unlock()
	return srv.writeErr
}

// giveUp ends the session's use of the connection, for cause. Writes end at once; what it
// says still is heard, see drain. It is safe to call at any time, and only the first counts.
func (srv *server) giveUp(cause error) {
	srv.givenUp.Do(func() {
		srv.cause = cause
		srv.cancel()
		srv.stopWrites()
		close(srv.gone)
	})
}

// stopWrites has a write that is under way end at once, and fail those to come.
func (srv *server) stopWrites() {
	srv.mute.Store(true)
	if !srv.endWritesAt(time.Unix(1, 0)) {
		srv.conn.Close()
	}
}

// call sends a request of the session's own and returns the answer. The error is a *lib9p.Error where
// the server refuses, errGone where the connection dies, or ctx's.
func (srv *server) call(ctx context.Context, m lib9p.Msg) (lib9p.Msg, error) {
	return srv.ask(ctx, &request{}, m)
}

// ask is call where more is to be known of the request than its message: whether it went, also where the connection died.
func (srv *server) ask(ctx context.Context, r *request, m lib9p.Msg) (lib9p.Msg, error) {
	srv.s.mu.Lock()
	q, err := srv.begin(r, m)
	srv.s.mu.Unlock()
	if err != nil {
		return nil, err
	}
	return q.await(ctx)
}

// A question is a request of the session's own that is under way, and what is to be known of when it went.
type question struct {
	r   *request
	d   lib9p.Dialect
	nth uint64 // of the window
}

// begin is ask up to where it waits. The mutex is held.
func (srv *server) begin(r *request, m lib9p.Msg) (question, error) {
	r.own, r.typ, r.state, r.srv = make(chan lib9p.Frame, 1), lib9p.TypeOf(m), queued, srv
	err := srv.post(r, m)
	q := question{r, srv.s.d, srv.window.asked}
	if err == nil && r.then != nil {
		r.then()
	}
	return q, err
}

// await is what is left of ask. It may be called again where ctx has ended.
func (q question) await(ctx context.Context) (lib9p.Msg, error) {
	r, d, srv := q.r, q.d, q.r.srv
	var f lib9p.Frame
	select {
	case f = <-r.own:
	case <-srv.gone:
		select {
		case f = <-r.own:
		default:
			return nil, errGone
		}
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if f.Type() == lib9p.TypeRversion {
		d = lib9p.P2000 // any will do: the message is the same
	}
	_, m, err := lib9p.Unpack(d, f)
	if err != nil {
		return nil, fmt.Errorf("server sent a malformed message: %w", err)
	}
	if e := lib9p.ErrorOf(m); e != nil {
		if passing(e) {
			srv.s.mu.Lock()
			srv.window.shrink(q.nth)
			srv.s.mu.Unlock()
		}
		return nil, e
	}
	if lib9p.TypeOf(m) != r.typ+1 {
		return nil, fmt.Errorf("server answered %s with %s", lib9p.TypeName(r.typ), lib9p.TypeName(lib9p.TypeOf(m)))
	}
	return m, nil
}

// checkOwn returns what makes f no answer to r, a request of the session's own. It is the connection that is no good then, and not
// what was asked about: r has no answer.
func (s *session) checkOwn(r *request, f lib9p.Frame) error {
	typ := f.Type()
	if r.typ == lib9p.TypeTversion || mutate.Has(mutate.OwnDeaths) {
		return nil // no dialect is agreed on; negotiate looks
	}
	if typ != r.typ+1 && typ != s.errorType() {
		return fmt.Errorf("server answered %s with %s", lib9p.TypeName(r.typ), lib9p.TypeName(typ))
	}
	if err := f.Validate(s.d); err != nil {
		return fmt.Errorf("server sent a malformed message: %w", err)
	}
	return nil
}
