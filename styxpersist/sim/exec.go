//go:build sim || mutate

package sim

import (
	"9fans.net/go/plan9"

	"github.com/styxkit/styxkit/lib9p"
)

const maxFile = 4096

func (c *sconn) refuse(e lib9p.Errno) (lib9p.Msg, bool) {
	return lib9p.ErrorMsg(c.d, &lib9p.Error{Ename: e.Error(), Errno: e}), false
}

// do executes r, and returns the reply, whether something was changed, and the fid that it was on, or made.
func (c *sconn) do(r *sreq) (lib9p.Msg, bool, *sfid) {
	w := c.w
	switch m := r.msg.(type) {
	case *lib9p.Tversion:
		c.fids = make(map[uint32]*sfid)
		c.version = true
		msize := min(m.Msize, w.msize)
		if w.pieces && c.gen > 1 {
			c.unit = [...]uint32{0, 5, 8, 16}[w.luck.IntN(4)]
			msize = min(msize, [...]uint32{512, 600, 8192}[w.luck.IntN(3)])
		}
		return &lib9p.Rversion{Msize: msize, Version: c.d.String()}, false, nil
	case *lib9p.Tflush:
		return &lib9p.Rflush{}, false, nil
	case *lib9p.Tauth:
		return c.auth(r, m)
	case *lib9p.Tattach:
		if c.fids[m.Fid] != nil {
			w.fail("styxpersist attached fid %d, which is in use", m.Fid)
		}
		if !c.lets(m.Afid) {
			w.fail("styxpersist attached with afid %d, which proves nothing", m.Afid)
		}
		f := &sfid{num: m.Fid, node: w.tree.root, top: true}
		c.fids[m.Fid], r.makes = f, f
		return &lib9p.Rattach{Qid: f.node.qid()}, false, f
	case *lib9p.Twalk:
		return c.walk(r, m)
	}
	first, _ := r.frame.FidOffsets()
	f := c.fids[r.frame.U32(first)]
	if f == nil {
		reply, _ := c.refuse(lib9p.EBADF)
		return reply, false, nil
	}
	if f.auth {
		return c.talk(r, f)
	}
	var reply lib9p.Msg
	var eff bool
	if c.d == lib9p.L {
		reply, eff = c.doL(r, f)
	} else {
		reply, eff = c.do2000(r, f)
	}
	if reply == nil {
		reply, eff = c.doAny(r, f)
	}
	if reply == nil {
		w.fail("styxpersist sent %s, which the model does not know", lib9p.TypeName(r.frame.Type()))
		reply, eff = c.refuse(lib9p.EOPNOTSUPP)
	}
	return reply, eff, f
}

func (c *sconn) walk(r *sreq, m *lib9p.Twalk) (lib9p.Msg, bool, *sfid) {
	f := c.fids[m.Fid]
	switch {
	case f == nil:
		reply, _ := c.refuse(lib9p.EBADF)
		return reply, false, nil
	case f.open && r.op != nil && r.op.outcome == flushed: // it was told so when the server was silent, and has gone on
		reply, _ := c.refuse(lib9p.EINVAL)
		return reply, false, nil
	case f.open:
		c.w.fail("styxpersist walked from fid %d, which is open", m.Fid)
	case m.Newfid != m.Fid && c.fids[m.Newfid] != nil:
		c.w.fail("styxpersist walked to fid %d, which is in use", m.Newfid)
	}
	if m.Newfid != m.Fid && c.lacks() {
		reply, _ := c.refuse(lib9p.EMFILE)
		return reply, false, nil
	}
	node, via := f.node, f.via
	var qids []lib9p.Qid
	for _, name := range m.Wname {
		next, nextVia := node, via
		switch {
		case !node.isDir():
			next = nil
		case name == "..":
			if node.up != nil {
				next, nextVia = node.up.dir, node.up.dir.up
			}
		default:
			e := node.entries[name]
			if next = nil; e != nil {
				next, nextVia = e.node, e
			}
		}
		if next == nil {
			break
		}
		node, via = next, nextVia
		qids = append(qids, node.qid())
	}
	if len(qids) < len(m.Wname) {
		if len(qids) == 0 {
			e := lib9p.ENOENT
			if !node.isDir() {
				e = lib9p.ENOTDIR
			}
			reply, _ := c.refuse(e)
			return reply, false, f
		}
		if c.w.partialMakes && m.Newfid != m.Fid { // as diod does
			c.fids[m.Newfid] = &sfid{num: m.Newfid, node: node, via: via, told: true}
		}
		return &lib9p.Rwalk{Wqid: qids}, false, f
	}
	s := f
	if m.Newfid != m.Fid {
		s = &sfid{num: m.Newfid}
		c.fids[m.Newfid], r.makes = s, s
	}
	s.node, s.via = node, via
	return &lib9p.Rwalk{Wqid: qids}, false, s
}

