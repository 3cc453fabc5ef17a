package srv

import (
	"fmt"
	"sync"

	"9fans.net/go/plan9"

	"github.com/styxkit/styxkit/lib9p"
)

// stat answers Tstat.
func (r *request) stat() (lib9p.Msg, error) {
	f := r.fid
	a, err := f.attr(r)
	if err != nil {
		return nil, err
	}
	st, err := r.statOf(f.place.file, nameOf(f.place.file), &a)
	return &lib9p.Rstat{Stat: st}, err
}

func nameOf(f File) string {
	if p, ok := f.(Placed); ok {
		return p.Name()
	}
	return "/"
}

// statOf puts attributes into the form of stat(5).
func (r *request) statOf(f File, name string, a *Attr) (lib9p.Stat, error) {
	st := lib9p.Stat{Nuid: a.Uid, Ngid: a.Gid, Nmuid: a.Uid}
	st.Qid = a.Qid
	st.Mode = plan9.Perm(r.perm(a))
	st.Atime, st.Mtime = uint32(a.Atime.Sec), uint32(a.Mtime.Sec)
	if a.Qid.Type&qtDir == 0 {
		st.Length = a.Size
	}
	st.Name = name
	st.Uid, st.Gid = r.s.names.UserName(a.Uid), r.s.names.GroupName(a.Gid)
	st.Muid = st.Uid
	if r.dialect == lib9p.U {
		var err error
		if st.Extension, err = r.extension(f, a); err != nil {
			return st, err
		}
	}
	return st, nil
}

// perm is the mode of stat(5), in .u with its further bits.
func (r *request) perm(a *Attr) uint32 {
	perm := a.Mode&0o777 | uint32(a.Qid.Type&(qtDir|keptBits))<<24
	if r.dialect != lib9p.U {
		return perm
	}
	switch a.Mode & lib9p.ModeFmt {
	case lib9p.ModeSymlink:
		perm |= plan9.DMSYMLINK
	case lib9p.ModeBlock, lib9p.ModeChar:
		perm |= plan9.DMDEVICE
	case lib9p.ModePipe:
		perm |= plan9.DMNAMEDPIPE
	case lib9p.ModeSocket:
		perm |= plan9.DMSOCKET
	}
	if a.Mode&0o4000 != 0 {
		perm |= plan9.DMSETUID
	}
	if a.Mode&0o2000 != 0 {
		perm |= plan9.DMSETGID
	}
	if a.Mode&0o1000 != 0 {
		perm |= dmSetVtx
	}
	return perm
}

// extension is what .u says beside: a symbolic link's target or a device's numbers.
func (r *request) extension(f File, a *Attr) (string, error) {
	major := (a.Rdev>>8)&0xfff | (a.Rdev>>32)&^0xfff
	minor := a.Rdev&0xff | (a.Rdev>>12)&0xffffff00
	switch a.Mode & lib9p.ModeFmt {
	case lib9p.ModeSymlink:
		if l, ok := f.(Readlinker); ok {
			return l.Readlink(r)
		}
	case lib9p.ModeBlock:
		return fmt.Sprintf("b %d %d", major, minor), nil
	case lib9p.ModeChar:
		return fmt.Sprintf("c %d %d", major, minor), nil
	}
	return "", nil
}

// A dirCursor maps offsets of a directory read in 9P2000, which count the bytes
// delivered, to those of the tree. A read goes on where the last one ended,
// begins anew, or is the last one once more, which a flush may have made necessary.
type dirCursor struct {
	mu         sync.Mutex
	last, next dirPos
}

type dirPos struct {
	offset uint64 // the client's
	cookie uint64 // the tree's
}

func (d *dirCursor) find(offset uint64) (dirPos, error) {
	switch offset {
	case 0:
		return dirPos{}, nil
	case d.next.offset:
		return d.next, nil
	case d.last.offset:
		return d.last, nil
	}
	return dirPos{}, errDirOffset
}

// readStats answers a Tread of a directory with the stats that fit.
func (r *request) readStats(m *lib9p.Tread, h Handle) error {
	dir, ok := h.(DirReader)
	if !ok {
		return errNotRead
	}
	d := &r.fid.dir
	d.mu.Lock()
	defer d.mu.Unlock()
	at, err := d.find(m.Offset)
	if err != nil {
		return err
	}
	data, full := r.reply(int(m.Count))[:0], false
	next := at
	err = dir.ReadDir(r, at.cookie, func(e *lib9p.Dirent) bool {
		if e.Name != "." && e.Name != ".." {
			n := len(data)
			if data, full = r.appendStat(data, e.Name, int(m.Count)); full {
				return false
			}
			next.offset += uint64(len(data) - n)
		}
		next.cookie = e.Offset
		return true
	})
	switch {
	case len(data) > 0:
	case err != nil:
		return err
	case full:
		return errSmallCount
	}
	d.last, d.next = at, next
	r.setData(lib9p.TypeRread, len(data))
	return nil
}

// appendStat appends the stat of an entry, or says that it does not fit. What
// has gone meanwhile, or has a name that the format cannot hold, is left out.
func (r *request) appendStat(b []byte, name string, max int) (data []byte, full bool) {
	f, err := r.fid.place.file.Walk(r, name)
	if err != nil {
		return b, false
	}
	defer f.Close()
	a, err := f.Stat(r)
	if err != nil {
		return b, false
	}
	st, err := r.statOf(f, name, &a)
	if err != nil {
		return b, false
	}
	data, err = lib9p.AppendStat(b, r.dialect, &st)
	if err != nil {
		return b, false
	}
	if len(data) > max {
		return b, true
	}
	return data, false
}
