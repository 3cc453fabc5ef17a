package styxpersist

import (
	"errors"

	"9fans.net/go/plan9"

	"github.com/styxkit/styxkit/lib9p"
)

// A Tlcreate that need not make a new file is sent again when it is in doubt: the second execution opens what the first has
// made. Some servers insist on a new file all the same, and some files have a mode that lets only their making open them.
// Then the answer is an error that a single execution would not have had, and the session opens the file itself.

// lookAgain reports whether r, which the server has refused with f, may have been done by an earlier
// connection and refused for that. Then it is looked at what is there, and r waits for that.
func (s *session) lookAgain(r *request, f lib9p.Frame) bool {
	if r.typ != lib9p.TypeTlcreate || !r.resent || r.refused != nil {
		return false
	}
	m := r.msg(s.d).(*lib9p.Tlcreate)
	_, e, err := lib9p.Unpack(s.d, f)
	if err != nil || m.Flags&lib9p.LEXCL != 0 {
		return false
	}
	refusal := lib9p.ErrorOf(e)
	if number(refusal) != lib9p.EEXIST && !(forbids(refusal) && !allows(m)) {
		return false
	}
	if r.flushing { // the Rflush is on its way, and nothing may be done after it
		s.doubtful(r, "it was cancelled before it could be looked for")
		return true
	}
	r.refused = refusal
	s.proveAgain(r)
	return true
}

// proveAgain has it found out what became of r, which has one fid and has just been refused. Those behind it wait.
func (s *session) proveAgain(r *request) {
	srv := r.srv
	srv.freeTag(r)
	r.state, r.srv, r.kept = proving, nil, true
	if r.fid.barrier == r {
		r.fid.barrier = nil
	}
	r.fid.waiting = append([]*request{r}, r.fid.waiting...)
	s.proveInTurn(srv, r, func() { s.prove(srv, r) })
}

// allows reports whether a file made by m lets its owner open it as m does.
func allows(m *lib9p.Tlcreate) bool {
	want := [...]uint32{lib9p.LRDONLY: 0o400, lib9p.LWRONLY: 0o200, lib9p.LRDWR: 0o600, 3: 0o600}[m.Flags&lib9p.LACCMODE]
	return m.Mode&want == want
}

// recreated judges a Tlcreate that was refused the second time: where the file is there, it is opened.
func (p *prober) recreated(r *request, m *lib9p.Tlcreate) (verdict, error) {
	found, err := p.lookup(p.node(r.fid), m.Name)
	if err != nil {
		return undecided, err
	}
	if !found.ok || found.qid.Type&(plan9.QTDIR|plan9.QTSYMLINK) != 0 { // no Tlcreate has made that
		return verdict{no: r.refused}, nil
	}
	p.s.mu.Lock()
	answered := r.state != proving
	p.s.mu.Unlock()
	if answered { // what opens may truncate
		return undecided, nil
	}
	flags := m.Flags &^ (lib9p.LCREATE | lib9p.LNOCTTY)
	reply, err := p.srv.call(p.srv.ctx, &lib9p.Tlopen{Fid: found.sfid, Flags: flags})
	switch {
	case err == nil:
		open := reply.(*lib9p.Rlopen)
		return didIt(&lib9p.Rlcreate{Qid: open.Qid, Iounit: open.Iounit}), nil
	case passing(err), number(err) == 0:
		return undecided, err
	case forbids(err) && !allows(m):
		return verdict{why: "the file is there, with a mode that forbids to open it"}, nil
	}
	refusal, _ := errors.AsType[*lib9p.Error](err)
	return verdict{no: refusal}, nil
}
