package styxpersist

import (
	"fmt"

	"github.com/styxkit/styxkit/lib9p"
)

// A QidPolicy says what to make of a server that comes back and gives its files other qids than they had.
type QidPolicy uint8

const (
	// QidsAuto takes the files for replaced, unless the server has given all of them other qids, and there is evidence
	// that they are the same: names and types agree, and the length and mtime of at least one that is known, and of every one
	// whose attributes are known. A server that has once come back with its qids is known to keep them.
	QidsAuto QidPolicy = iota
	// QidsStrict takes them for replaced.
	QidsStrict
	// QidsName takes what has a file's name, and its type, for the file. It costs a walk for each fid when a server comes back.
	QidsName
)

var qidPolicies = [...]string{QidsAuto: "auto", QidsStrict: "strict", QidsName: "name"}

// String returns auto, strict or name.
func (p QidPolicy) String() string {
	if int(p) < len(qidPolicies) {
		return qidPolicies[p]
	}
	return fmt.Sprintf("QidPolicy(%d)", uint8(p))
}

// ParseQidPolicy is the inverse of String.
func ParseQidPolicy(name string) (QidPolicy, bool) {
	for p, s := range qidPolicies {
		if s == name {
			return QidPolicy(p), true
		}
	}
	return 0, false
}

// A numbering is how the qid paths of a server that numbers its files anew when it starts stand for those that the client
// knows. The whole table speaks in the client's. There is none while a server keeps its qids. Mutex.
type numbering struct {
	client  map[uint64]uint64  // by the server's path, the client's, where it is another or has to be kept apart
	server  map[uint64]uint64  // the inverse
	taken   map[uint64]bool    // the client's paths of files that it knew before: no other file may have one
	strange map[*node]struct{} // files that it knew before and that have not been found yet
	made    uint64             // paths made up
}

// madeUp is where the paths begin that are given to files whose own is another's already.
const madeUp = 0xfffe << 48

// maxMadeUp bounds what is remembered of them.
const maxMadeUp = 1 << 20

func newNumbering() *numbering {
	return &numbering{
		client: make(map[uint64]uint64), server: make(map[uint64]uint64),
		taken: make(map[uint64]bool), strange: make(map[*node]struct{}),
	}
}

// see returns q, a qid of the server's, as the client knows it. It is nil-safe.
func (nb *numbering) see(q lib9p.Qid) lib9p.Qid {
	if nb != nil {
		q.Path = nb.path(q.Path)
	}
	return q
}

// path returns the client's path for one of the server's.
func (nb *numbering) path(p uint64) uint64 {
	if c, ok := nb.client[p]; ok {
		return c
	}
	if !nb.taken[p] && p < madeUp {
		return p
	}
	if len(nb.client) > maxMadeUp {
		return madeUp + p%(1<<47)
	}
	for nb.taken[madeUp+nb.made] {
		nb.made++
	}
	c := madeUp + nb.made
	nb.made++
	nb.set(p, c)
	return c
}

func (nb *numbering) set(server, client uint64) {
	nb.client[server], nb.server[client] = client, server
}

// raw is the inverse of path. It is nil-safe.
func (nb *numbering) raw(client uint64) uint64 {
	if nb == nil {
		return client
	}
	if p, ok := nb.server[client]; ok {
		return p
	}
	return client
}

// adopt takes the file that has path p now for n. It returns false where either is another file already.
func (nb *numbering) adopt(n *node, p uint64) bool {
	delete(nb.strange, n)
	if was, ok := nb.server[n.qid.Path]; ok {
		return was == p
	}
	if c, ok := nb.client[p]; ok {
		if nb.taken[c] {
			return c == n.qid.Path
		}
		delete(nb.server, c)
	}
	nb.set(p, n.qid.Path)
	return true
}

// patchPath makes the qid that begins b the client's.
func (nb *numbering) patchPath(b lib9p.Frame) {
	const offPath = 5
	b.PutU64(offPath, nb.path(b.U64(offPath)))
}

// translate makes the qids in f, the server's answer to r, those that the client knows.
// What is malformed is left to whoever looks at it later.
func (s *session) translate(nb *numbering, r *request, f lib9p.Frame) {
	if f.Type() != r.typ+1 || f.Type() == lib9p.TypeRversion || f.Validate(s.d) != nil {
		return
	}
	body := f[lib9p.OffBody:]
	switch f.Type() {
	case lib9p.TypeRattach, lib9p.TypeRopen, lib9p.TypeRcreate, lib9p.TypeRlopen, lib9p.TypeRlcreate,
		lib9p.TypeRsymlink, lib9p.TypeRmknod, lib9p.TypeRmkdir:
		nb.patchPath(body)
	case lib9p.TypeRwalk:
		for i := range int(f.U16(lib9p.OffBody)) {
			nb.patchPath(body[2+i*lib9p.QidSize:])
		}
	case lib9p.TypeRgetattr:
		nb.patchPath(body[8:])
	case lib9p.TypeRstat:
		nb.patchPath(body[2+offStatQid:])
	case lib9p.TypeRreaddir:
		s.translateEntries(nb, body[4:])
	case lib9p.TypeRread:
		if r.readsDir || r.fid != nil && r.fid.dir {
			s.translateEntries(nb, body[4:])
		}
	}
}

const offStatQid = 2 + 2 + 4 // in a stat: behind size, type and dev

// translateEntries is translate for the entries of a directory.
func (s *session) translateEntries(nb *numbering, data lib9p.Frame) {
	for len(data) > 0 {
		at, rest := 0, []byte(nil)
		var err error
		if s.d == lib9p.L {
			_, rest, err = lib9p.NextDirent(data)
		} else {
			at = offStatQid
			_, rest, err = lib9p.NextStat(data, s.d)
		}
		if err != nil {
			return
		}
		nb.patchPath(data[at:])
		data = rest
	}
}
