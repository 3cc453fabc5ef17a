package styxpersist

import (
	"9fans.net/go/plan9"

	"github.com/styxkit/styxkit/lib9p"
)

// What makes a name was not done if the name is not there. If it is, somebody else may have made it: to make a name is
// how programs lock, and a false success would make two owners. Only of what says by itself what it is, a
// symbolic link, a hard link, a special file, it can be said that it was done, where the client had seen that the name was free.
// Of a file or a directory it can where there is nobody else, see sole.go.

// plain judges what makes a file, or a directory, that cannot be told from another's.
func (p *prober) plain(r *request, name string, dir bool, reply func(lib9p.Qid) lib9p.Msg) (verdict, error) {
	right := func(found found) (bool, error) {
		if !p.alone(place{p.node(r.fid), name}) {
			return false, nil
		}
		return p.isNew(found, dir)
	}
	return p.thing(r, name, right, reply)
}

// thing judges what makes something that says what it is: right reports whether the thing found is what was to be made.
func (p *prober) thing(r *request, name string, right func(found) (bool, error), reply func(lib9p.Qid) lib9p.Msg) (verdict, error) {
	n := p.node(r.fid)
	found, err := p.lookup(n, name)
	if err != nil {
		return undecided, err
	}
	if !found.ok {
		return p.again()
	}
	if is, err := right(found); err != nil || !is || !p.wasFree(r, place{n, name}) {
		return undecided, err
	}
	return didIt(reply(found.qid)), nil
}

func (p *prober) symlink(r *request, m *lib9p.Tsymlink) (verdict, error) {
	right := func(found found) (bool, error) {
		if found.qid.Type&plan9.QTSYMLINK == 0 {
			return false, nil
		}
		reply, err := p.srv.call(p.srv.ctx, &lib9p.Treadlink{Fid: found.sfid})
		return err == nil && reply.(*lib9p.Rreadlink).Target == m.Target, err
	}
	return p.thing(r, m.Name, right, func(q lib9p.Qid) lib9p.Msg { return &lib9p.Rsymlink{Qid: q} })
}

func (p *prober) mknod(r *request, m *lib9p.Tmknod) (verdict, error) {
	right := func(found found) (bool, error) {
		reply, err := p.srv.call(p.srv.ctx, &lib9p.Tgetattr{Fid: found.sfid, Mask: lib9p.GetBasic})
		if err != nil {
			return false, err
		}
		a := reply.(*lib9p.Rgetattr)
		device := m.Mode&lib9p.ModeFmt == lib9p.ModeChar || m.Mode&lib9p.ModeFmt == lib9p.ModeBlock
		return (a.Mode^m.Mode)&lib9p.ModeFmt == 0 && (!device || a.Rdev == deviceNumber(m.Major, m.Minor)), nil
	}
	return p.thing(r, m.Name, right, func(q lib9p.Qid) lib9p.Msg { return &lib9p.Rmknod{Qid: q} })
}

// deviceNumber is how Linux has major and minor in one number.
func deviceNumber(major, minor uint32) uint64 {
	return uint64(minor&0xff) | uint64(major&0xfff)<<8 | uint64(minor&^0xff)<<12 | uint64(major&^0xfff)<<32
}

func (p *prober) link(r *request, m *lib9p.Tlink) (verdict, error) {
	right := func(found found) (bool, error) { return sameFile(found.qid, p.qid(p.node(p.s.second(r)))), nil }
	return p.thing(r, m.Name, right, func(lib9p.Qid) lib9p.Msg { return &lib9p.Rlink{} })
}

// special are the bits of a Tcreate of .u that make what is not opened.
const special = plan9.DMSYMLINK | plan9.DMDEVICE | plan9.DMNAMEDPIPE | plan9.DMSOCKET | lib9p.DMLINK

// made judges a Tcreate.
func (p *prober) made(r *request, m *lib9p.Tcreate) (verdict, error) {
	reply := func(q lib9p.Qid) lib9p.Msg { return &lib9p.Rcreate{Qid: q} }
	if p.s.d != lib9p.U || m.Perm&special == 0 {
		return p.plain(r, m.Name, m.Perm&plan9.DMDIR != 0, reply)
	}
	right := func(found found) (bool, error) { return p.isMade(found, r, m) }
	return p.thing(r, m.Name, right, reply)
}

// isMade reports whether found is what m, of .u, makes.
func (p *prober) isMade(found found, r *request, m *lib9p.Tcreate) (bool, error) {
	if m.Perm&lib9p.DMLINK != 0 {
		return sameFile(found.qid, p.qid(p.node(p.s.second(r)))), nil
	}
	reply, err := p.srv.call(p.srv.ctx, &lib9p.Tstat{Fid: found.sfid})
	if err != nil {
		return false, err
	}
	st := &reply.(*lib9p.Rstat).Stat
	if (uint32(st.Mode)^m.Perm)&special != 0 {
		return false, nil
	}
	return m.Perm&(plan9.DMSYMLINK|plan9.DMDEVICE) == 0 || st.Extension == m.Extension, nil
}
