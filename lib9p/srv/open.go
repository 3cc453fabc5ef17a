package srv

import (
	"strconv"
	"strings"

	"9fans.net/go/plan9"

	"github.com/styxkit/styxkit/lib9p"
)

const (
	qtAppend = plan9.QTAPPEND
	qtExcl   = plan9.QTEXCL
	qtTmp    = plan9.QTTMP
	// Bits of the mode in 9P2000.u that 9fans.net/go/plan9 does not name.
	dmSetVtx = 0x00010000
	keptBits = qtAppend | qtExcl | qtTmp
)

// openFlags are Linux's for the mode of a Topen or Tcreate.
func (r *request) openFlags(mode uint8) (flags uint32, err error) {
	known := uint8(3 | plan9.OTRUNC | 0x20 | plan9.ORCLOSE)
	if r.dialect == lib9p.U {
		known |= lib9p.OAPPENDU
	}
	if mode&^known != 0 {
		return 0, errMode
	}
	switch mode & 3 {
	case plan9.OWRITE:
		flags = lib9p.LWRONLY
	case plan9.ORDWR:
		flags = lib9p.LRDWR
	}
	if mode&plan9.OTRUNC != 0 {
		flags |= lib9p.LTRUNC
	}
	if mode&lib9p.OAPPENDU != 0 {
		flags |= lib9p.LAPPEND
	}
	return flags, nil
}

// open answers Topen.
func (r *request) open(m *lib9p.Topen) (lib9p.Msg, error) {
	f := r.fid
	flags, err := r.openFlags(m.Mode)
	if err != nil {
		return nil, err
	}
	q := f.qid()
	if q.Type&qtDir != 0 && (m.Mode&3 != plan9.OREAD || m.Mode&plan9.OTRUNC != 0) {
		return nil, lib9p.EISDIR
	}
	if m.Mode&3 == plan9.OEXEC && q.Type&qtDir == 0 {
		a, err := f.place.file.Stat(r)
		if err != nil {
			return nil, err
		}
		if a.Mode&0o111 == 0 {
			return nil, lib9p.EACCES
		}
	}
	if q.Type&qtAppend != 0 {
		flags = flags&^lib9p.LTRUNC | lib9p.LAPPEND
	}
	if err := r.openFid(f, flags); err != nil {
		return nil, err
	}
	if m.Mode&plan9.ORCLOSE != 0 {
		f.mu.Lock()
		f.rclose = true
		f.mu.Unlock()
	}
	return &lib9p.Ropen{Qid: f.qid()}, nil
}

// create answers Tcreate: the file must not be there. A directory is made and opened.
func (r *request) create(m *lib9p.Tcreate) (lib9p.Msg, error) {
	flags, err := r.openFlags(m.Mode)
	if err != nil {
		return nil, err
	}
	n := New{Mode: m.Perm & 0o777, Gid: lib9p.NoUid, Qtype: uint8(m.Perm>>24) & keptBits, User: r.fid.user}
	const special = plan9.DMSYMLINK | lib9p.DMLINK | plan9.DMDEVICE | plan9.DMNAMEDPIPE | plan9.DMSOCKET
	switch {
	case m.Perm&(plan9.DMMOUNT|plan9.DMAUTH) != 0:
		return nil, errMode
	case r.dialect == lib9p.U && m.Perm&special != 0:
		return r.createSpecial(m, n)
	case m.Perm&special != 0:
		return nil, errMode
	}
	if r.dialect == lib9p.U {
		n.Mode |= setBits(m.Perm)
	} else if n.Mode, err = r.inherit(n.Mode, m.Perm&plan9.DMDIR != 0); err != nil {
		return nil, err
	}
	if m.Perm&plan9.DMDIR != 0 {
		if m.Mode&3 != plan9.OREAD || m.Mode&plan9.OTRUNC != 0 {
			return nil, lib9p.EISDIR
		}
		n.Mode |= lib9p.ModeDir
		q, err := r.makeAndOpen(m, n, true)
		return &lib9p.Rcreate{Qid: q}, err
	}
	n.Mode |= lib9p.ModeRegular
	if n.Qtype&qtAppend != 0 {
		flags |= lib9p.LAPPEND
	}
	q, err := r.createFile(m.Name, flags&^lib9p.LTRUNC|lib9p.LCREATE|lib9p.LEXCL, n, m.Mode&plan9.ORCLOSE != 0)
	return &lib9p.Rcreate{Qid: q}, err
}

// inherit is the rule of open(5): a new file has no permission of which the
// directory has none.
func (r *request) inherit(perm uint32, dir bool) (uint32, error) {
	a, err := r.fid.place.file.Stat(r)
	if dir {
		return perm & (^uint32(0o777) | a.Mode&0o777), err
	}
	return perm & (^uint32(0o666) | a.Mode&0o666), err
}

