package srv

import (
	"github.com/styxkit/styxkit/lib9p"
)

// The messages of 9P2000.L, which say what the interfaces of a tree say.

func (r *request) statfs() (lib9p.Msg, error) {
	s, ok := r.fid.place.file.(StatFSer)
	if !ok {
		return nil, lib9p.EOPNOTSUPP
	}
	m, err := s.StatFS(r)
	return &m, err
}

func (r *request) lopen(m *lib9p.Tlopen) (lib9p.Msg, error) {
	f := r.fid
	if m.Flags&lib9p.LACCMODE == lib9p.LACCMODE {
		return nil, errMode
	}
	flags := m.Flags &^ (lib9p.LCREATE | lib9p.LEXCL)
	if f.qid().Type&qtDir != 0 {
		if flags&lib9p.LACCMODE != lib9p.LRDONLY || flags&lib9p.LTRUNC != 0 {
			return nil, lib9p.EISDIR
		}
	} else if flags&lib9p.LDIRECTORY != 0 {
		return nil, lib9p.ENOTDIR
	}
	if err := r.openFid(f, flags); err != nil {
		return nil, err
	}
	return &lib9p.Rlopen{Qid: f.qid()}, nil
}

// openFid opens the file that f stands on.
func (r *request) openFid(f *fid, flags uint32) error {
	if err := f.startOpen(); err != nil {
		return err
	}
	excl := f.qid().Type&qtExcl != 0 && r.s.locks != nil
	if excl && !r.s.locks.use(f.qid().Path) {
		f.endOpen(nil, 0, errNoExcl)
		return errNoExcl
	}
	h, err := f.place.file.Open(r, flags)
	if err != nil && excl {
		r.s.locks.unuse(f.qid().Path)
	}
	f.excl = excl && err == nil
	f.endOpen(h, flags, err)
	return err
}

// dir returns the directory that f stands on, where it can be changed.
func (f *fid) directory() (Dir, error) {
	if f == nil {
		return nil, errUnknownFid
	}
	if f.xattr != nil {
		return nil, errUnknownFid
	}
	if f.qid().Type&qtDir == 0 {
		return nil, lib9p.ENOTDIR
	}
	d, ok := f.place.file.(Dir)
	if !ok {
		return nil, lib9p.EPERM
	}
	return d, nil
}

func (r *request) lcreate(m *lib9p.Tlcreate) (lib9p.Msg, error) {
	if m.Flags&lib9p.LACCMODE == lib9p.LACCMODE || m.Flags&lib9p.LDIRECTORY != 0 {
		return nil, errMode
	}
	n := New{Mode: lib9p.ModeRegular | m.Mode&0o7777, Gid: m.Gid}
	q, err := r.createFile(m.Name, m.Flags|lib9p.LCREATE, n, false)
	return &lib9p.Rlcreate{Qid: q}, err
}

// createFile makes and opens a file in the directory that r.fid stands on, and
// moves the fid there.
func (r *request) createFile(name string, flags uint32, n New, rclose bool) (q lib9p.Qid, err error) {
	f := r.fid
	d, err := f.directory()
	if err == nil {
		err = checkNewName(name)
	}
	if err == nil {
		// The claim stands until the fid is replaced: only one create can win.
		err = f.startOpen()
	}
	if err != nil {
		return q, err
	}
	defer f.endOpen(nil, 0, lib9p.EEXIST)
	n.User = f.user
	file, h, err := d.Create(r, name, flags, n)
	if err != nil {
		return q, err
	}
	nf := &fid{s: r.s, num: f.num, place: newPlace(file), user: f.user, state: opened,
		h: h, access: flags & lib9p.LACCMODE, rclose: rclose}
	q = nf.qid()
	if q.Type&qtExcl != 0 && r.s.locks != nil {
		if nf.excl = r.s.locks.use(q.Path); !nf.excl {
			nf.rclose = false
			nf.close()
			return q, errNoExcl
		}
	}
	return q, r.s.replace(f, nf)
}

