package srv

import (
	"context"
	"sync"
	"sync/atomic"

	"github.com/styxkit/styxkit/lib9p"
)

// A fid is what a number of the client's stands for. What it stands on never
// changes: a message that moves a fid puts another into the table.
type fid struct {
	// Immutable.
	s     *session
	num   uint32
	place *place
	user  User
	xattr *xattr // it is for an extended attribute, or nil

	refs  int  // of the table and of requests; guarded by s.mu
	loose bool // not in the table; guarded by s.mu

	opens chan struct{} // closed when the last open that has come is done; guarded by s.mu

	mu     sync.Mutex
	state  openState
	h      Handle // while state is opened; nil then for what was made and cannot be opened
	access uint32 // lib9p.LRDONLY, LWRONLY or LRDWR
	rclose bool   // remove the file at the clunk
	excl   bool   // counted as the one user of an exclusive-use file
	dir    dirCursor
	locked bool // has been locked: the lock table is to be asked at the clunk
}

type openState uint8

const (
	unopened openState = iota
	opening
	opened
)

// A place is a File that several fids may stand on.
type place struct {
	file File
	refs atomic.Int32
}

func newPlace(f File) *place {
	p := &place{file: f}
	p.refs.Store(1)
	return p
}

func (p *place) share() *place { p.refs.Add(1); return p }

func (p *place) release() {
	if p.refs.Add(-1) == 0 {
		p.file.Close()
	}
}

// pin finds and holds the fids that r names. A Tclunk and a Tremove take theirs
// out of the table, so that what comes after them does not find it. s.mu is held.
func (s *session) pin(r *request, f lib9p.Frame) {
	first, second := f.FidOffsets()
	switch r.msg.(type) {
	case *lib9p.Tattach, *lib9p.Tauth:
		return
	case *lib9p.Tclunk, *lib9p.Tremove:
		n := f.U32(first)
		if r.fid = s.fids[n]; r.fid != nil {
			delete(s.fids, n)
			r.fid.loose, r.owned = true, true
		}
		return
	case *lib9p.Twalk, *lib9p.Txattrwalk:
		second = 0
	}
	if first != 0 {
		r.fid = s.hold(f.U32(first))
	}
	if second != 0 {
		r.fid2 = s.hold(f.U32(second))
	}
	if r.fid == nil {
		return
	}
	r.after = r.fid.opens
	switch r.msg.(type) {
	case *lib9p.Topen, *lib9p.Tlopen:
		r.opens = make(chan struct{})
		r.fid.opens = r.opens
	}
}

// hold returns the fid with a reference for the caller, or nil. s.mu is held.
func (s *session) hold(num uint32) *fid {
	f := s.fids[num]
	if f != nil {
		f.refs++
	}
	return f
}

// unpin lets r's fids go and closes those that nobody has any more.
// s.mu is held, but not during the closing.
func (s *session) unpin(r *request) {
	for _, f := range []*fid{r.fid, r.fid2} {
		if f != nil && s.drop(f) {
			s.mu.Unlock()
			f.close()
			s.mu.Lock()
		}
	}
	r.fid, r.fid2 = nil, nil
}

// unpinLater is unpin for the reader, which does not wait for a tree: fids that
// nobody has any more go to s.dead. s.mu is held.
func (s *session) unpinLater(r *request) {
	for _, f := range []*fid{r.fid, r.fid2} {
		if f != nil && s.drop(f) {
			s.dead = append(s.dead, f)
		}
	}
	r.fid, r.fid2 = nil, nil
	r.in.free()
	r.in = nil
}

// bury closes the fids in s.dead. It counts as a worker.
func (s *session) bury() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for len(s.dead) > 0 {
		f := s.dead[len(s.dead)-1]
		s.dead = s.dead[:len(s.dead)-1]
		s.mu.Unlock()
		f.close()
		s.mu.Lock()
	}
	s.running--
	s.change.Broadcast()
}

// drop takes a reference and says whether it was the last. s.mu is held.
func (s *session) drop(f *fid) bool {
	f.refs--
	return f.refs == 0
}

// free says whether a number can be given to a new fid.
func (s *session) free(num uint32) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.freeLocked(num)
}

func (s *session) freeLocked(num uint32) error {
	switch {
	case num == lib9p.NoFid:
		return errUnknownFid
	case s.fids[num] != nil:
		return errDupFid
	case len(s.fids) >= maxFids:
		return errTooMany
	}
	return nil
}

// enter puts a new fid into the table, or closes it where its number is taken.
func (s *session) enter(f *fid) error {
	f.refs = 1
	s.mu.Lock()
	err := s.freeLocked(f.num)
	if err == nil {
		s.fids[f.num] = f
	}
	s.mu.Unlock()
	if err != nil {
		f.close()
	}
	return err
}

// replace puts a fid into old's place, which the caller holds. Where old has
// been clunked meanwhile, the new one is closed.
func (s *session) replace(old, f *fid) error {
	f.refs = 1
	s.mu.Lock()
	ok := s.fids[old.num] == old
	if ok {
		s.fids[old.num] = f
		old.loose = true
		old.refs-- // the caller has one
	}
	s.mu.Unlock()
	if !ok {
		f.close()
		return errUnknownFid
	}
	return nil
}

// close ends what the fid stands for: its locks, its handle, with ORCLOSE the
// file. It returns the first error. Nobody else uses the fid.
func (f *fid) close() error {
	var err error
	if f.locked {
		f.s.locks.drop(f)
	}
	if f.xattr != nil {
		f.xattr.forget(f.s)
	}
	if f.h != nil {
		err = f.h.Close()
	}
	if f.excl {
		f.s.locks.unuse(f.place.file.Qid().Path)
	}
	if f.rclose {
		if p, ok := f.place.file.(Placed); ok {
			if rerr := p.Remove(context.Background()); err == nil {
				err = rerr
			}
		}
	}
	f.place.release()
	return err
}

// qid is the qid of the file that the fid stands on.
func (f *fid) qid() lib9p.Qid { return f.place.file.Qid() }

// opened returns the handle of r's fid and how it may be used. What has come behind an open waits for that.
func (r *request) opened() (Handle, uint32, error) {
	if r.after != nil {
		select {
		case <-r.after:
		default:
			select {
			case <-r.after:
			case <-r.Done():
				return nil, 0, r.Err()
			}
		}
	}
	return r.fid.handle()
}

// handle returns the handle of an open fid and how it may be used.
func (f *fid) handle() (Handle, uint32, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.state != opened {
		return nil, 0, errNotOpen
	}
	return f.h, f.access, nil
}

// startOpen claims the fid for an open. Only one can have it.
func (f *fid) startOpen() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.state != unopened || f.xattr != nil {
		return errOpen
	}
	f.state = opening
	return nil
}

// endOpen ends what startOpen began.
func (f *fid) endOpen(h Handle, flags uint32, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err != nil {
		f.state = unopened
		return
	}
	f.state, f.h, f.access = opened, h, flags&lib9p.LACCMODE
}

// isOpen says whether the fid is open or about to be.
func (f *fid) isOpen() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.state != unopened
}