// doAny does what the dialects have in common.
func (c *sconn) doAny(r *sreq, f *sfid) (lib9p.Msg, bool) {
	w := c.w
	switch m := r.msg.(type) {
	case *lib9p.Tread:
		if f.xattrRead {
			from := min(m.Offset, uint64(len(f.value)))
			to := min(from+uint64(m.Count), uint64(len(f.value)))
			return &lib9p.Rread{Data: f.value[from:to]}, false
		}
		if r.early && w.hasty {
			return &lib9p.Rread{}, false
		}
		if !f.open || f.flags&3 == 1 {
			return c.refuse(lib9p.EBADF)
		}
		if f.node.isDir() {
			return c.readDir(f, m)
		}
		n := f.node
		from := min(m.Offset, uint64(len(n.data)))
		to := min(from+uint64(m.Count), uint64(len(n.data)))
		return &lib9p.Rread{Data: append([]byte(nil), n.data[from:to]...)}, false
	case *lib9p.Twrite:
		if f.xattrMake {
			f.value = append(f.value, m.Data...)
			return &lib9p.Rwrite{Count: uint32(len(m.Data))}, false
		}
		if !f.open || f.flags&3 == 0 || f.node.isDir() {
			return c.refuse(lib9p.EBADF)
		}
		n, at := f.node, m.Offset
		if n.append || appends(c.d, f.flags) {
			at = uint64(len(n.data))
		}
		if at+uint64(len(m.Data)) > maxFile {
			return c.refuse(lib9p.EFBIG)
		}
		n.set(at, m.Data, r.op)
		w.changed(n, r.op)
		return &lib9p.Rwrite{Count: uint32(len(m.Data))}, true
	case *lib9p.Tclunk:
		eff := false
		if f.xattrMake {
			eff = c.commit(f)
		}
		if f.top && r.op == nil {
			c.sess.refused = w.tree.epoch
		}
		c.close(f)
		delete(c.fids, m.Fid)
		return &lib9p.Rclunk{}, eff
	case *lib9p.Tremove:
		c.close(f)
		delete(c.fids, m.Fid)
		e := f.via
		switch {
		case f.node == w.tree.root:
			return c.refuse(lib9p.EPERM)
		case e.gone != 0:
			return c.refuse(lib9p.ENOENT)
		case len(f.node.entries) > 0:
			return c.refuse(lib9p.ENOTEMPTY)
		}
		if r.op == nil {
			w.unhide(c, e)
		}
		w.cut(r, e)
		return &lib9p.Rremove{}, true
	}
	return nil, false
}

