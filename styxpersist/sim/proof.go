//go:build sim || mutate

package sim

import (
	"context"
	"errors"
	"io"
	"strings"
	"time"

	"9fans.net/go/plan9"

	"github.com/styxkit/styxkit/lib9p"
)

// In some histories the server lets in only who proves who he is, and styxpersist is given what proves it: that
// takes its time now and then, or cannot be done.

const (
	proof    = "this is u, and nobody else"
	believed = "good"
)

var errNoProof = errors.New("no proof at hand")

// prove is the session's Config.Auth.
func (s *session) prove(ctx context.Context, afid io.ReadWriter, t *lib9p.Tauth) error {
	r := s.w.random(1<<24 + s.num<<16 + int(s.proofs.Add(1)))
	if r.IntN(3) == 0 {
		select {
		case <-time.After(time.Duration(r.IntN(3000)) * time.Millisecond):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	if r.IntN(4) == 0 && !s.w.calm.Load() {
		return errNoProof
	}
	if _, err := io.WriteString(afid, proof); err != nil {
		return err
	}
	answer := make([]byte, len(believed))
	if _, err := io.ReadFull(afid, answer); err != nil || string(answer) != believed {
		return errors.Join(errors.New("the proof is not believed"), err)
	}
	return nil
}

// unproved reports whether e is what a client is told whose user could not be proved: for lack of a proof, or to a server that is silent.
func (w *world) unproved(o *op, e *lib9p.Error) bool {
	if !w.proved || o.typ != lib9p.TypeTattach || e.Number() != lib9p.EACCES {
		return false
	}
	return w.d == lib9p.L || strings.Contains(e.Ename, errNoProof.Error()) || w.deaf && strings.Contains(e.Ename, context.DeadlineExceeded.Error())
}

// auth makes an authentication file.
func (c *sconn) auth(r *sreq, m *lib9p.Tauth) (lib9p.Msg, bool, *sfid) {
	switch {
	case !c.w.proved:
		c.w.fail("styxpersist authenticates, and has nothing to do it with")
	case c.fids[m.Afid] != nil:
		c.w.fail("styxpersist made fid %d an authentication file, which is in use", m.Afid)
	case m.Uname != "u" || m.Nuname != 7 && c.d != lib9p.P2000:
		c.w.fail("styxpersist authenticates %s (%d), who is nobody", m.Uname, m.Nuname)
	}
	f := &sfid{num: m.Afid, node: c.w.tree.root, auth: true}
	c.fids[m.Afid], r.makes = f, f
	return &lib9p.Rauth{Aqid: lib9p.Qid{Type: plan9.QTAUTH, Path: 1 << 40}}, false, f
}

// lets reports whether an attach with this afid may be made.
func (c *sconn) lets(afid uint32) bool {
	if !c.w.proved {
		return afid == lib9p.NoFid
	}
	f := c.fids[afid]
	return f != nil && f.auth && string(f.value) == proof
}

// talk does r on an authentication file.
func (c *sconn) talk(r *sreq, f *sfid) (lib9p.Msg, bool, *sfid) {
	switch m := r.msg.(type) {
	case *lib9p.Twrite:
		if m.Offset != uint64(len(f.value)) {
			break
		}
		n := len(m.Data)
		if n > 1 && c.w.luck.IntN(3) == 0 {
			n = 1 + c.w.luck.IntN(n-1)
		}
		f.value = append(f.value, m.Data[:n]...)
		return &lib9p.Rwrite{Count: uint32(n)}, false, f
	case *lib9p.Tread:
		at := int(m.Offset) - len(proof)
		if string(f.value) != proof || at < 0 || at >= len(believed) {
			break
		}
		n := min(1+c.w.luck.IntN(len(believed)), len(believed)-at, int(m.Count))
		return &lib9p.Rread{Data: []byte(believed[at : at+n])}, false, f
	case *lib9p.Tclunk:
		delete(c.fids, f.num)
		return &lib9p.Rclunk{}, false, f
	}
	c.w.fail("styxpersist sent %s on an authentication file", c.w.format(r.frame))
	reply, _ := c.refuse(lib9p.EPROTO)
	return reply, false, f
}