func (r *request) make(name string, n New) (q lib9p.Qid, err error) {
	d, err := r.fid.directory()
	if err == nil {
		err = checkNewName(name)
	}
	if err != nil {
		return q, err
	}
	n.User = r.fid.user
	return d.Make(r, name, n)
}

func (r *request) rename(m *lib9p.Trename) (lib9p.Msg, error) {
	p, ok := r.fid.place.file.(Placed)
	if !ok {
		return nil, lib9p.EOPNOTSUPP
	}
	if _, err := r.fid2.directory(); err != nil {
		return nil, err
	}
	if err := checkNewName(m.Name); err != nil {
		return nil, err
	}
	return &lib9p.Rrename{}, p.Move(r, r.fid2.place.file, m.Name, true)
}

func (r *request) renameat(m *lib9p.Trenameat) (lib9p.Msg, error) {
	d, err := r.fid.directory()
	if err == nil {
		_, err = r.fid2.directory()
	}
	if err == nil {
		err = checkNewName(m.Oldname)
	}
	if err == nil {
		err = checkNewName(m.Newname)
	}
	if err != nil {
		return nil, err
	}
	return &lib9p.Rrenameat{}, d.Rename(r, m.Oldname, r.fid2.place.file, m.Newname)
}

func (r *request) link(m *lib9p.Tlink) (lib9p.Msg, error) {
	d, err := r.fid.directory()
	switch {
	case err != nil:
		return nil, err
	case r.fid2 == nil || r.fid2.xattr != nil:
		return nil, errUnknownFid
	}
	if err := checkNewName(m.Name); err != nil {
		return nil, err
	}
	return &lib9p.Rlink{}, d.Link(r, r.fid2.place.file, m.Name)
}

func (r *request) unlinkat(m *lib9p.Tunlinkat) (lib9p.Msg, error) {
	d, err := r.fid.directory()
	if err == nil {
		err = checkNewName(m.Name)
	}
	if err == nil && m.Flags&^lib9p.UnlinkDir != 0 {
		err = lib9p.EINVAL
	}
	if err != nil {
		return nil, err
	}
	return &lib9p.Runlinkat{}, d.Unlink(r, m.Name, m.Flags&lib9p.UnlinkDir != 0)
}

func (r *request) readlink() (lib9p.Msg, error) {
	l, ok := r.fid.place.file.(Readlinker)
	if !ok {
		return nil, lib9p.EINVAL
	}
	target, err := l.Readlink(r)
	return &lib9p.Rreadlink{Target: target}, err
}

// attr returns the attributes of the file that f stands on, from its handle
// where it is open: it may have no name any more.
func (f *fid) attr(r *request) (Attr, error) {
	if h, _, err := f.handle(); err == nil {
		if a, ok := h.(Attrer); ok {
			return a.Stat(r)
		}
	}
	return f.place.file.Stat(r)
}

func (r *request) getattr(*lib9p.Tgetattr) (lib9p.Msg, error) {
	a, err := r.fid.attr(r)
	return &a, err
}

// change changes attributes of the file that f stands on, as attr finds them.
func (f *fid) change(r *request, c Change) error {
	if h, _, err := f.handle(); err == nil {
		if a, ok := h.(Attrer); ok {
			return a.SetAttr(r, c)
		}
	}
	s, ok := f.place.file.(Setter)
	if !ok {
		return lib9p.EPERM
	}
	return s.SetAttr(r, c)
}

func (r *request) setattr(m *lib9p.Tsetattr) (lib9p.Msg, error) {
	c := Change{Valid: m.Valid &^ SetQtype, Mode: m.Mode & 0o7777, Uid: m.Uid, Gid: m.Gid,
		Size: m.Size, Atime: m.Atime, Mtime: m.Mtime}
	if c.Valid&lib9p.SetSize != 0 {
		if c.Size > 1<<63-1 {
			return nil, errOffset
		}
		if r.fid.qid().Type&qtDir != 0 {
			return nil, lib9p.EISDIR
		}
	}
	return &lib9p.Rsetattr{}, r.fid.change(r, c)
}
