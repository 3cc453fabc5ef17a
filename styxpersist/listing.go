package styxpersist

import (
	"time"

	"9fans.net/go/plan9"

	"github.com/styxkit/styxkit/lib9p"
	"github.com/styxkit/styxkit/lib9p/hidden"
)

// Hidden names are left out of what a client reads of a directory, those of other sessions too. One that is old is
// left behind by a process that was killed, and is swept.

// show takes out of f, an answer to r, what the client is not to see. It returns nil where nothing is left
// and more may follow: then r is answered with that.
func (s *session) show(r *request, f lib9p.Frame) lib9p.Frame {
	const at = lib9p.OffBody + 4
	keep, more := s.learnVisible(r, f[at:])
	if more {
		srv := r.srv
		srv.freeTag(r)
		r.state, r.srv, r.kept = queued, nil, true
		s.help(srv, r)
		return nil
	}
	if len(keep) < len(f)-at {
		f = f[:at+copy(f[at:], keep)]
		f.PutU32(0, uint32(len(f)))
		f.PutU32(lib9p.OffBody, uint32(len(keep)))
	}
	return f
}

// learnVisible takes in entries that were read for r, and returns those that a client may see, and whether there are none
// of these, but may be more behind.
func (s *session) learnVisible(r *request, data []byte) (keep []byte, more bool) {
	if s.namer == nil || !hidden.In(data) {
		s.learnEntries(r, data)
		return data, false
	}
	keep = s.visible(r.fid.node, data)
	s.learnEntries(r, keep)
	if c := r.fid.cursor; s.d != lib9p.L && len(keep) < len(data) {
		c.shifted, c.server = true, r.frame.U64(lib9p.OffOffset)+uint64(len(data))
	}
	return keep, len(keep) == 0
}

// readVisible reads entries of dir as readEntries does. In 9P2000.L it reads on where the client may see none of them.
func (s *session) readVisible(srv *server, sfid uint32, dir *node, at uint64, count uint32) ([]byte, error) {
	for {
		data, err := s.readEntries(srv, sfid, at, count)
		if err != nil || s.d != lib9p.L || s.namer == nil || !hidden.In(data) {
			return data, err
		}
		s.mu.Lock()
		keep := s.visible(dir, data)
		s.eachEntry(data, func(_ string, cookie uint64, _ []byte) { at = cookie })
		s.mu.Unlock()
		if len(keep) > 0 {
			return keep, nil
		}
	}
}

// visible returns the entries of dir in data that a client is to see.
func (s *session) visible(dir *node, data []byte) []byte {
	var keep []byte
	if !s.eachEntry(data, func(name string, _ uint64, raw []byte) {
		if !s.conceals(dir, name) {
			keep = append(keep, raw...)
		}
	}) {
		return data // it is the client's to say that it is malformed
	}
	return keep
}

// conceals reports whether a client is not to see name in dir. It has what is left behind swept.
func (s *session) conceals(dir *node, name string) bool {
	if s.namer == nil || !hidden.Is(name) {
		return false
	}
	if hidden.Age(name) > hidden.Old {
		s.sweep(place{dir, name})
	}
	return true
}

// sweepDelay is how long an old name is given to be renewed. Whose server was away for days needs it.
const sweepDelay = 10 * time.Minute

// maxSweep bounds what is swept at a time.
const maxSweep = 256

// sweep has a name that was left behind removed, if it is there still after a while.
func (s *session) sweep(at place) {
	if s.sweeping[at] || len(s.sweeping) >= maxSweep || s.ctx.Err() != nil {
		return
	}
	s.sweeping[at] = true
	at.dir.hold()
	s.spawn(func() {
		if sleep(s.ctx, sweepDelay) == nil {
			s.sweepOld(at)
		}
		s.mu.Lock()
		delete(s.sweeping, at)
		at.dir.drop()
		s.mu.Unlock()
	})
}

// sweepOld removes a hidden name. Where there is no server it stays, until a listing meets it again.
func (s *session) sweepOld(at place) {
	s.mu.Lock()
	srv := s.srv
	s.mu.Unlock()
	if srv != nil {
		s.sweepUp(srv, at)
	}
}

// holdsHidden reports whether a hidden file of the session's is in directory n.
func (s *session) holdsHidden(n *node) bool {
	for h := range s.stays {
		if h.parent == n {
			return true
		}
	}
	return false
}

// emptyOut takes the session's hidden files out of a directory, if there is nothing else in it: those that are open go to the directory
// above, where the dialect can say that; the others are removed, and what is open dies with its connection.
func (p *prober) emptyOut(n *node) error {
	s := p.s
	mine, err := p.onlyHidden(n)
	if err != nil {
		return err
	}
	for _, h := range mine {
		s.mu.Lock()
		up := n.parent
		stays := h.opens > 0 && s.d == lib9p.L && up != nil
		name := h.name
		s.mu.Unlock()
		if stays {
			if err := s.relocate(p.srv, h, up); err != nil {
				return err
			}
			continue
		}
		at, err := p.lookup(n, name)
		if err == nil && at.ok {
			err = p.remove(at.sfid)
		}
		if err != nil {
			return err
		}
		s.mu.Lock()
		s.endStay(h)
		s.mu.Unlock()
	}
	return nil
}

// onlyHidden returns the hidden files of the session's in directory n, and none where something else is in it.
func (p *prober) onlyHidden(n *node) (mine []*node, err error) {
	s := p.s
	sfid, err := p.reach(n)
	if err != nil {
		return nil, err
	}
	if _, err := s.open(p.srv, sfid, plan9.OREAD); err != nil { // in .L too
		return nil, err
	}
	for at := uint64(0); ; {
		data, err := s.readEntries(p.srv, sfid, at, p.srv.room())
		if err != nil {
			return nil, err
		}
		if len(data) == 0 {
			return mine, nil
		}
		next, others := at+uint64(len(data)), false
		s.mu.Lock()
		ok := s.eachEntry(data, func(name string, cookie uint64, _ []byte) {
			if s.d == lib9p.L {
				next = cookie
			}
			if name == "." || name == ".." {
				return
			}
			if h := n.children[name]; h != nil && s.stays[h] != nil {
				mine = append(mine, h)
			} else {
				others = true
			}
		})
		s.mu.Unlock()
		if !ok || others {
			return nil, nil
		}
		at = next
	}
}
