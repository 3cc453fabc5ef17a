package srv

import (
	"fmt"
	"sync"
	"time"

	"github.com/styxkit/styxkit/lib9p"
)

// A session is a connection and what is known of it.
type session struct {
	t     lib9p.Transport
	tree  Tree
	locks *Locks // the tree's, or nil
	names Naming // the tree's, or decimal numbers

	// Owned by the reader; workers see what was there when they were started.
	rd      *lib9p.Reader
	agreed  bool // a Tversion has been answered
	dialect lib9p.Dialect
	msize   uint32

	mu         sync.Mutex // guards what follows and the fields of requests and fids that say so
	change     sync.Cond  // something that reset, admit or send may wait for
	fids       map[uint32]*fid
	reqs       map[uint16]*request // what has not been answered
	queue      queue               // those of reqs that wait for a worker
	running    int                 // workers
	replyBytes int                 // what the replies of running requests may take
	xattrBytes int                 // what is kept in the fids of extended attributes
	dead       []*fid              // to be closed by who waits for the workers
	muted      bool                // replies are dropped: the session is over
	stopping   bool                // read is to return
	out        outgoing
}

func newSession(t lib9p.Transport, tree Tree) *session {
	s := &session{
		t:    t,
		tree: tree,
		rd:   lib9p.NewReader(t, 8192),
		fids: make(map[uint32]*fid),
		reqs: make(map[uint16]*request),
	}
	s.change.L = &s.mu
	if l, ok := tree.(Locking); ok {
		s.locks = l.Locks()
	}
	s.names = decimalNames{}
	if n, ok := tree.(Naming); ok {
		s.names = n
	}
	return s
}

// read takes requests until the conversation ends. It never returns nil.
func (s *session) read() error {
	for {
		f, err := s.rd.Next()
		if err != nil {
			return err
		}
		typ := f.Type()
		switch {
		case typ == lib9p.TypeTversion:
			err = s.version(f)
		case !s.agreed:
			s.answer(f.Tag(), lib9p.ErrorMsg(lib9p.P2000, refusal(refuse(lib9p.EPROTO, "protocol botch: Tversion comes first"))))
			err = fmt.Errorf("%s before Tversion", lib9p.TypeName(typ))
		case typ%2 != 0 || typ == lib9p.TypeTerror || typ == lib9p.TypeTlerror:
			err = fmt.Errorf("client sent %s", lib9p.TypeName(typ))
		default:
			err = s.take(f)
		}
		if err != nil {
			return err
		}
	}
}

// version ends the session that was and begins another.
func (s *session) version(f lib9p.Frame) error {
	tag, m, err := lib9p.Unpack(lib9p.P2000, f)
	if err != nil {
		return err
	}
	s.reset()
	t := m.(*lib9p.Tversion)
	if t.Msize < lib9p.MinMsize {
		s.answer(tag, lib9p.ErrorMsg(lib9p.P2000, refusal(refuse(lib9p.EINVAL,
			fmt.Sprintf("msize %d is too small: %d is the least", t.Msize, lib9p.MinMsize)))))
		return fmt.Errorf("client offers an msize of %d: %d is the least", t.Msize, lib9p.MinMsize)
	}
	r := &lib9p.Rversion{Msize: min(t.Msize, maxMsize), Version: "unknown"}
	d, ok := lib9p.Negotiate(t.Version)
	if ok {
		r.Version = d.String()
	}
	s.dialect, s.msize, s.agreed = d, r.Msize, ok
	s.rd.SetMax(r.Msize)
	s.answer(tag, r)
	return nil
}

// take checks a request, finds its fids, and has it done.
func (s *session) take(f lib9p.Frame) error {
	r := &request{s: s, tag: f.Tag(), dialect: s.dialect, msize: s.msize, size: len(f)}
	var err error
	if _, r.msg, err = lib9p.Unpack(s.dialect, f); err != nil {
		r.msg, r.bad = nil, refuse(lib9p.EPROTO, "protocol botch: "+err.Error())
	} else if r.tag == lib9p.NoTag {
		r.msg, r.bad = nil, errTag
	}
	switch m := r.msg.(type) {
	case *lib9p.Tflush:
		return s.flush(r, m.Oldtag)
	case *lib9p.Twrite:
		r.keep(&m.Data)
	case *lib9p.Tread:
		m.Count = min(m.Count, r.msize-lib9p.IOHeader)
		r.cost = int(m.Count)
	case *lib9p.Treaddir:
		m.Count = min(m.Count, r.msize-lib9p.IOHeader)
		r.cost = int(m.Count)
	}
	return s.begin(r, f)
}

// answer sends a reply that no request record stands for.
func (s *session) answer(tag uint16, m lib9p.Msg) {
	b := newBuffer(128)
	var err error
	if b.b, err = lib9p.Append(b.b, s.dialectFor(m), tag, m); err != nil {
		return // not ours: every reply that comes here fits
	}
	s.mu.Lock()
	s.send(b)
	s.write()
	s.mu.Unlock()
}

// dialectFor is the session's dialect, but that of the reply where there is none yet.
func (s *session) dialectFor(m lib9p.Msg) lib9p.Dialect {
	if _, ok := m.(*lib9p.Rerror); ok && !s.agreed {
		return lib9p.P2000
	}
	return s.dialect
}

// reset cancels all requests, waits for their end, and clunks all fids. Nothing is answered.
func (s *session) reset() {
	s.mu.Lock()
	s.muted = true
	s.cancelAll()
	s.quiet()
	s.out.drop()
	fids := s.takeFids()
	s.muted = false
	s.mu.Unlock()
	closeAll(fids)
}

// quiet waits for the end of all that runs. s.mu is held.
func (s *session) quiet() {
	for s.running > 0 || s.out.writing {
		s.change.Wait()
	}
}

// takeFids empties the table. s.mu is held.
func (s *session) takeFids() []*fid {
	fids := s.dead
	for _, f := range s.fids {
		fids = append(fids, f)
	}
	s.dead = nil
	clear(s.fids)
	return fids
}

func closeAll(fids []*fid) {
	for _, f := range fids {
		f.close()
	}
}

// cancelAll drops requests that wait and tells those that run. s.mu is held.
func (s *session) cancelAll() {
	for r := s.queue.first; r != nil; r = s.queue.first {
		s.queue.remove(r)
		delete(s.reqs, r.tag)
		s.unpinLater(r)
	}
	for _, r := range s.reqs {
		r.cancel()
	}
}

// end ends the session: requests that run may still be answered, then all fids
// are closed. The peer may be waiting for just that with its sending side closed.
func (s *session) end() {
	if d, ok := s.t.(interface{ SetWriteDeadline(time.Time) error }); !ok || d.SetWriteDeadline(time.Now().Add(writeGrace)) != nil {
		defer time.AfterFunc(writeGrace, func() { s.t.Close() }).Stop()
	}
	s.mu.Lock()
	s.cancelAll()
	s.quiet()
	fids := s.takeFids()
	s.mu.Unlock()
	closeAll(fids)
}

// interrupt makes read return.
func (s *session) interrupt() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.interruptLocked()
}

func (s *session) interruptLocked() {
	s.stopping = true
	s.change.Broadcast()
	if d, ok := s.t.(interface{ SetReadDeadline(time.Time) error }); ok && d.SetReadDeadline(time.Unix(1, 0)) == nil {
		return
	}
	s.t.Close()
}
