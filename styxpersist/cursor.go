package styxpersist

import (
	"errors"
	"hash/maphash"

	"github.com/styxkit/styxkit/lib9p"
	"github.com/styxkit/styxkit/styxpersist/internal/mutate"
)

// A cursor is how far a client has read an open directory. A new connection's open begins at the top, and its
// offsets need not mean what the old ones did, so after a recovery the session reads from the top by
// itself and leaves out the names that the client has had.
type cursor struct {
	offset   uint64 // where the client goes on: of 9P2000 a number of bytes, of .L the cookie of last
	last     string
	names    map[uint64]struct{} // hashes of the names that the client has had
	overflow bool                // there were too many to keep
	broken   bool                // the directory was opened anew since
	filter   bool                // .L: a cookie has meant nothing once; leave out what the client has had, to the end
	shifted  bool                // 9P2000: the client was not shown all, so that the server's offsets are others
	server   uint64              // 9P2000, and broken or shifted: the server's offset where ours is offset
}

const maxNames = 1 << 20

var nameSeed = maphash.MakeSeed()

func (c *cursor) saw(name string) {
	if len(c.names) >= maxNames {
		c.overflow = true
		return
	}
	c.names[maphash.String(nameSeed, name)] = struct{}{}
}

func (c *cursor) had(name string) bool {
	_, ok := c.names[maphash.String(nameSeed, name)]
	return ok
}

// lose takes in that the directory has to be opened anew.
func (c *cursor) lose() { c.broken, c.server = !mutate.Has(mutate.DirOffset), 0 }

// wantsHelp reports whether r reads on in a directory that was opened anew since the client began,
// or asks for more of a directory than fits a message.
func (r *request) wantsHelp(srv *server) bool {
	if r.typ != lib9p.TypeTread && r.typ != lib9p.TypeTreaddir || !r.fid.dir {
		return false
	}
	if c := r.fid.cursor; c != nil {
		if r.frame.U64(lib9p.OffOffset) == 0 {
			c.broken, c.filter, c.shifted = false, false, false
		}
		if c.moved() {
			return true
		}
	}
	return srv.shrunk() && r.frame.U32(lib9p.OffCount) > srv.room()
}

// moved reports whether the server's place in the directory may be another than the client's.
func (c *cursor) moved() bool { return c != nil && (c.broken || c.filter || c.shifted) }

// learnEntries takes in what a directory read gave the client.
func (s *session) learnEntries(r *request, data []byte) {
	c := r.fid.cursor
	if c == nil || r.frame.U64(lib9p.OffOffset) == 0 {
		c = &cursor{names: make(map[uint64]struct{})}
		r.fid.cursor = c
	}
	if s.d != lib9p.L {
		c.offset = r.frame.U64(lib9p.OffOffset) + uint64(len(data))
	}
	s.eachEntry(data, func(name string, cookie uint64, _ []byte) {
		c.saw(name)
		if s.d == lib9p.L {
			c.offset, c.last = cookie, name
		}
	})
}

// eachEntry calls fn for the entries of a directory read. It returns false where one is malformed.
func (s *session) eachEntry(data []byte, fn func(name string, cookie uint64, raw []byte)) bool {
	for len(data) > 0 {
		var name string
		var cookie uint64
		var rest []byte
		var err error
		if s.d == lib9p.L {
			var e lib9p.Dirent
			e, rest, err = lib9p.NextDirent(data)
			name, cookie = e.Name, e.Offset
		} else {
			var e lib9p.Stat
			e, rest, err = lib9p.NextStat(data, s.d)
			name = e.Name
		}
		if err != nil {
			return false
		}
		fn(name, cookie, data[:len(data)-len(rest)])
		data = rest
	}
	return true
}

// help has r, which the server cannot answer as it stands, answered in a goroutine of its own.
func (s *session) help(srv *server, r *request) {
	if s.hides(r) {
		s.hide(srv, r)
		return
	}
	if s.strays(r) {
		s.guide(srv, r)
		return
	}
	f := r.fid
	wait := s.bar(f, r.seq) // also where r is cancelled: a directory is not read in two places at once, nor when it is clunked
	sfid, dir, c, moved := r.fid.sfid, r.fid.node, r.fid.cursor, r.fid.cursor.moved()
	offset, count := r.frame.U64(lib9p.OffOffset), r.frame.U32(lib9p.OffCount)
	s.spawn(func() {
		var p piece
		var err error
		if moved {
			p, err = s.readOn(srv, r, sfid, dir, c, offset, count)
		} else {
			p.data, err = s.readVisible(srv, sfid, dir, offset, count)
		}
		s.mu.Lock()
		defer s.tell(nil)
		defer s.mu.Unlock()
		defer s.unbar(f, wait)
		switch {
		case r.state != queued || s.srv != srv || srv.ctx.Err() != nil || errors.Is(err, errGone): // the next connection's, or cancelled
		case err != nil:
			e, ok := errors.AsType[*lib9p.Error](err)
			if !ok {
				e = errIO
			}
			s.refuse(r, e)
		default:
			var more bool
			if moved {
				c.gave(p)
			} else if p.data, more = s.learnVisible(r, p.data); more {
				s.help(srv, r)
				return
			}
			s.answer(r, s.entries(p.data))
		}
	})
}

