package styxpersist

import (
	"9fans.net/go/plan9"

	"github.com/styxkit/styxkit/lib9p"
	"github.com/styxkit/styxkit/styxpersist/internal/mutate"
)

// With Config.Sole nobody else makes or removes names. Then a name that was free, and is there, has been made by the request in
// doubt: by whom else? By the client itself, with another request. So it has to be known
//
//   - that the name was free: the client has seen so, or removed it, and nothing that may have made it was answered since;
//   - that no other request about it was under way, see crowd.go;
//   - that no old connection can do one still that has its answer, of which the ghosts tell;
//   - that the directory has one node, so that what is known of its names is kept in one place.
//
// What has a length, or entries, is not new, whoever may have broken the promise.

// blur takes in that r has changed names, or may have. What is known of others is worth nothing where r has come to
// their directory in another way.
func (s *session) blur(r *request) {
	if !s.link.cfg.Sole {
		return
	}
	for _, p := range s.places(r) {
		if p.dir != nil && !p.dir.sure() {
			s.blurred = s.seq
		}
	}
}

// sure reports whether n is the one node of a directory.
func (n *node) sure() bool {
	for ; n.parent != nil; n = n.parent {
		if !n.inPlace() || n.name == ".." {
			return false
		}
	}
	return true
}

// alone reports whether what becomes of a name is the doing of requests that have no answer.
func (p *prober) alone(at place) bool {
	s := p.s
	s.mu.Lock()
	defer s.mu.Unlock()
	one := len(s.roots) == 1 && s.roots[0] == at.dir.root // trees may have directories in common
	return s.link.cfg.Sole && one && p.srv.nums == nil && at.dir.sure() && !s.isHaunted(at)
}

// wasFree reports whether the client knew that nothing had a name before r, and nothing has made it since.
func (p *prober) wasFree(r *request, at place) bool {
	p.s.mu.Lock()
	defer p.s.mu.Unlock()
	return max(r.free, at.dir.absent[at.name]) > p.s.blurred || mutate.Has(mutate.Claim)
}

// isNew reports whether what is found is as it was made: a regular file without bytes, or a directory without entries.
func (p *prober) isNew(found found, dir bool) (bool, error) {
	switch {
	case isDir(found.qid) != dir || found.qid.Type&(plan9.QTSYMLINK|plan9.QTMOUNT|plan9.QTAUTH) != 0:
		return false, nil
	case dir:
		return p.isEmpty(found.sfid)
	}
	k, length, err := p.file(found.sfid)
	return err == nil && length == 0 && (k == kindRegular || k == kindUnknown && p.s.d != lib9p.L), err
}

// isEmpty opens sfid, a directory, and reports whether there is nothing in it.
func (p *prober) isEmpty(sfid uint32) (bool, error) {
	if _, err := p.s.open(p.srv, sfid, lib9p.LRDONLY); err != nil { // which is 0, as is OREAD
		return false, err
	}
	for at := uint64(0); ; {
		data, err := p.s.readEntries(p.srv, sfid, at, p.srv.room())
		if err != nil || len(data) == 0 {
			return err == nil, err
		}
		empty, next := true, uint64(0)
		whole := p.s.eachEntry(data, func(name string, cookie uint64, _ []byte) {
			empty = empty && (name == "." || name == "..")
			next = cookie
		})
		if !whole || !empty {
			return false, nil
		}
		if at += uint64(len(data)); p.s.d == lib9p.L {
			at = next
		}
	}
}

// lookWhose reports whether it can be found out who has made the name that r was refused for, which may have been r, by an old
// connection. Then that is looked into, once, and r waits for it.
func (s *session) lookWhose(r *request) bool {
	if !s.link.cfg.Sole || r.fid2 != nil || r.looked || r.flushing || r.free == 0 {
		return false
	}
	r.looked = true
	s.proveAgain(r)
	return true
}

// stillThere judges what was to remove a name of which nothing is known, and which is there.
func (p *prober) stillThere(at place) (verdict, error) {
	if !p.alone(at) {
		return undecided, nil
	}
	return p.again()
}

// movedUnseen judges a rename of a file that the session has never seen.
func (p *prober) movedUnseen(r *request, from, to place) (verdict, error) {
	if !p.alone(from) || !p.alone(to) {
		return undecided, nil
	}
	found, err := p.lookup(from.dir, from.name)
	switch {
	case err != nil:
		return undecided, err
	case found.ok:
		return p.again()
	case !p.wasFree(r, to):
		return undecided, nil
	}
	found, err = p.lookup(to.dir, to.name)
	if err != nil || !found.ok {
		return undecided, err
	}
	return didIt(&lib9p.Rrenameat{}), nil
}
