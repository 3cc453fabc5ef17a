package styxpersist

import (
	"github.com/styxkit/styxkit/lib9p"
	"github.com/styxkit/styxkit/styxpersist/internal/mutate"
)

// A server may come back with a smaller msize than the client was told, and a file with a smaller iounit. The client goes on
// as before. What it reads is cut to what fits, as servers may do; what it writes goes in pieces, one after the other, each
// when the one before has its answer. The client is told the sum, or where they end.
//
// A piece is sent, flushed and judged as a request is. When the connection dies, a regular file gets all of them again. Elsewhere
// those that were acknowledged stand, and what cannot have been executed is left to the client: it is told of a short write.

const (
	leastMsize = 512               // of a server that comes back
	ioHeader   = lib9p.IOHeader    // what a message has beside its data
	readHeader = lib9p.OffBody + 4 // what a reply has, at least
)

// room returns how many bytes are read or written with one message.
func (srv *server) room() uint32 { return srv.msize - ioHeader }

// shrunk reports whether messages that the client may send are too long for srv.
func (srv *server) shrunk() bool { return srv.msize < srv.s.msize }

// namesThatFit returns how many of names go with one Twalk.
func (srv *server) namesThatFit(names []string) int {
	left := int(srv.msize) - (lib9p.OffFid2 + 6)
	for i, name := range names {
		if left -= 2 + len(name); left < 0 || i == lib9p.MaxWalk {
			return max(i, 1) // one that does not fit by itself is refused
		}
	}
	return len(names)
}

// smaller returns the iounit now where it is less than was told, else 0, which is no limit. To either, 0 is what fits a message.
func smaller(now, told uint32) uint32 {
	if now != 0 && (told == 0 || now < told) {
		return now
	}
	return 0
}

// inPieces reports whether r, a Twrite, has to be written piece by piece.
func (r *request) inPieces(srv *server) bool {
	return r.wrote > 0 || r.tooLong(srv) || r.fid.unit != 0 && r.frame.U32(lib9p.OffCount) > r.fid.unit
}

// tooLong reports whether r is longer than a message to srv may be.
func (r *request) tooLong(srv *server) bool { return uint32(len(r.frame)) > srv.msize }

// tooLong reports the same of r as it goes to srv, where it does so in one piece.
func (s *session) tooLong(srv *server, r *request) bool {
	if r.typ == lib9p.TypeTwrite || r.state == done {
		return false
	}
	if r.hardLink {
		return uint32(len(s.wireLink(r))) > srv.msize
	}
	return r.tooLong(srv)
}

// fits reports whether r can go to srv as it stands, at once.
func (r *request) fits(srv *server) bool {
	switch r.typ {
	case lib9p.TypeTwrite:
		return !r.inPieces(srv)
	case lib9p.TypeTread, lib9p.TypeTreaddir:
		return !r.wantsHelp(srv)
	case lib9p.TypeTattach:
		return !r.provenHere(srv.s) && !r.tooLong(srv)
	}
	return !r.tooLong(srv) && !r.hardLink
}

// nextPiece returns the message that writes the next piece of r, a Twrite.
func (r *request) nextPiece(srv *server) lib9p.Frame {
	const head = lib9p.OffCount + 4
	room := srv.room()
	if r.fid.unit != 0 {
		room = min(room, r.fid.unit)
	}
	r.piece = min(r.frame.U32(lib9p.OffCount)-r.wrote, room)
	f := append(lib9p.Frame(nil), r.frame[:head]...)
	f = append(f, r.frame[head+r.wrote:][:r.piece]...)
	f.PutU32(0, uint32(len(f)))
	f.PutU64(lib9p.OffOffset, r.offset())
	f.PutU32(lib9p.OffCount, r.piece)
	return f
}

// offset returns where r, a Twrite, or its next piece, begins.
func (r *request) offset() uint64 { return r.frame.U64(lib9p.OffOffset) + uint64(r.wrote) }

// data returns what r, a Twrite, or the piece of it that is under way, writes.
func (r *request) data() []byte {
	all := r.frame[lib9p.OffCount+4:]
	if r.piece > 0 {
		return all[r.wrote:][:r.piece]
	}
	return all
}

// learnPiece takes in that the server has written count bytes of a piece of r. It returns the answer
// to the whole in f, or nil where the next piece goes first.
func (s *session) learnPiece(r *request, f lib9p.Frame, count uint32) lib9p.Frame {
	whole := count == r.piece
	r.wrote, r.piece = r.wrote+count, 0
	if whole && r.wrote < r.frame.U32(lib9p.OffCount) && r.srv != nil && r.srv == s.srv && !r.flushing {
		s.sendNext(r)
		return nil
	}
	if mutate.Has(mutate.PieceSum) {
		r.wrote = count
	}
	f.PutU32(lib9p.OffBody, r.wrote)
	s.finish(r)
	return f
}

// sendNext has the sender write the next piece of r.
func (s *session) sendNext(r *request) {
	r.srv.freeTag(r)
	r.state = queued
	r.fid.unsent++
	s.ready = append(s.ready, r)
	s.kick()
}

// judgePieces decides what becomes of the pieces of r, a Twrite, now that the connection is dead: what can be made twice is made
// again from the beginning. It returns true where r has its answer.
func (s *session) judgePieces(r *request) (answered bool) {
	r.flushing = len(r.flushes) > 0 // from when it was proved
	switch {
	case !s.needsProof(r):
		r.wrote, r.piece = 0, 0
	case !r.doubt:
		r.piece = 0
		return s.wroteSome(r)
	}
	return false
}

// notDone takes in that r, a request in doubt, has certainly not been done. It returns true where r has its answer.
func (s *session) notDone(r *request) (answered bool) {
	r.state, r.doubt, r.resent = queued, false, true
	return r.typ == lib9p.TypeTwrite && s.judgePieces(r)
}

// wroteSome answers r, a Twrite of which some pieces are acknowledged and the rest will not be written. It returns
// false where there are none.
func (s *session) wroteSome(r *request) bool {
	if r.wrote == 0 {
		return false
	}
	s.answer(r, &lib9p.Rwrite{Count: r.wrote})
	return true
}

// refuseTooLong answers r, which srv can never take.
func (s *session) refuseTooLong(r *request) {
	traceless := r.makes != nil || r.typ == lib9p.TypeTwalk
	if r.doubt && !traceless {
		s.doubtful(r, "the server takes no message of that length any more")
		return
	}
	s.refuse(r, errTooLong)
}
