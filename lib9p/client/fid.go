package client

import (
	"context"
	"sync/atomic"

	"github.com/styxkit/styxkit/lib9p"
)

// A Fid is the client's handle for a file. Its methods may be called at the same time; the order in which the
// server takes calls that run at the same time is the server's.
type Fid struct {
	c      *Conn
	num    uint32
	iounit atomic.Uint32

	// guarded by Conn.mu
	qid  lib9p.Qid
	refs int  // requests in flight that name the fid
	gone bool // Tclunk or Tremove is queued: nothing more may name the fid
	over bool // the server has let go of the fid, and the number is not free yet
}

// Conn returns the fid's connection.
func (f *Fid) Conn() *Conn { return f.c }

// Qid returns the qid that the server gave last, in Attach, Walk, Open or Create.
func (f *Fid) Qid() lib9p.Qid {
	f.c.mu.Lock()
	defer f.c.mu.Unlock()
	return f.qid
}

// Iounit returns how many bytes one ReadAt or WriteAt can carry. It is never 0: where
// the server names no size it is what fits into a message.
func (f *Fid) Iounit() uint32 { return f.iounit.Load() }

// opened keeps what the reply to an open says.
func (f *Fid) opened(q lib9p.Qid, iounit uint32) {
	f.setQid(q)
	if most := f.c.msize - lib9p.IOHeader; iounit == 0 || iounit > most {
		iounit = most
	}
	f.iounit.Store(iounit)
}

func (f *Fid) setQid(q lib9p.Qid) {
	f.c.mu.Lock()
	f.qid = q
	f.c.mu.Unlock()
}

// make sends m, which makes newfid, and returns the reply.
func (c *Conn) make(ctx context.Context, newfid *Fid, max int, m lib9p.Msg, fids ...*Fid) (lib9p.Msg, error) {
	k := c.newCall(lib9p.TypeOf(m) + 1)
	defer c.free(k)
	k.newfid, k.max = newfid, uint32(max)
	if err := ctx.Err(); err != nil {
		c.unmade(newfid)
		return nil, err
	}
	if err := c.begin(ctx, k, m, fids...); err != nil {
		c.unmade(newfid)
		return nil, err
	}
	if err := c.wait(ctx, k); err != nil {
		return nil, err
	}
	return k.msg, nil
}

// Auth begins an authentication: the protocol of the server's choice is read from and written to the fid.
// nuname is the numeric user, lib9p.NoUid for none; 9P2000 does not send it. A server that wants none refuses.
func (c *Conn) Auth(ctx context.Context, uname, aname string, nuname uint32) (*Fid, lib9p.Qid, error) {
	f, err := c.newFid()
	if err != nil {
		return nil, lib9p.Qid{}, err
	}
	m, err := c.make(ctx, f, 0, &lib9p.Tauth{Afid: f.num, Uname: uname, Aname: aname, Nuname: nuname})
	if err != nil {
		return nil, lib9p.Qid{}, err
	}
	f.setQid(m.(*lib9p.Rauth).Aqid)
	return f, f.Qid(), nil
}

// Attach returns the root of the tree aname for the user uname. afid is an authenticated fid of Auth, or nil.
func (c *Conn) Attach(ctx context.Context, afid *Fid, uname, aname string, nuname uint32) (*Fid, error) {
	f, err := c.newFid()
	if err != nil {
		return nil, err
	}
	num := uint32(lib9p.NoFid)
	if afid != nil {
		num = afid.num
	}
	m, err := c.make(ctx, f, 0, &lib9p.Tattach{Fid: f.num, Afid: num, Uname: uname, Aname: aname, Nuname: nuname}, afid)
	if err != nil {
		return nil, err
	}
	f.setQid(m.(*lib9p.Rattach).Qid)
	return f, nil
}

// Walk returns a new fid for the file that names lead to from f; without names, for f itself.
// A name on the way that does not exist is a *lib9p.Error with ENOENT.
func (f *Fid) Walk(ctx context.Context, names ...string) (*Fid, error) {
	g, _, err := f.WalkQids(ctx, names...)
	return g, err
}

// WalkQids is Walk and returns the qids of the files on the way too; where the walk
// fails, of those that were reached.
func (f *Fid) WalkQids(ctx context.Context, names ...string) (*Fid, []lib9p.Qid, error) {
	var qids []lib9p.Qid
	from := f
	for {
		part := names[:f.c.fit(names)]
		names = names[len(part):]
		to, q, err := from.walk(ctx, part)
		if from != f {
			from.drop()
		}
		qids = append(qids, q...)
		if err != nil {
			return nil, qids, err
		}
		if len(names) == 0 {
			return to, qids, nil
		}
		from = to
	}
}

// fit returns how many of names go into one Twalk: at least one, though it may be too long.
func (c *Conn) fit(names []string) int {
	room := int(c.msize) - lib9p.IOHeader
	for n, name := range names {
		if room -= 2 + len(name); n == lib9p.MaxWalk || n > 0 && room < 0 {
			return n
		}
	}
	return len(names)
}

// walk is a single Twalk.
func (f *Fid) walk(ctx context.Context, names []string) (*Fid, []lib9p.Qid, error) {
	g, err := f.c.newFid()
	if err != nil {
		return nil, nil, err
	}
	m, err := f.c.make(ctx, g, len(names), &lib9p.Twalk{Fid: f.num, Newfid: g.num, Wname: names}, f)
	if err != nil {
		return nil, nil, err
	}
	qids := m.(*lib9p.Rwalk).Wqid
	if len(qids) < len(names) {
		e := &lib9p.Error{Errno: lib9p.ENOENT}
		if f.c.dialect != lib9p.L {
			e.Ename = lib9p.ENOENT.Error()
		}
		return nil, qids, e
	}
	if len(qids) > 0 {
		g.setQid(qids[len(qids)-1])
	} else {
		g.setQid(f.Qid())
	}
	return g, qids, nil
}

// Clone returns a new fid for the same file, not open.
func (f *Fid) Clone(ctx context.Context) (*Fid, error) { return f.Walk(ctx) }

// Clunk gives up the fid, whatever it returns. Tclunk is sent also when ctx is over already, and is never
// flushed; the end of ctx ends only the wait for the reply.
func (f *Fid) Clunk(ctx context.Context) error {
	k := f.c.newCall(lib9p.TypeRclunk)
	k.sticky = true
	return f.giveUp(ctx, k, &lib9p.Tclunk{Fid: f.num})
}

// Remove removes the file and gives up the fid, whatever it returns.
func (f *Fid) Remove(ctx context.Context) error {
	return f.giveUp(ctx, f.c.newCall(lib9p.TypeRremove), &lib9p.Tremove{Fid: f.num})
}

// giveUp sends m, after which f is gone. Where m does not get away f is clunked all the same.
func (f *Fid) giveUp(ctx context.Context, k *call, m lib9p.Msg) error {
	k.gone = f
	err := f.c.rpc(ctx, k, m, f)
	f.c.free(k)
	if err != nil {
		f.drop()
	}
	return err
}

// drop clunks f with nobody waiting, unless it is gone already.
func (f *Fid) drop() {
	f.c.mu.Lock()
	defer f.c.mu.Unlock()
	if !f.gone {
		f.c.discard(f)
	}
}
