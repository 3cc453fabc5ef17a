//go:build sim || mutate

package sim

import (
	"fmt"
	"strings"

	"9fans.net/go/plan9"

	"github.com/styxkit/styxkit/lib9p"
)

// Requests about a file.

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
