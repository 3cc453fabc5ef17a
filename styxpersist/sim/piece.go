//go:build sim || mutate

package sim

import (
	"bytes"
	"slices"

	"github.com/styxkit/styxkit/lib9p"
)

// A piece is a part of a Twrite that was too long for the server in one, as it was executed.
type piece struct {
	from, to int // of the data
	x        exec
}

// pieceOf returns the client's request of which r, a Twrite, is a part, and where the part begins. Where several have such a part it
// is of one whose parts so far end there; else it is the first or the last of one: what is in the middle is as long as the server takes.
func (c *sconn) pieceOf(r *sreq, fits func(*op, *sreq) bool) (found *op, begin int) {
	m, ok := r.msg.(*lib9p.Twrite)
	if !ok {
		return nil, 0
	}
	best := 0
	for _, o := range c.sess.open() {
		t, ok := o.msg.(*lib9p.Twrite)
		if !ok || o.fid.xmake || m.Offset < t.Offset || !fits(o, r) {
			continue
		}
		from := int(m.Offset - t.Offset)
		to := from + len(m.Data)
		if to > len(t.Data) || len(m.Data) == len(t.Data) || !bytes.Equal(t.Data[from:to], m.Data) {
			continue
		}
		how := 1
		switch {
		case slices.ContainsFunc(o.pieces, func(p piece) bool { return p.to == from }):
			how = 3
		case from == 0 || to == len(t.Data):
			how = 2
		}
		if how > best {
			found, begin, best = o, from, how
		}
	}
	return found, begin
}

// pieceDone takes in that a part of o has been executed.
func (w *world) pieceDone(o *op, r *sreq, x exec) {
	p := piece{from: r.from0, to: r.from0 + len(r.msg.(*lib9p.Twrite).Data), x: x}
	for _, q := range o.pieces {
		if o.late && x.eff && q.x.eff && q.from < p.to && p.from < q.to && !w.meddled(o, q.x.at) {
			w.fail("executed twice: operation %d, Twrite, from byte %d on", o.id, p.from)
		}
	}
	o.pieces = append(o.pieces, p)
}

// pieced returns the last part that makes m, the answer to a Twrite, true: all that it counts has been written.
func (o *op) pieced(m lib9p.Msg) *exec {
	reply, ok := m.(*lib9p.Rwrite)
	if !ok || len(o.pieces) == 0 {
		return nil
	}
	done, last := 0, (*exec)(nil)
	for again := true; again; {
		again = false
		for i := range o.pieces {
			if p := &o.pieces[i]; p.x.eff && p.from <= done && p.to > done {
				done, last, again = p.to, &p.x, true
			}
		}
	}
	if done < int(reply.Count) || o.late && done > int(reply.Count) {
		return nil
	}
	return last
}
