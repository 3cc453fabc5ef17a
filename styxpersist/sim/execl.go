//go:build sim || mutate

package sim

import (
	"maps"
	"math"
	"slices"

	"github.com/styxkit/styxkit/lib9p"
)

// doL does what 9P2000.L has alone.
func (c *sconn) doL(r *sreq, f *sfid) (lib9p.Msg, bool) {
	w, n := c.w, f.node
	switch m := r.msg.(type) {
	case *lib9p.Tstatfs:
		return &lib9p.Rstatfs{FSType: 1, Bsize: 512, Namelen: 255}, false
	case *lib9p.Tlopen:
		return c.lopen(r, f, m.Flags)
	case *lib9p.Tlcreate:
		return c.lcreate(r, f, m)
	case *lib9p.Tsymlink:
		return c.makeL(f, m.Name, func() lib9p.Msg {
			child := w.tree.newInode(lib9p.ModeSymlink | 0o777)
			child.target = m.Target
			w.tree.put(w.now, n, m.Name, child)
			return &lib9p.Rsymlink{Qid: child.qid()}
		})
	case *lib9p.Tmknod:
		return c.makeL(f, m.Name, func() lib9p.Msg {
			child := w.tree.newInode(m.Mode)
			w.tree.put(w.now, n, m.Name, child)
			return &lib9p.Rmknod{Qid: child.qid()}
		})
	case *lib9p.Tmkdir:
		return c.makeL(f, m.Name, func() lib9p.Msg {
			child := w.tree.newInode(lib9p.ModeDir | m.Mode&0o777)
			w.tree.put(w.now, n, m.Name, child)
			return &lib9p.Rmkdir{Qid: child.qid()}
		})
	case *lib9p.Tlink:
		of := c.fids[m.Fid]
		if of == nil {
			return c.refuse(lib9p.EBADF)
		}
		if of.node.isDir() || of.node.links == 0 {
			return c.refuse(lib9p.EPERM)
		}
		return c.makeL(f, m.Name, func() lib9p.Msg {
			of.node.links++
			w.tree.put(w.now, n, m.Name, of.node)
			return &lib9p.Rlink{}
		})
	case *lib9p.Trename:
		dir := c.fids[m.Dfid]
		if dir == nil {
			return c.refuse(lib9p.EBADF)
		}
		if f.via == nil {
			return c.refuse(lib9p.EBUSY)
		}
		return c.rename(r, f.via, dir, m.Name, &lib9p.Rrename{})
	case *lib9p.Trenameat:
		if w.noAt {
			return c.refuse(lib9p.EOPNOTSUPP)
		}
		dir := c.fids[m.Newdirfid]
		if dir == nil {
			return c.refuse(lib9p.EBADF)
		}
		if !n.isDir() {
			return c.refuse(lib9p.ENOTDIR)
		}
		e := n.entries[m.Oldname]
		if e == nil {
			return c.refuse(lib9p.ENOENT)
		}
		return c.rename(r, e, dir, m.Newname, &lib9p.Rrenameat{})
	case *lib9p.Tunlinkat:
		if w.noAt {
			return c.refuse(lib9p.EOPNOTSUPP)
		}
		if !n.isDir() {
			return c.refuse(lib9p.ENOTDIR)
		}
		e := n.entries[m.Name]
		switch {
		case e == nil:
			return c.refuse(lib9p.ENOENT)
		case e.node.isDir() && m.Flags&lib9p.UnlinkDir == 0:
			return c.refuse(lib9p.EISDIR)
		case !e.node.isDir() && m.Flags&lib9p.UnlinkDir != 0:
			return c.refuse(lib9p.ENOTDIR)
		case len(e.node.entries) > 0:
			return c.refuse(lib9p.ENOTEMPTY)
		}
		w.cut(r, e)
		return &lib9p.Runlinkat{}, true
	case *lib9p.Treadlink:
		if n.target == "" {
			return c.refuse(lib9p.EINVAL)
		}
		return &lib9p.Rreadlink{Target: n.target}, false
	case *lib9p.Tgetattr:
		size := uint64(len(n.data))
		return &lib9p.Rgetattr{Valid: lib9p.GetBasic, Qid: n.qid(), Mode: n.mode, Nlink: uint64(n.links), Size: size}, false
	case *lib9p.Tsetattr:
		if mode, ok := r.repairs(); ok && r.op == nil {
			w.chmod(c, n, mode)
			return &lib9p.Rsetattr{}, false
		}
		if m.Valid&lib9p.SetSize == 0 {
			return &lib9p.Rsetattr{}, false
		}
		if n.isDir() {
			return c.refuse(lib9p.EISDIR)
		}
		n.resize(m.Size, r.op)
		w.changed(n, r.op)
		return &lib9p.Rsetattr{}, true
	case *lib9p.Tfsync:
		return &lib9p.Rfsync{}, false
	case *lib9p.Treaddir:
		return c.readdir(f, m)
	case *lib9p.Txattrwalk:
		v, ok := n.xattrs[m.Name]
		if m.Name == "" {
			for _, name := range slices.Sorted(maps.Keys(n.xattrs)) {
				v += name + "\x00"
			}
		} else if !ok {
			return c.refuse(lib9p.ENODATA)
		}
		if c.fids[m.Newfid] != nil {
			w.fail("styxpersist walked to fid %d, which is in use", m.Newfid)
		}
		s := &sfid{num: m.Newfid, node: n, via: f.via, xattr: m.Name, xattrRead: true, value: []byte(v)}
		c.fids[m.Newfid], r.makes = s, s
		return &lib9p.Rxattrwalk{Size: uint64(len(v))}, false
	case *lib9p.Txattrcreate:
		_, there := n.xattrs[m.Name]
		switch {
		case f.open:
			return c.refuse(lib9p.EBADF)
		case m.Flags == lib9p.XattrCreate && there:
			return c.refuse(lib9p.EEXIST)
		case m.Flags == lib9p.XattrReplace && !there:
			return c.refuse(lib9p.ENODATA)
		}
		f.xattr, f.xattrMake, f.xattrSize, f.xattrFlag = m.Name, true, m.Size, m.Flags
		f.value = nil
		return &lib9p.Rxattrcreate{}, false
	case *lib9p.Tlock:
		if !f.open {
			return c.refuse(lib9p.EBADF)
		}
		l := lock{conn: c, fid: f, typ: m.LockType, first: m.Start, last: math.MaxUint64, proc: m.ProcID, client: m.ClientID}
		if m.Length > 0 {
			l.last = m.Start + m.Length - 1
		}
		if m.Flags&lib9p.LockReclaim != 0 {
			return c.refuse(lib9p.EINVAL)
		}
		if l.typ != lib9p.LockUnlock && n.conflict(l) != nil {
			return &lib9p.Rlock{Status: lib9p.LockBlocked}, false
		}
		n.setLock(l)
		if l.typ != lib9p.LockUnlock && !slices.Contains(n.lockers, m.ProcID) {
			n.lockers = append(n.lockers, m.ProcID)
		}
		return &lib9p.Rlock{Status: lib9p.LockSuccess}, false // it dies with the connection
	}
	return nil, false
}

