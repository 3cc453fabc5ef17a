package styxpersist

import "github.com/styxkit/styxkit/lib9p"

// A moveNote remembers a rename for walks that were under way then: they may say what was true before.
type moveNote struct {
	from *node // held
	name string
	file *node // held; nil where the session had not seen the file
	to   *node // held
	as   string
	seq  uint64 // the session's when the answer came
}

// maxMoves bounds the renames that a root remembers.
const maxMoves = 64

func (r *root) moved(m moveNote) {
	if r.superseded {
		return
	}
	m.from.hold()
	m.to.hold()
	if m.file != nil {
		m.file.hold()
	}
	if r.moves = append(r.moves, m); len(r.moves) <= maxMoves {
		return
	}
	m, r.moves = r.moves[0], r.moves[1:]
	m.drop()
}

func (m *moveNote) drop() {
	m.from.drop()
	m.to.drop()
	if m.file != nil {
		m.file.drop()
	}
}

// follow returns the place of the file qid that a walk of number seq found by name in n, before one of the renames
// from the i-th on was told. It is nil where none of them was of that file. Where the session had not seen the file that was renamed,
// this may as well be one that has come to the name since; where another has the new name now, that is likelier, and that
// name is the other place.
func (r *root) follow(n *node, name string, qid lib9p.Qid, seq uint64, i int) (file *node, other place) {
	for ; i < len(r.moves); i++ {
		m := r.moves[i]
		switch {
		case m.from != n || m.name != name || m.seq < seq:
		case m.file != nil && sameFile(m.file.qid, qid):
			return m.file, place{}
		case m.file == nil:
			f, at := r.follow(m.to, m.as, qid, seq, i+1)
			c, guess := m.to.children[m.as], false
			switch {
			case f != nil:
			case c == nil || sameFile(c.qid, qid):
				f, guess = m.to.child(m.as, qid, m.to.renamed+1), c == nil
			case at.dir == nil:
				at = place{m.to, m.as}
			}
			if f == nil {
				other = at
				continue
			}
			if guess || !f.inPlace() {
				f.orAt(place{n, name})
			}
			return f, place{}
		}
	}
	return nil, other
}
