package srv

import (
	"strings"

	"github.com/styxkit/styxkit/lib9p"
)

// handle does a request of any dialect. It returns the reply, or nil where
// r.out holds it.
func (r *request) handle() (lib9p.Msg, error) {
	switch m := r.msg.(type) {
	case *lib9p.Tauth:
		return nil, errNoAuth
	case *lib9p.Tattach:
		return r.attach(m)
	}
	if r.fid == nil {
		return nil, errUnknownFid
	}
	switch m := r.msg.(type) {
	case *lib9p.Twalk:
		return r.walk(m)
	case *lib9p.Topen:
		return r.open(m)
	case *lib9p.Tcreate:
		return r.create(m)
	case *lib9p.Tread:
		return nil, r.read(m)
	case *lib9p.Twrite:
		return r.write(m)
	case *lib9p.Tclunk:
		return r.clunk()
	case *lib9p.Tremove:
		return r.remove()
	case *lib9p.Tstat:
		return r.stat()
	case *lib9p.Twstat:
		return r.wstat(m)
	}
	return r.handleL()
}

// handleL does a request that only 9P2000.L has. r.fid is there.
func (r *request) handleL() (lib9p.Msg, error) {
	if r.fid.xattr != nil {
		return nil, errUnknownFid // it stands for an attribute and not for a file
	}
	switch m := r.msg.(type) {
	case *lib9p.Tstatfs:
		return r.statfs()
	case *lib9p.Tlopen:
		return r.lopen(m)
	case *lib9p.Tlcreate:
		return r.lcreate(m)
	case *lib9p.Tsymlink:
		n := New{Mode: lib9p.ModeSymlink | 0o777, Gid: m.Gid, Target: m.Target}
		q, err := r.make(m.Name, n)
		return &lib9p.Rsymlink{Qid: q}, err
	case *lib9p.Tmknod:
		n := New{Mode: m.Mode, Gid: m.Gid, Major: m.Major, Minor: m.Minor}
		if n.Mode&lib9p.ModeFmt == 0 {
			n.Mode |= lib9p.ModeRegular // as mknod(2) has it
		}
		if n.Mode&lib9p.ModeFmt == lib9p.ModeDir || n.Mode&lib9p.ModeFmt == lib9p.ModeSymlink {
			return nil, errMode
		}
		q, err := r.make(m.Name, n)
		return &lib9p.Rmknod{Qid: q}, err
	case *lib9p.Trename:
		return r.rename(m)
	case *lib9p.Treadlink:
		return r.readlink()
	case *lib9p.Tgetattr:
		return r.getattr(m)
	case *lib9p.Tsetattr:
		return r.setattr(m)
	case *lib9p.Txattrwalk:
		return r.xattrwalk(m)
	case *lib9p.Txattrcreate:
		return r.xattrcreate(m)
	case *lib9p.Treaddir:
		return nil, r.readdir(m)
	case *lib9p.Tfsync:
		return r.fsync(m)
	case *lib9p.Tlock:
		return r.lock(m)
	case *lib9p.Tgetlock:
		return r.getlock(m)
	case *lib9p.Tlink:
		return r.link(m)
	case *lib9p.Tmkdir:
		q, err := r.make(m.Name, New{Mode: lib9p.ModeDir | m.Mode&0o7777, Gid: m.Gid})
		return &lib9p.Rmkdir{Qid: q}, err
	case *lib9p.Trenameat:
		return r.renameat(m)
	case *lib9p.Tunlinkat:
		return r.unlinkat(m)
	}
	return nil, lib9p.ENOSYS
}

