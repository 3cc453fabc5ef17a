//go:build sim || mutate

package sim

import "github.com/styxkit/styxkit/lib9p"

// A server that numbers its files anew when it starts gives each another qid.path: the upper half of it counts the starts.
const epochShift = 32

// eachQid calls fn for the qids of m, a reply, but not for those in a directory's data.
func eachQid(m lib9p.Msg, fn func(q *lib9p.Qid)) {
	switch m := m.(type) {
	case *lib9p.Rattach:
		fn(&m.Qid)
	case *lib9p.Rwalk:
		for i := range m.Wqid {
			fn(&m.Wqid[i])
		}
	case *lib9p.Ropen:
		fn(&m.Qid)
	case *lib9p.Rcreate:
		fn(&m.Qid)
	case *lib9p.Rlopen:
		fn(&m.Qid)
	case *lib9p.Rlcreate:
		fn(&m.Qid)
	case *lib9p.Rsymlink:
		fn(&m.Qid)
	case *lib9p.Rmknod:
		fn(&m.Qid)
	case *lib9p.Rmkdir:
		fn(&m.Qid)
	case *lib9p.Rgetattr:
		fn(&m.Qid)
	case *lib9p.Rstat:
		fn(&m.Stat.Qid)
	}
}

// timeless takes the numbers of files out of m where they change. A number that another file has had may come to the
// client as one that no server gave.
func (w *world) timeless(m lib9p.Msg) {
	if a, ok := m.(*lib9p.Rgetattr); ok && w.silly {
		a.Nlink = 0 // hidden names do not count
	}
	if w.renumbers {
		eachQid(m, func(q *lib9p.Qid) { q.Path = 0 })
	}
}

// numbers looks whether the file of a fid that the client has kept has the qid in m that it had.
func (s *session) numbers(o *op, m lib9p.Msg) {
	of, makes := o.fid, false
	switch m.(type) {
	case *lib9p.Rattach, *lib9p.Rwalk:
		of, makes = o.makes, true
	case *lib9p.Rcreate, *lib9p.Rlcreate:
		makes = true
	case *lib9p.Ropen, *lib9p.Rlopen, *lib9p.Rgetattr, *lib9p.Rstat:
	default:
		of = nil
	}
	eachQid(m, func(q *lib9p.Qid) {
		switch {
		case of == nil:
		case makes:
			of.path = q.Path
		case of.path != 0 && of.path != q.Path:
			s.w.fail("operation %d, %s: the fid's file was %x, and the client is told %x now", o.id, lib9p.TypeName(o.typ), of.path, q.Path)
		}
	})
	if m, ok := m.(*lib9p.Rwalk); ok && o.makes != nil && len(m.Wqid) == 0 {
		o.makes.path = o.fid.path
	}
	if _, ok := m.(*lib9p.Rwalk); ok && o.makes == nil {
		o.fid.path = 0 // it is another file, or the same
	}
	s.w.timeless(m)
}