// setBits are Linux's for the setuid, setgid and sticky bits of .u.
func setBits(perm uint32) (mode uint32) {
	if perm&plan9.DMSETUID != 0 {
		mode |= 0o4000
	}
	if perm&plan9.DMSETGID != 0 {
		mode |= 0o2000
	}
	if perm&dmSetVtx != 0 {
		mode |= 0o1000
	}
	return mode
}

// makeAndOpen makes a file that is not regular and moves r.fid there. Of the
// kinds that there are only a directory is then opened.
func (r *request) makeAndOpen(m *lib9p.Tcreate, n New, open bool) (q lib9p.Qid, err error) {
	f := r.fid
	d, err := f.directory()
	if err == nil {
		err = checkNewName(m.Name)
	}
	if err == nil {
		err = f.startOpen()
	}
	if err != nil {
		return q, err
	}
	defer f.endOpen(nil, 0, lib9p.EEXIST)
	if _, err = d.Make(r, m.Name, n); err != nil {
		return q, err
	}
	return r.moveTo(m, open)
}

// moveTo moves r.fid to what has just been made.
func (r *request) moveTo(m *lib9p.Tcreate, open bool) (q lib9p.Qid, err error) {
	f := r.fid
	file, err := f.place.file.Walk(r, m.Name)
	if err != nil {
		return q, err
	}
	nf := &fid{s: r.s, num: f.num, place: newPlace(file), user: f.user, state: opened}
	if open {
		if nf.h, err = file.Open(r, lib9p.LRDONLY); err != nil {
			nf.close()
			return q, err
		}
	}
	nf.rclose = m.Mode&plan9.ORCLOSE != 0
	q = nf.qid()
	return q, r.s.replace(f, nf)
}

// createSpecial makes the files that .u adds: the extension says the target of a
// symbolic link, the fid of what is to be linked, or a device.
func (r *request) createSpecial(m *lib9p.Tcreate, n New) (lib9p.Msg, error) {
	switch {
	case m.Perm&plan9.DMSYMLINK != 0:
		n.Mode, n.Target = lib9p.ModeSymlink|0o777, m.Extension
	case m.Perm&lib9p.DMLINK != 0:
		q, err := r.createLink(m)
		return &lib9p.Rcreate{Qid: q}, err
	case m.Perm&plan9.DMNAMEDPIPE != 0:
		n.Mode |= lib9p.ModePipe
	case m.Perm&plan9.DMSOCKET != 0:
		n.Mode |= lib9p.ModeSocket
	default:
		kind, major, minor, ok := parseDevice(m.Extension)
		if !ok {
			return nil, refuse(lib9p.EINVAL, "bad argument: a device is written as b 8 1 or c 1 3")
		}
		n.Mode, n.Major, n.Minor = n.Mode|kind, major, minor
	}
	n.Qtype = 0
	q, err := r.makeAndOpen(m, n, false)
	return &lib9p.Rcreate{Qid: q}, err
}

// createLink makes a hard link to the file of a fid that the extension names.
func (r *request) createLink(m *lib9p.Tcreate) (q lib9p.Qid, err error) {
	num, err := strconv.ParseUint(strings.TrimSpace(m.Extension), 10, 32)
	if err != nil {
		return q, refuse(lib9p.EINVAL, "bad argument: the extension of a link is a fid")
	}
	d, err := r.fid.directory()
	if err == nil {
		err = checkNewName(m.Name)
	}
	if err != nil {
		return q, err
	}
	r.s.mu.Lock()
	src := r.s.hold(uint32(num))
	r.s.mu.Unlock()
	if src == nil {
		return q, errUnknownFid
	}
	defer func() {
		r.s.mu.Lock()
		r.s.unpin(&request{fid: src})
		r.s.mu.Unlock()
	}()
	if err := r.fid.startOpen(); err != nil {
		return q, err
	}
	defer r.fid.endOpen(nil, 0, lib9p.EEXIST)
	if err := d.Link(r, src.place.file, m.Name); err != nil {
		return q, err
	}
	return r.moveTo(m, false)
}

// parseDevice takes "b 8 1" or "c 1 3" apart.
func parseDevice(ext string) (kind, major, minor uint32, ok bool) {
	f := strings.Fields(ext)
	if len(f) != 3 {
		return
	}
	switch f[0] {
	case "b":
		kind = lib9p.ModeBlock
	case "c":
		kind = lib9p.ModeChar
	default:
		return
	}
	ma, err1 := strconv.ParseUint(f[1], 10, 32)
	mi, err2 := strconv.ParseUint(f[2], 10, 32)
	return kind, uint32(ma), uint32(mi), err1 == nil && err2 == nil
}