// do2000 does what 9P2000 has alone.
func (c *sconn) do2000(r *sreq, f *sfid) (lib9p.Msg, bool) {
	w, n := c.w, f.node
	switch m := r.msg.(type) {
	case *lib9p.Topen:
		switch {
		case f.open:
			return c.refuse(lib9p.EINVAL)
		case n.mode&lib9p.ModeFmt == lib9p.ModeSymlink:
			return c.refuse(lib9p.ELOOP)
		case w.forbids(n, uint32(m.Mode)):
			return c.refuse(lib9p.EACCES)
		case c.lacks():
			return c.refuse(lib9p.EMFILE)
		case m.Mode&plan9.ORCLOSE != 0:
			w.fail("styxpersist sent ORCLOSE")
		case n.isDir() && m.Mode&^plan9.OCEXEC != plan9.OREAD:
			return c.refuse(lib9p.EISDIR)
		case n.excl && n.opens > 0:
			return lib9p.ErrorMsg(c.d, &lib9p.Error{Ename: "exclusive use file already open", Errno: lib9p.EAGAIN}), false
		}
		eff := m.Mode&plan9.OTRUNC != 0 && !n.append && len(n.data) > 0
		if eff {
			n.resize(0, r.op)
			w.changed(n, r.op)
		}
		f.open, f.flags = true, uint32(m.Mode)
		w.borrow(r, n, f.flags)
		n.opens++
		return &lib9p.Ropen{Qid: n.qid(), Iounit: c.unit}, eff
	case *lib9p.Tcreate:
		switch {
		case !n.isDir():
			return c.refuse(lib9p.ENOTDIR)
		case f.open:
			return c.refuse(lib9p.EINVAL)
		case n.entries[m.Name] != nil:
			return c.refuse(lib9p.EEXIST)
		case f.via != nil && f.via.gone != 0:
			return c.refuse(lib9p.ENOENT)
		}
		if c.d == lib9p.U && m.Perm&specials != 0 {
			return c.createSpecial(r, f, m)
		}
		mode := uint32(lib9p.ModeRegular)
		if m.Perm&plan9.DMDIR != 0 {
			mode = lib9p.ModeDir
		}
		child := w.tree.newInode(mode | m.Perm&0o777)
		child.append = m.Perm&plan9.DMAPPEND != 0
		child.excl = m.Perm&plan9.DMEXCL != 0
		f.via = w.tree.put(w.now, n, m.Name, child)
		f.node, f.open, f.flags = child, true, uint32(m.Mode)
		child.opens++
		return &lib9p.Rcreate{Qid: child.qid(), Iounit: c.unit}, true
	case *lib9p.Tstat:
		return &lib9p.Rstat{Stat: statOf(c.d, f.name(), n)}, false
	case *lib9p.Twstat:
		if mode, ok := r.repairs(); ok && r.op == nil {
			w.chmod(c, n, mode)
			return &lib9p.Rwstat{}, false
		}
		if m.Stat.Name != "" && m.Stat.Name == f.name() && f.via != nil {
			f.via.moves = append(f.via.moves, r.op)
		}
		if name := m.Stat.Name; name != "" && name != f.name() {
			switch {
			case f.via == nil:
				return c.refuse(lib9p.EPERM)
			case f.via.gone != 0:
				return c.refuse(lib9p.ENOENT)
			case c.d == lib9p.U: // as rename(2)
				return c.rename(r, f.via, &sfid{node: f.via.dir, via: f.via.dir.up}, name, &lib9p.Rwstat{})
			case f.via.dir.entries[name] != nil:
				return c.refuse(lib9p.EEXIST)
			}
			f.via.move(w.now, f.via.dir, name, r.op)
			return &lib9p.Rwstat{}, true
		}
		if m.Stat.Length != lib9p.StatNoLen {
			if n.isDir() {
				return c.refuse(lib9p.EISDIR)
			}
			n.resize(m.Stat.Length, r.op)
			w.changed(n, r.op)
			return &lib9p.Rwstat{}, true
		}
		return &lib9p.Rwstat{}, false
	}
	return nil, false
}

func (f *sfid) name() string {
	if f.via == nil {
		return "/"
	}
	return f.via.name
}

func statOf(d lib9p.Dialect, name string, n *inode) lib9p.Stat {
	s := lib9p.Stat{}
	s.Qid, s.Mode, s.Name = n.qid(), plan9.Perm(n.perm()), name
	s.Uid, s.Gid, s.Muid = "u", "u", "u"
	if d == lib9p.U {
		s.Mode |= plan9.Perm(n.special())
		s.Extension, s.Nuid, s.Ngid, s.Nmuid = n.target, 7, 7, 7
	}
	if n.isRegular() {
		s.Length = uint64(len(n.data))
	}
	return s
}

// readDir is a directory's Tread, which has to go on where the last ended.
func (c *sconn) readDir(f *sfid, m *lib9p.Tread) (lib9p.Msg, bool) {
	if m.Offset == 0 {
		f.list, f.listEnd = c.w.tree.listed(f.node), 0
	} else if m.Offset != f.listEnd {
		return lib9p.ErrorMsg(c.d, &lib9p.Error{Ename: "bad offset in directory read", Errno: lib9p.EINVAL}), false
	}
	var data []byte
	for len(f.list) > 0 {
		st := statOf(c.d, f.list[0].name, f.list[0].e.node)
		b, err := lib9p.AppendStat(nil, c.d, &st)
		if err != nil || len(data)+len(b) > int(m.Count) {
			break
		}
		data = append(data, b...)
		f.list = f.list[1:]
	}
	f.listEnd = m.Offset + uint64(len(data))
	return &lib9p.Rread{Data: data}, false
}

// commit makes the attribute what was written to f.
func (c *sconn) commit(f *sfid) bool {
	f.node.setAttr(f.xattr, f.xattrSize, f.value)
	return true
}
