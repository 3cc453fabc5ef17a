//go:build sim || mutate

package sim

import (
	"fmt"
	"math/rand/v2"
	"strings"

	"9fans.net/go/plan9"

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

func (g *drawing) walk() *op {
	s := g.s
	if len(s.fids) == 0 || g.r.IntN(30) == 0 {
		to := s.free()
		return s.issue(&lib9p.Tattach{Fid: to.num, Afid: lib9p.NoFid, Uname: "u", Nuname: 7}, nil, nil, to)
	}
	inPlace := g.r.IntN(10) == 0
	from := g.pick(inPlace, closed)
	if from == nil {
		return nil
	}
	var wname []string
	dir, n := from.node, g.r.IntN(4)
	if g.r.IntN(2) == 0 {
		n = 1
	}
	for range n {
		if !dir.isDir() {
			break
		}
		if g.r.IntN(12) == 0 {
			wname = append(wname, "..")
			if dir.up != nil {
				dir = dir.up.dir
			}
			continue
		}
		name := g.there(dir)
		wname = append(wname, name)
		e := dir.entries[name]
		if e == nil {
			break
		}
		dir = e.node
	}
	if inPlace {
		return s.issue(&lib9p.Twalk{Fid: from.num, Newfid: from.num, Wname: wname}, from, nil, nil)
	}
	to := s.free()
	return s.issue(&lib9p.Twalk{Fid: from.num, Newfid: to.num, Wname: wname}, from, nil, to)
}

func (g *drawing) open() *op {
	f := g.pick(true, closed)
	if f == nil {
		return nil
	}
	if g.s.w.d == lib9p.L {
		flags := uint32(g.r.IntN(3))
		if f.dir {
			flags = lib9p.LRDONLY | lib9p.LDIRECTORY
		} else {
			if flags > 0 && g.r.IntN(3) == 0 {
				flags |= lib9p.LAPPEND
			}
			if flags > 0 && g.r.IntN(4) == 0 {
				flags |= lib9p.LTRUNC
			}
			if g.r.IntN(8) == 0 {
				flags |= lib9p.LCREATE
			}
			if g.r.IntN(16) == 0 {
				flags |= lib9p.LEXCL
			}
		}
		return g.s.issue(&lib9p.Tlopen{Fid: f.num, Flags: flags}, f, nil, nil)
	}
	mode := uint8(g.r.IntN(3))
	if f.dir {
		mode = plan9.OREAD
	} else if mode > 0 && g.r.IntN(4) == 0 {
		mode |= plan9.OTRUNC
	}
	if g.r.IntN(12) == 0 && !f.dir {
		mode |= plan9.ORCLOSE
	}
	if g.s.w.d == lib9p.U && mode&3 > 0 && g.r.IntN(3) == 0 {
		mode |= lib9p.OAPPENDU
	}
	return g.s.issue(&lib9p.Topen{Fid: f.num, Mode: mode}, f, nil, nil)
}

func (g *drawing) create() *op {
	f := g.pick(true, closedDir)
	if f == nil {
		return nil
	}
	name := g.name()
	if g.s.w.d == lib9p.L {
		flags := uint32(g.r.IntN(3)) | lib9p.LCREATE
		if g.r.IntN(2) == 0 {
			flags |= lib9p.LEXCL
		}
		if flags&3 > 0 && g.r.IntN(3) == 0 {
			flags |= lib9p.LAPPEND
		}
		if flags&3 > 0 && g.r.IntN(4) == 0 {
			flags |= lib9p.LTRUNC
		}
		return g.s.issue(&lib9p.Tlcreate{Fid: f.num, Name: name, Flags: flags, Mode: g.mode(), Gid: g.s.w.id()}, f, nil, nil)
	}
	if g.s.w.d == lib9p.U && g.r.IntN(3) == 0 {
		return g.createU(f, name)
	}
	perm, mode := g.mode(), uint8(g.r.IntN(3))
	switch g.r.IntN(10) {
	case 0, 1, 2:
		perm, mode = plan9.DMDIR|0o755, plan9.OREAD
	case 3, 4:
		perm |= plan9.DMAPPEND
	case 5:
		perm |= plan9.DMEXCL
	case 6:
		mode |= plan9.ORCLOSE
	}
	return g.s.issue(&lib9p.Tcreate{Fid: f.num, Name: name, Perm: perm, Mode: mode}, f, nil, nil)
}

// mode returns one for a file that is made, which may forbid to write it.
func (g *drawing) mode() uint32 {
	if g.r.IntN(6) == 0 {
		return 0o444
	}
	return 0o644
}

func (g *drawing) read() *op {
	f := g.pick(false, func(f *cfid) bool { return openFile(f) && f.flags&3 != 1 || f.xattr })
	if f == nil {
		return nil
	}
	return g.s.issue(&lib9p.Tread{Fid: f.num, Offset: uint64(g.r.IntN(200)), Count: uint32(1 + g.r.IntN(300))}, f, nil, nil)
}

func (g *drawing) write() *op {
	if f := g.pick(true, func(f *cfid) bool { return f.xmake && f.xdone < f.xsize }); f != nil && g.r.IntN(2) == 0 {
		n := min(1+g.r.IntN(20), f.xsize-f.xdone)
		return g.s.issue(&lib9p.Twrite{Fid: f.num, Offset: uint64(f.xdone), Data: f.xwant[f.xdone : f.xdone+n]}, f, nil, nil)
	}
	f := g.pick(false, func(f *cfid) bool { return openFile(f) && f.flags&3 != 0 })
	if f == nil {
		return nil
	}
	id := g.s.w.id()
	data := fmt.Appendf(nil, "<%d.%d%s", g.s.num, id, strings.Repeat(string(rune('A'+id%26)), g.r.IntN(17)))
	return g.s.issue(&lib9p.Twrite{Fid: f.num, Offset: uint64(g.r.IntN(200)), Data: data}, f, nil, nil)
}

func (g *drawing) clunk() *op {
	f := g.pick(true, func(f *cfid) bool { return notRoot(f) && (!f.xmake || f.xdone == f.xsize || g.r.IntN(4) == 0) })
	if f == nil {
		return nil
	}
	return g.s.issue(&lib9p.Tclunk{Fid: f.num}, f, nil, nil)
}

func (g *drawing) remove() *op {
	f := g.pick(true, func(f *cfid) bool { return notRoot(f) && !f.xmake && !f.xattr })
	if f == nil {
		return nil
	}
	return g.s.issue(&lib9p.Tremove{Fid: f.num}, f, nil, nil)
}

func (g *drawing) stat() *op {
	f := g.pick(false, func(f *cfid) bool { return !f.xmake && !f.xattr })
	if f == nil {
		return nil
	}
	if g.s.w.d == lib9p.L {
		return g.s.issue(&lib9p.Tgetattr{Fid: f.num, Mask: lib9p.GetBasic}, f, nil, nil)
	}
	return g.s.issue(&lib9p.Tstat{Fid: f.num}, f, nil, nil)
}

func (g *drawing) wstat() *op {
	f := g.pick(false, func(f *cfid) bool { return !f.dir && !f.xmake && !f.xattr })
	if f == nil {
		return nil
	}
	if g.s.w.d == lib9p.L {
		return g.s.issue(&lib9p.Tsetattr{Fid: f.num, Valid: lib9p.SetSize, Size: uint64(g.r.IntN(100)), Gid: g.s.w.id()}, f, nil, nil)
	}
	st := lib9p.NullStat()
	if g.r.IntN(2) == 0 {
		st.Length = uint64(g.r.IntN(100))
		st.Muid = fmt.Sprint(g.s.w.id())
	}
	return g.s.issue(&lib9p.Twstat{Fid: f.num, Stat: st}, f, nil, nil)
}

func (g *drawing) rename() *op {
	if g.s.w.d != lib9p.L {
		f := g.pick(false, func(f *cfid) bool { return notRoot(f) && !f.xmake })
		if f == nil {
			return nil
		}
		st := lib9p.NullStat()
		st.Name, st.Muid = g.name(), fmt.Sprint(g.s.w.id())
		return g.s.issue(&lib9p.Twstat{Fid: f.num, Stat: st}, f, nil, nil)
	}
	to := g.pick(false, closedDir)
	if to == nil {
		return nil
	}
	if g.r.IntN(2) == 0 {
		f := g.pick(false, func(f *cfid) bool { return notRoot(f) && !f.xattr && !f.xmake })
		if f == nil {
			return nil
		}
		return g.s.issue(&lib9p.Trename{Fid: f.num, Dfid: to.num, Name: g.name()}, f, to, nil)
	}
	from := g.pick(false, closedDir)
	if from == nil {
		return nil
	}
	return g.s.issue(&lib9p.Trenameat{Olddirfid: from.num, Oldname: g.there(from.node), Newdirfid: to.num, Newname: g.name()}, from, to, nil)
}

func (g *drawing) makeL() *op {
	s := g.s
	dir := g.pick(false, closedDir)
	if dir == nil {
		return nil
	}
	name, id := g.name(), s.w.id()
	switch g.r.IntN(5) {
	case 0:
		return s.issue(&lib9p.Tsymlink{Fid: dir.num, Name: name, Target: fmt.Sprintf("t%d", id), Gid: id}, dir, nil, nil)
	case 1:
		return s.issue(&lib9p.Tmknod{Dfid: dir.num, Name: name, Mode: lib9p.ModePipe | 0o600, Gid: id}, dir, nil, nil)
	case 2:
		f := g.pick(false, func(f *cfid) bool { return notRoot(f) && !f.dir && !f.xmake && !f.xattr })
		if f == nil {
			return nil
		}
		return s.issue(&lib9p.Tlink{Dfid: dir.num, Fid: f.num, Name: name}, dir, f, nil)
	}
	return s.issue(&lib9p.Tmkdir{Dfid: dir.num, Name: name, Mode: 0o755, Gid: id}, dir, nil, nil)
}

func (g *drawing) unlink() *op {
	dir := g.pick(false, closedDir)
	if dir == nil {
		return nil
	}
	name, flags := g.there(dir.node), g.s.w.id()<<12
	if e := dir.node.entries[name]; e != nil && e.node.isDir() {
		flags |= lib9p.UnlinkDir
	}
	return g.s.issue(&lib9p.Tunlinkat{Dirfd: dir.num, Name: name, Flags: flags}, dir, nil, nil)
}

func (g *drawing) readdir() *op {
	s := g.s
	f := g.pick(true, func(f *cfid) bool { return f.open && f.dir })
	if f == nil {
		return nil
	}
	if f.list == nil || g.r.IntN(20) == 0 {
		f.list = &listing{since: s.w.now}
	}
	if s.w.d == lib9p.L {
		return s.issue(&lib9p.Treaddir{Fid: f.num, Offset: f.list.offset, Count: uint32(60 + g.r.IntN(100))}, f, nil, nil)
	}
	return s.issue(&lib9p.Tread{Fid: f.num, Offset: f.list.offset, Count: uint32(150 + g.r.IntN(150))}, f, nil, nil)
}

func (g *drawing) lock() *op {
	f := g.pick(true, openFile)
	if f == nil {
		return nil
	}
	m := &lib9p.Tlock{Fid: f.num, LockType: uint8(g.r.IntN(3)), ProcID: f.owner(), ClientID: fmt.Sprint("c", g.s.num)}
	if g.r.IntN(2) == 0 {
		m.Start, m.Length = uint64(10*g.r.IntN(4)), uint64(10*(1+g.r.IntN(3)))
	}
	if m.LockType != lib9p.LockUnlock && g.r.IntN(3) == 0 {
		m.Flags = lib9p.LockBlock
	}
	return g.s.issue(m, f, nil, nil)
}

func (g *drawing) xattr() *op {
	s := g.s
	name := [...]string{"user.x", "user.y"}[g.r.IntN(2)]
	if g.r.IntN(2) == 0 {
		f := g.pick(false, closed)
		if f == nil {
			return nil
		}
		to := s.free()
		to.xname = name
		return s.issue(&lib9p.Txattrwalk{Fid: f.num, Newfid: to.num, Name: name}, f, nil, to)
	}
	f := g.pick(true, func(f *cfid) bool { return closed(f) && notRoot(f) })
	if f == nil {
		return nil
	}
	f.xwant = fmt.Appendf(nil, "value-%d-of-%d%s", s.w.id(), s.num, "........................................"[:g.r.IntN(40)])
	f.xsize, f.xdone, f.xname = len(f.xwant), 0, name
	return s.issue(&lib9p.Txattrcreate{Fid: f.num, Name: name, Size: uint64(f.xsize), Flags: 0}, f, nil, nil)
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