func (c *sconn) lopen(r *sreq, f *sfid, flags uint32) (lib9p.Msg, bool) {
	n := f.node
	switch {
	case f.open || f.xattrMake || f.xattrRead:
		return c.refuse(lib9p.EBADF)
	case n.isDir() && flags&lib9p.LACCMODE != lib9p.LRDONLY:
		return c.refuse(lib9p.EISDIR)
	case !n.isDir() && flags&lib9p.LDIRECTORY != 0:
		return c.refuse(lib9p.ENOTDIR)
	case n.target != "":
		return c.refuse(lib9p.ELOOP)
	case c.w.forbids(n, flags):
		return c.refuse(lib9p.EACCES)
	case c.lacks():
		return c.refuse(lib9p.EMFILE)
	}
	eff := flags&lib9p.LTRUNC != 0 && n.isRegular() && len(n.data) > 0
	if eff {
		n.resize(0, r.op)
		c.w.changed(n, r.op)
	}
	f.open, f.flags = true, flags
	c.w.borrow(r, n, flags)
	n.opens++
	return &lib9p.Rlopen{Qid: n.qid(), Iounit: c.unit}, eff
}

func (c *sconn) lcreate(r *sreq, f *sfid, m *lib9p.Tlcreate) (lib9p.Msg, bool) {
	w, n := c.w, f.node
	switch {
	case !n.isDir():
		return c.refuse(lib9p.ENOTDIR)
	case f.open:
		return c.refuse(lib9p.EBADF)
	case f.via != nil && f.via.gone != 0:
		return c.refuse(lib9p.ENOENT)
	}
	if e := n.entries[m.Name]; e != nil {
		switch {
		case m.Flags&lib9p.LEXCL != 0 || w.exclusive:
			return c.refuse(lib9p.EEXIST)
		case e.node.isDir():
			return c.refuse(lib9p.EISDIR)
		case e.node.target != "":
			return c.refuse(lib9p.ELOOP)
		}
		s := *f
		s.node, s.via = e.node, e
		reply, eff := c.lopen(r, &s, m.Flags)
		if lib9p.ErrorOf(reply) == nil {
			*f = s
			reply = &lib9p.Rlcreate{Qid: e.node.qid(), Iounit: c.unit}
		}
		return reply, eff
	}
	child := w.tree.newInode(lib9p.ModeRegular | m.Mode&0o777)
	f.via = w.tree.put(w.now, n, m.Name, child)
	f.node, f.open, f.flags = child, true, m.Flags
	child.opens++
	return &lib9p.Rlcreate{Qid: child.qid(), Iounit: c.unit}, true
}

