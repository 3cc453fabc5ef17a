package styxpersist

import (
	"errors"

	"9fans.net/go/plan9"

	"github.com/styxkit/styxkit/lib9p"
)

// A prober looks at the server's tree for one request. Its fids live as long as it does.
type prober struct {
	s       *session
	srv     *server
	fenced  bool // when it began: the old connections can do nothing more
	drained bool // or it was waited for that in vain
	sfids   []uint32
}

// found is what a name leads to, if anything.
type found struct {
	ok   bool
	qid  lib9p.Qid
	sfid uint32
}

var errProbe = errors.New("the directory cannot be reached")

func (p *prober) done() {
	for _, sfid := range p.sfids {
		p.srv.drop(sfid)
	}
}

func (p *prober) node(f *fid) *node {
	p.s.mu.Lock()
	defer p.s.mu.Unlock()
	return f.node
}

func (p *prober) qid(n *node) lib9p.Qid {
	p.s.mu.Lock()
	defer p.s.mu.Unlock()
	return n.qid
}

func (p *prober) path(n *node) ([]string, bool) {
	p.s.mu.Lock()
	defer p.s.mu.Unlock()
	return n.path()
}

// walk makes a fid for node n, which names lead to, and checks that it is n.
func (p *prober) walk(n *node, names []string) (uint32, error) {
	sfid, qids, err := p.s.walkTo(p.srv, n.root, names)
	if err != nil {
		return 0, err
	}
	p.sfids = append(p.sfids, sfid)
	if !sameFile(qids[len(qids)-1], p.qid(n)) {
		return 0, errReplaced
	}
	return sfid, p.s.sameGen(p.srv, sfid, n)
}

// is reports whether f is the file n.
func (p *prober) is(f found, n *node) (bool, error) {
	if !f.ok || !sameFile(f.qid, p.qid(n)) {
		return false, nil
	}
	err := p.s.sameGen(p.srv, f.sfid, n)
	if err == errReplaced {
		return false, nil
	}
	return err == nil, err
}

// lookup finds what name in dir leads to.
func (p *prober) lookup(dir *node, name string) (found, error) {
	from, err := p.reach(dir)
	if err != nil {
		return found{}, err
	}
	return p.step(from, name)
}

// reach makes a fid for node n, to which a path must lead.
func (p *prober) reach(n *node) (uint32, error) {
	sfid, ok, err := p.stand(n)
	if err == nil && !ok {
		err = errProbe
	}
	return sfid, err
}

// stand makes a fid for node n, where a path leads there: ok says so.
func (p *prober) stand(n *node) (sfid uint32, ok bool, err error) {
	names, ok := p.path(n)
	if ok {
		sfid, err = p.walk(n, names)
	}
	return sfid, ok, err
}

// step finds what name leads to from the directory that sfid from stands on.
func (p *prober) step(from uint32, name string) (found, error) {
	p.s.mu.Lock()
	to := p.srv.newSfid()
	p.s.mu.Unlock()
	m, err := p.srv.call(p.srv.ctx, &lib9p.Twalk{Fid: from, Newfid: to, Wname: []string{name}})
	if err != nil {
		if isNotFound(err) {
			return found{}, nil
		}
		return found{}, err
	}
	p.sfids = append(p.sfids, to)
	q := m.(*lib9p.Rwalk).Wqid
	if len(q) != 1 {
		return found{}, nil
	}
	return found{ok: true, qid: q[0], sfid: to}, nil
}

// file returns what the file is that sfid is, as far as its attributes tell, and its length.
func (p *prober) file(sfid uint32) (kind, uint64, error) {
	if p.s.d == lib9p.L {
		m, err := p.srv.call(p.srv.ctx, &lib9p.Tgetattr{Fid: sfid, Mask: lib9p.GetMode | lib9p.GetSize})
		if err != nil {
			return kindUnknown, 0, err
		}
		a := m.(*lib9p.Rgetattr)
		return kindOfMode(a.Mode), a.Size, nil
	}
	m, err := p.srv.call(p.srv.ctx, &lib9p.Tstat{Fid: sfid})
	if err != nil {
		return kindUnknown, 0, err
	}
	st := &m.(*lib9p.Rstat).Stat
	return kindOfStat(st), st.Length, nil
}

// read opens sfid and returns count bytes at offset, fewer at the end.
func (p *prober) read(sfid uint32, offset uint64, count uint32) ([]byte, error) {
	var open lib9p.Msg = &lib9p.Topen{Fid: sfid, Mode: plan9.OREAD}
	if p.s.d == lib9p.L {
		open = &lib9p.Tlopen{Fid: sfid, Flags: lib9p.LRDONLY}
	}
	if _, err := p.srv.call(p.srv.ctx, open); err != nil {
		return nil, err
	}
	var all []byte
	for uint32(len(all)) < count {
		m, err := p.srv.call(p.srv.ctx, &lib9p.Tread{
			Fid: sfid, Offset: offset + uint64(len(all)), Count: min(count-uint32(len(all)), p.srv.room())})
		if err != nil {
			return nil, err
		}
		data := m.(*lib9p.Rread).Data
		if len(data) == 0 {
			break
		}
		all = append(all, data...)
	}
	return all, nil
}
