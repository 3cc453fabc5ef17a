//go:build sim || mutate

package sim

import (
	"fmt"

	"github.com/styxkit/styxkit/lib9p"
)

// Requests about names, and what lists them.

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