// entries is the answer to a directory read.
func (s *session) entries(data []byte) lib9p.Msg {
	if s.d == lib9p.L {
		return &lib9p.Rreaddir{Data: data}
	}
	return &lib9p.Rread{Data: data}
}

// A piece is what readOn found for the client, and where the cursor is once the client has it.
type piece struct {
	data  []byte
	names []string
	to    cursor // without names
}

// gave takes in that the client gets p.
func (c *cursor) gave(p piece) {
	names, overflow := c.names, c.overflow
	*c = p.to
	c.names, c.overflow = names, overflow
	for _, name := range p.names {
		c.saw(name)
	}
}

// readOn reads, for r, the part of a directory that the client has not had, at most count bytes of whole
// entries; none is the end. It leaves the cursor as it is: the answer may be lost to a death still.
// Only the goroutine of the fid's one directory read calls it.
func (s *session) readOn(srv *server, r *request, sfid uint32, dir *node, c *cursor, offset uint64, count uint32) (p piece, err error) {
	s.mu.Lock()
	p.to = *c
	s.mu.Unlock()
	at, known := offset, offset == p.to.offset && (!p.to.overflow || !p.to.broken && !p.to.filter)
	switch {
	case s.d == lib9p.L && !known: // a seek back to some cookie, or more names than were kept: the cookie is all there is
		p.data, err = s.readVisible(srv, sfid, dir, at, count)
		return p, err
	case s.d == lib9p.L && p.to.broken:
		trusted, err := s.cookieHolds(srv, r, sfid, &p.to, count)
		if err != nil {
			return p, err
		}
		p.to.broken = false
		if !trusted {
			at, p.to.filter = 0, true
		}
	case s.d != lib9p.L && !known:
		return p, errBadOffset
	case s.d != lib9p.L:
		at = p.to.server
	}
	for len(p.data) == 0 {
		data, err := s.readMore(srv, r, sfid, at, count)
		if err != nil || len(data) == 0 {
			return p, err
		}
		s.mu.Lock()
		ok := s.eachEntry(data, func(name string, cookie uint64, raw []byte) {
			if s.d == lib9p.L {
				at = cookie
			}
			if s.conceals(dir, name) || (p.to.filter || s.d != lib9p.L && p.to.broken) && c.had(name) {
				return
			}
			p.data, p.names = append(p.data, raw...), append(p.names, name)
			if s.d == lib9p.L {
				p.to.offset, p.to.last = cookie, name
			}
		})
		s.mu.Unlock()
		if !ok {
			return p, errIO
		}
		if s.d != lib9p.L {
			at += uint64(len(data))
			p.to.server, p.to.offset = at, offset+uint64(len(p.data))
		}
	}
	return p, nil
}

var errBadOffset = &lib9p.Error{Ename: "bad offset in directory read", Errno: lib9p.EINVAL}

// cookieHolds reports whether the cookie that the client goes on from still stands behind the same name.
func (s *session) cookieHolds(srv *server, r *request, sfid uint32, c *cursor, count uint32) (bool, error) {
	for at := uint64(0); ; {
		data, err := s.readMore(srv, r, sfid, at, count)
		if err != nil || len(data) == 0 {
			return false, err
		}
		found := false
		if !s.eachEntry(data, func(name string, cookie uint64, _ []byte) {
			at = cookie
			found = found || cookie == c.offset && name == c.last
		}) {
			return false, errIO
		}
		if found {
			return true, nil
		}
	}
}

var errCancelled = errors.New("nobody waits for it any more")

// readMore is readEntries for as long as r wants it.
func (s *session) readMore(srv *server, r *request, sfid uint32, offset uint64, count uint32) ([]byte, error) {
	s.mu.Lock()
	wanted := r.state == queued
	s.mu.Unlock()
	if !wanted {
		return nil, errCancelled
	}
	return s.readEntries(srv, sfid, offset, count)
}

// readEntries reads a part of a directory, at most count bytes of whole entries. Where the client may have more than
// srv gives with one message, an entry that did not fit is asked for once more, with all that a message can carry.
func (s *session) readEntries(srv *server, sfid uint32, offset uint64, count uint32) ([]byte, error) {
	n, most := min(count, srv.room()), min(count, srv.msize-readHeader)
	data, err := s.readSome(srv, sfid, offset, n)
	if srv.shrunk() && most > n && len(data) == 0 && (err == nil || number(err) != 0) {
		return s.readSome(srv, sfid, offset, most)
	}
	return data, err
}

// readSome reads count bytes of a directory at offset.
func (s *session) readSome(srv *server, sfid uint32, offset uint64, count uint32) ([]byte, error) {
	if s.d == lib9p.L {
		m, err := srv.call(srv.ctx, &lib9p.Treaddir{Fid: sfid, Offset: offset, Count: count})
		if err != nil {
			return nil, err
		}
		return m.(*lib9p.Rreaddir).Data, nil
	}
	m, err := srv.ask(srv.ctx, &request{readsDir: true}, &lib9p.Tread{Fid: sfid, Offset: offset, Count: count})
	if err != nil {
		return nil, err
	}
	return m.(*lib9p.Rread).Data, nil
}