// makeL makes a name in the directory f, where it can be made.
func (c *sconn) makeL(f *sfid, name string, mk func() lib9p.Msg) (lib9p.Msg, bool) {
	switch {
	case !f.node.isDir():
		return c.refuse(lib9p.ENOTDIR)
	case f.via != nil && f.via.gone != 0:
		return c.refuse(lib9p.ENOENT)
	case f.node.entries[name] != nil:
		return c.refuse(lib9p.EEXIST)
	}
	return mk(), true
}

func (c *sconn) rename(r *sreq, e *entry, to *sfid, name string, reply lib9p.Msg) (lib9p.Msg, bool) {
	w, dir := c.w, to.node
	switch {
	case !dir.isDir():
		return c.refuse(lib9p.ENOTDIR)
	case e.gone != 0 || to.via != nil && to.via.gone != 0:
		return c.refuse(lib9p.ENOENT)
	case e.node.isDir() && dir.within(e.node):
		return c.refuse(lib9p.EINVAL)
	}
	if old := dir.entries[name]; old != nil {
		switch {
		case old.node == e.node:
			e.moves = append(e.moves, r.op)
			e.hazy, old.hazy = true, true
			return reply, false
		case old.node.isDir() && !e.node.isDir():
			return c.refuse(lib9p.EISDIR)
		case !old.node.isDir() && e.node.isDir():
			return c.refuse(lib9p.ENOTDIR)
		case len(old.node.entries) > 0:
			return c.refuse(lib9p.ENOTEMPTY)
		}
		w.cut(r, old)
	}
	e.move(w.now, dir, name, r.op)
	return reply, true
}

func (c *sconn) readdir(f *sfid, m *lib9p.Treaddir) (lib9p.Msg, bool) {
	if !f.open || !f.node.isDir() {
		return c.refuse(lib9p.EBADF)
	}
	var data []byte
	for _, l := range c.w.tree.listed(f.node) {
		if l.cookie <= m.Offset {
			continue
		}
		d := lib9p.Dirent{Qid: l.e.node.qid(), Offset: l.cookie, Name: l.e.name}
		if len(data)+d.Size() > int(m.Count) {
			break
		}
		data = lib9p.AppendDirent(data, &d)
	}
	return &lib9p.Rreaddir{Data: data}, false
}
