//go:build sim || mutate

package sim

import (
	"math/rand/v2"

	"github.com/styxkit/styxkit/lib9p"
)

var names = []string{"a", "b", "c", "d", "e", "f"}

// A drawing makes a client's next request. It has nothing to say where none of the client's fids fits.
type drawing struct {
	s *session
	r *rand.Rand
}

// pick returns one of the client's fids that ok likes and on which nothing else is under way that would disturb.
func (g *drawing) pick(alone bool, ok func(f *cfid) bool) *cfid {
	var l []*cfid
	for _, f := range g.s.sorted() {
		if f.ready && !f.excl && (!alone || f.users == 0) && (!f.dead || g.r.IntN(20) == 0) && ok(f) {
			l = append(l, f)
		}
	}
	if len(l) == 0 {
		return nil
	}
	return l[g.r.IntN(len(l))]
}

func closedDir(f *cfid) bool { return f.dir && !f.open && !f.xmake && !f.xattr }
func closed(f *cfid) bool    { return !f.open && !f.xmake && !f.xattr }
func openFile(f *cfid) bool  { return f.open && !f.dir }
func notRoot(f *cfid) bool   { return f.via != nil }

func (g *drawing) name() string { return names[g.r.IntN(len(names))] }

// there returns a name that dir has, or for a change any name.
func (g *drawing) there(dir *inode) string {
	l := dir.shown()
	if len(l) == 0 || g.r.IntN(6) == 0 {
		return g.name()
	}
	return l[g.r.IntN(len(l))]
}

// next issues a request, or nothing.
func (g *drawing) next() *op {
	s, w := g.s, g.s.w
	if w.haunted && g.r.IntN(4) == 0 { // what shows best whether something is done twice
		return g.write()
	}
	if len(s.fids) > 24 && g.r.IntN(2) == 0 {
		return g.clunk()
	}
	if w.d == lib9p.L {
		switch n := g.r.IntN(100); {
		case n < 18:
			return g.walk()
		case n < 30:
			return g.open()
		case n < 35:
			return g.create()
		case n < 44:
			return g.read()
		case n < 56:
			return g.write()
		case n < 60:
			return g.clunk()
		case n < 62:
			return g.remove()
		case n < 70:
			return g.stat()
		case n < 72:
			return g.wstat()
		case n < 78:
			return g.rename()
		case n < 84:
			return g.makeL()
		case n < 87:
			return g.unlink()
		case n < 93:
			return g.readdir()
		case n < 95:
			return g.lock()
		case n < 98:
			return g.xattr()
		case n < 99:
			return g.flush()
		}
		return g.rareL()
	}
	switch n := g.r.IntN(100); {
	case n < 20:
		return g.walk()
	case n < 33:
		return g.open()
	case n < 43:
		return g.create()
	case n < 52:
		return g.read()
	case n < 66:
		return g.write()
	case n < 71:
		return g.clunk()
	case n < 75:
		return g.remove()
	case n < 84:
		return g.stat()
	case n < 86:
		return g.wstat()
	case n < 91:
		return g.rename()
	case n < 98:
		return g.readdir()
	}
	return g.flush()
}

func (g *drawing) flush() *op {
	s := g.s
	var l []*op
	for tag := range uint16(64) {
		if o := s.tags[tag]; o != nil && o.flush == nil && o.typ != lib9p.TypeTflush && o.typ != lib9p.TypeTattach {
			l = append(l, o)
		}
	}
	if len(l) == 0 {
		return nil
	}
	old := l[g.r.IntN(len(l))]
	o := s.issue(&lib9p.Tflush{Oldtag: old.tag}, nil, nil, nil)
	if o != nil {
		o.old, old.flush = old, o
	}
	return o
}

func (g *drawing) rareL() *op {
	f := g.pick(false, func(f *cfid) bool { return !f.xmake && !f.xattr })
	if f == nil {
		return nil
	}
	switch g.r.IntN(3) {
	case 0:
		return g.s.issue(&lib9p.Tstatfs{Fid: f.num}, f, nil, nil)
	case 1:
		return g.s.issue(&lib9p.Tfsync{Fid: f.num}, f, nil, nil)
	}
	return g.s.issue(&lib9p.Treadlink{Fid: f.num}, f, nil, nil)
}