// attach makes a fid on the root that the client names.
func (r *request) attach(m *lib9p.Tattach) (lib9p.Msg, error) {
	switch {
	case m.Afid != lib9p.NoFid:
		return nil, refuse(lib9p.EINVAL, "unknown fid: authentication not required")
	case len(m.Uname) > maxUname:
		return nil, refuse(lib9p.EINVAL, "bad argument: user name too long")
	}
	if err := r.s.free(m.Fid); err != nil {
		return nil, err
	}
	u := User{Name: m.Uname, UID: m.Nuname}
	if r.dialect == lib9p.P2000 {
		u.UID = lib9p.NoUid
	}
	file, err := r.s.tree.Attach(r, u, m.Aname)
	if err != nil {
		return nil, err
	}
	f := &fid{s: r.s, num: m.Fid, place: newPlace(file), user: u}
	q := f.qid()
	if err := r.s.enter(f); err != nil {
		return nil, err
	}
	return &lib9p.Rattach{Qid: q}, nil
}

// walk moves a fid along names, or makes another one where they lead. Where the
// first name leads somewhere and a later one does not, the reply says how far it went.
func (r *request) walk(m *lib9p.Twalk) (lib9p.Msg, error) {
	f := r.fid
	same := m.Newfid == m.Fid
	if f.xattr != nil {
		return nil, errUnknownFid
	}
	if f.isOpen() && (same || len(m.Wname) > 0) {
		return nil, errOpen
	}
	if !same {
		if err := r.s.free(m.Newfid); err != nil {
			return nil, err
		}
	}
	place, qids, err := r.steps(f.place.share(), m.Wname)
	if len(qids) < len(m.Wname) {
		place.release()
		if len(qids) > 0 {
			return &lib9p.Rwalk{Wqid: qids}, nil
		}
		return nil, err
	}
	if same && len(m.Wname) == 0 {
		place.release()
		return &lib9p.Rwalk{}, nil
	}
	n := &fid{s: r.s, num: m.Newfid, place: place, user: f.user}
	if same {
		err = r.s.replace(f, n)
	} else {
		err = r.s.enter(n)
	}
	if err != nil {
		return nil, err
	}
	return &lib9p.Rwalk{Wqid: qids}, nil
}

// steps walks from a place, which it takes, and returns the place it has come to.
func (r *request) steps(at *place, names []string) (*place, []lib9p.Qid, error) {
	qids := make([]lib9p.Qid, 0, len(names))
	for _, name := range names {
		if err := checkName(name); err != nil {
			return at, qids, err
		}
		if at.file.Qid().Type&qtDir == 0 {
			return at, qids, lib9p.ENOTDIR
		}
		next, err := at.file.Walk(r, name)
		if err != nil {
			return at, qids, err
		}
		at.release()
		at = newPlace(next)
		qids = append(qids, next.Qid())
	}
	return at, qids, nil
}

// checkName refuses what cannot be one step of a walk.
func checkName(name string) error {
	if name == "" || name == "." || strings.ContainsAny(name, "/\x00") {
		return errName
	}
	return nil
}

// checkNewName refuses what cannot be given to a file as its name.
func checkNewName(name string) error {
	if name == ".." {
		return errName
	}
	return checkName(name)
}

// clunk gives a fid up. Where other requests still use it, the last of them closes it.
func (r *request) clunk() (lib9p.Msg, error) {
	f := r.fid
	if f.xattr != nil {
		if err := f.xattr.commit(r, f); err != nil {
			return nil, err
		}
	}
	if err := r.last(); err != nil {
		return nil, err
	}
	return &lib9p.Rclunk{}, nil
}

// last closes r.fid, which is out of the table, unless other requests still use it.
func (r *request) last() error {
	f := r.fid
	r.s.mu.Lock()
	last := r.s.drop(f)
	r.fid = nil
	r.s.mu.Unlock()
	if last {
		return f.close()
	}
	return nil
}

// remove removes the file and gives the fid up, also when the file stays.
func (r *request) remove() (lib9p.Msg, error) {
	f := r.fid
	err := error(lib9p.EOPNOTSUPP)
	if p, ok := f.place.file.(Placed); ok && f.xattr == nil {
		err = p.Remove(r)
	}
	f.mu.Lock()
	f.rclose = false
	f.mu.Unlock()
	r.last()
	if err != nil {
		return nil, err
	}
	return &lib9p.Rremove{}, nil
}
