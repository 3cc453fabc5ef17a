package srv

import (
	"9fans.net/go/plan9"

	"github.com/styxkit/styxkit/lib9p"
)

// wstat answers Twstat. Either all that it asks for is done or nothing.
func (r *request) wstat(m *lib9p.Twstat) (lib9p.Msg, error) {
	f := r.fid
	if f.xattr != nil {
		return nil, errUnknownFid
	}
	old, err := f.attr(r)
	if err != nil {
		return nil, err
	}
	w, err := r.parseWstat(&m.Stat, &old)
	if err != nil {
		return nil, err
	}
	if w.empty() {
		return &lib9p.Rwstat{}, r.sync() // by stat(5), a request for stable storage
	}
	return &lib9p.Rwstat{}, w.do(r, f, &old)
}

func (r *request) sync() error {
	h, _, err := r.opened()
	if err != nil {
		return nil // nothing has been written through it
	}
	if s, ok := h.(Syncer); ok {
		return s.Sync(r, false)
	}
	return nil
}

// A wstat is what a Twstat asks for, in the order in which it is done: what can
// be undone comes first, and the length, which cannot, last.
type wstat struct {
	attrs  Change // without the size
	name   string // or empty
	size   uint64
	resize bool
}

func (w *wstat) empty() bool { return w.attrs.Valid == 0 && w.name == "" && !w.resize }

func (w *wstat) do(r *request, f *fid, old *Attr) error {
	if w.attrs.Valid != 0 {
		if err := f.change(r, w.attrs); err != nil {
			f.change(r, undo(w.attrs, old)) // a part of it may have been done
			return err
		}
	}
	var err error
	var back func()
	if w.name != "" {
		back, err = w.move(r, f)
	}
	if err == nil && w.resize {
		if err = f.change(r, Change{Valid: lib9p.SetSize, Size: w.size}); err != nil && back != nil {
			back()
		}
		if times := w.attrs.times(); err == nil && times.Valid != 0 {
			return f.change(r, times) // the new length has changed them
		}
	}
	if err != nil && w.attrs.Valid != 0 {
		f.change(r, undo(w.attrs, old))
	}
	return err
}

// times is the part of c that sets times.
func (c Change) times() Change {
	c.Valid &= lib9p.SetAtime | lib9p.SetAtimeSet | lib9p.SetMtime | lib9p.SetMtimeSet
	return c
}

// move gives the file its new name, which nothing else may have, and returns what takes it back.
func (w *wstat) move(r *request, f *fid) (back func(), err error) {
	p, ok := f.place.file.(Placed)
	if !ok {
		return nil, errWstat
	}
	name := p.Name()
	dir, err := p.Dir(r)
	if err != nil {
		return nil, err
	}
	defer dir.Close()
	if err := p.Move(r, dir, w.name, false); err != nil {
		return nil, err
	}
	return func() {
		if dir, err := p.Dir(r); err == nil {
			p.Move(r, dir, name, false)
			dir.Close()
		}
	}, nil
}

// undo is the change that brings back what c changes.
func undo(c Change, old *Attr) Change {
	if c.Valid&lib9p.SetAtime == 0 && c.Valid&lib9p.SetMtime == 0 {
		c.Valid &^= lib9p.SetAtimeSet | lib9p.SetMtimeSet
	}
	c.Mode, c.Uid, c.Gid = old.Mode&0o7777, old.Uid, old.Gid
	c.Atime, c.Mtime, c.Qtype = old.Atime, old.Mtime, old.Qid.Type&keptBits
	return c
}

