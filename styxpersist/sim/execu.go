//go:build sim || mutate

package sim

import (
	"strconv"
	"strings"

	"9fans.net/go/plan9"

	"github.com/styxkit/styxkit/lib9p"
)

// What a Tcreate of 9P2000.u makes beside files and directories. The fid stands on it then, and is not open.
const specials = plan9.DMSYMLINK | plan9.DMDEVICE | plan9.DMNAMEDPIPE | plan9.DMSOCKET | lib9p.DMLINK

// special returns the bits of a mode of .u that tell what n is beside a file or a directory.
func (n *inode) special() uint32 {
	switch n.mode & lib9p.ModeFmt {
	case lib9p.ModePipe:
		return plan9.DMNAMEDPIPE
	case lib9p.ModeChar, lib9p.ModeBlock:
		return plan9.DMDEVICE
	}
	return 0
}

// createSpecial is a Tcreate with one of the bits in specials, where the name can be made.
func (c *sconn) createSpecial(r *sreq, f *sfid, m *lib9p.Tcreate) (lib9p.Msg, bool) {
	w, dir := c.w, f.node
	var child *inode
	switch {
	case m.Perm&lib9p.DMLINK != 0:
		of := c.fids[sourceOf(m)]
		switch {
		case of == nil:
			return c.refuse(lib9p.EBADF)
		case of.node.isDir() || of.node.links == 0:
			return c.refuse(lib9p.EPERM)
		}
		child = of.node
		child.links++
	case m.Perm&plan9.DMSYMLINK != 0:
		child = w.tree.newInode(lib9p.ModeSymlink | 0o777)
		child.target = m.Extension
	case m.Perm&plan9.DMNAMEDPIPE != 0:
		child = w.tree.newInode(lib9p.ModePipe | m.Perm&0o777)
	case m.Perm&plan9.DMDEVICE != 0:
		child = w.tree.newInode(lib9p.ModeChar | m.Perm&0o777)
		child.target = m.Extension
	default:
		return c.refuse(lib9p.EPERM)
	}
	f.via = w.tree.put(w.now, dir, m.Name, child)
	f.node = child
	return &lib9p.Rcreate{Qid: child.qid()}, true
}

// sourceOf returns the fid that m, a Tcreate with DMLINK, is to make another name of.
func sourceOf(m *lib9p.Tcreate) uint32 {
	n, err := strconv.ParseUint(strings.TrimSpace(m.Extension), 10, 32)
	if err != nil {
		return lib9p.NoFid
	}
	return uint32(n)
}

// hardLink returns the fid that r names in text, if it does.
func (r *sreq) hardLink() (uint32, bool) {
	m, ok := r.msg.(*lib9p.Tcreate)
	if !ok || m.Perm&lib9p.DMLINK == 0 {
		return 0, false
	}
	return sourceOf(m), true
}

// createU makes one of them, or nothing.
func (g *drawing) createU(dir *cfid, name string) *op {
	s, id := g.s, g.s.w.id()
	m := &lib9p.Tcreate{Fid: dir.num, Name: name, Perm: 0o644}
	var of *cfid
	switch g.r.IntN(4) {
	case 0:
		if of = g.pick(false, func(f *cfid) bool { return notRoot(f) && !f.dir }); of == nil {
			return nil
		}
		m.Perm, m.Extension = lib9p.DMLINK|0o600, strconv.FormatUint(uint64(of.num), 10)+"\n"
	case 1:
		m.Perm, m.Extension = plan9.DMNAMEDPIPE|id&0o777, ""
	case 2:
		m.Perm, m.Extension = plan9.DMDEVICE|0o600, "c 1 "+strconv.Itoa(int(id))
	default:
		m.Perm, m.Extension = plan9.DMSYMLINK|0o777, "t"+strconv.Itoa(int(id))
	}
	return s.issue(m, dir, of, nil)
}