// parseWstat finds out what differs from what is. A field of all ones, or an
// empty string, is left as it is; some may not change at all.
func (r *request) parseWstat(st *lib9p.Stat, old *Attr) (w wstat, err error) {
	q := old.Qid
	switch {
	case st.Type != ^uint16(0) && st.Type != 0,
		st.Dev != lib9p.StatNo32 && st.Dev != 0,
		st.Qid.Path != lib9p.StatNoLen && st.Qid.Path != q.Path,
		st.Qid.Type != 0xff && st.Qid.Type != q.Type:
		return w, errWstat
	}
	if err := r.parseMode(&w, st, old); err != nil {
		return w, err
	}
	if err := r.parseOwner(&w, st, old); err != nil {
		return w, err
	}
	if st.Atime != lib9p.StatNo32 {
		w.attrs.Valid |= lib9p.SetAtime | lib9p.SetAtimeSet
		w.attrs.Atime = lib9p.Time{Sec: uint64(st.Atime)}
	}
	if st.Mtime != lib9p.StatNo32 {
		w.attrs.Valid |= lib9p.SetMtime | lib9p.SetMtimeSet
		w.attrs.Mtime = lib9p.Time{Sec: uint64(st.Mtime)}
	}
	if st.Length != lib9p.StatNoLen {
		switch {
		case q.Type&qtDir != 0 && st.Length != 0:
			return w, lib9p.EISDIR
		case st.Length > maxOffset:
			return w, errOffset
		case q.Type&qtDir == 0 && st.Length != old.Size:
			w.size, w.resize = st.Length, true
		}
	}
	if st.Name != "" && st.Name != nameOf(r.fid.place.file) {
		if err := checkNewName(st.Name); err != nil {
			return w, err
		}
		w.name = st.Name
	}
	return w, nil
}

func (r *request) parseMode(w *wstat, st *lib9p.Stat, old *Attr) error {
	if uint32(st.Mode) == lib9p.StatNo32 {
		return nil
	}
	is := r.perm(old)
	mode := uint32(st.Mode)
	const kept = (qtAppend | qtExcl | qtTmp) << 24
	free := uint32(0o777 | kept)
	if r.dialect == lib9p.U {
		free |= plan9.DMSETUID | plan9.DMSETGID | dmSetVtx
	}
	if (mode^is)&^free&^(plan9.DMSYMLINK|plan9.DMDEVICE|plan9.DMNAMEDPIPE|plan9.DMSOCKET) != 0 {
		return errWstat // DMDIR or a bit that nobody knows
	}
	if mode == is {
		return nil
	}
	w.attrs.Valid |= lib9p.SetMode
	w.attrs.Mode = mode & 0o777
	if r.dialect == lib9p.U {
		w.attrs.Mode |= setBits(mode)
	} else {
		w.attrs.Mode |= old.Mode & 0o7000
	}
	if (mode^is)&kept != 0 {
		w.attrs.Valid |= SetQtype
		w.attrs.Qtype = uint8(mode>>24) & keptBits
	}
	return nil
}

func (r *request) parseOwner(w *wstat, st *lib9p.Stat, old *Attr) error {
	names := r.s.names
	uid, gid := old.Uid, old.Gid
	if st.Uid != "" && st.Uid != names.UserName(old.Uid) {
		var ok bool
		if uid, ok = names.UserID(st.Uid); !ok {
			return refuse(lib9p.EINVAL, "unknown user "+st.Uid)
		}
	}
	if st.Gid != "" && st.Gid != names.GroupName(old.Gid) {
		var ok bool
		if gid, ok = names.GroupID(st.Gid); !ok {
			return refuse(lib9p.EINVAL, "unknown group "+st.Gid)
		}
	}
	if r.dialect == lib9p.U && st.Nuid != lib9p.StatNo32 {
		uid = st.Nuid
	}
	if r.dialect == lib9p.U && st.Ngid != lib9p.StatNo32 {
		gid = st.Ngid
	}
	if uid != old.Uid {
		if r.dialect == lib9p.P2000 {
			return errWstat // by stat(5), nobody can give a file away
		}
		w.attrs.Valid |= lib9p.SetUid
		w.attrs.Uid = uid
	}
	if gid != old.Gid {
		w.attrs.Valid |= lib9p.SetGid
		w.attrs.Gid = gid
	}
	return nil
}
