package main

import (
	"fmt"
	"net"
	"time"

	"github.com/styxkit/styxkit/lib9p"
	"github.com/styxkit/styxkit/tests/internal/wire"
)

const (
	block    = wire.Msize - lib9p.IOHeader
	rootFid  = 0
	fileFid  = 1
	maxDepth = 16
)

// An op is a request to be repeated, depth of them outstanding at every moment.
type op struct {
	name  string
	depth int
	msg   func() lib9p.Msg
}

var ops = []op{
	{"stat 1", 1, stat}, {"stat 16", maxDepth, stat},
	{"read 1", 1, read}, {"read 16", maxDepth, read},
	{"write 1", 1, write}, {"write 16", maxDepth, write},
}

func stat() lib9p.Msg  { return &lib9p.Tgetattr{Fid: rootFid, Mask: lib9p.GetBasic} }
func read() lib9p.Msg  { return &lib9p.Tread{Fid: fileFid, Count: block} }
func write() lib9p.Msg { return &lib9p.Twrite{Fid: fileFid, Data: make([]byte, block)} }

// A way is a session with the server over one of the roads to it, and what was measured there.
// It handles frames and not messages, and gathers what it sends, so as not to be measured itself.
type way struct {
	name string
	conn net.Conn
	r    *lib9p.Reader
	next uint64 // offset of the next read or write
	seen map[string][]float64
}

func newWay(name string, conn net.Conn, aname string) (*way, error) {
	c, err := wire.Start(conn, lib9p.L)
	if err != nil {
		return nil, err
	}
	if err := c.Attach(rootFid, aname); err != nil {
		return nil, err
	}
	if err := c.Walk(rootFid, fileFid, dataName); err != nil {
		return nil, err
	}
	if _, err := c.Call(&lib9p.Tlopen{Fid: fileFid, Flags: lib9p.LRDWR}); err != nil {
		return nil, err
	}
	// No answer is on the way, so a new Reader misses nothing.
	return &way{name: name, conn: conn, r: lib9p.NewReader(conn, wire.Msize), seen: make(map[string][]float64)}, nil
}

// measure repeats an operation for about d and returns how many were done in a second.
func (w *way) measure(o op, d time.Duration) (perSecond float64, err error) {
	frames := make([]lib9p.Frame, o.depth)
	var out []byte
	for tag := range frames {
		if frames[tag], err = lib9p.Pack(lib9p.L, uint16(tag), o.msg()); err != nil {
			return 0, err
		}
		out = append(out, w.place(frames[tag])...)
	}
	start := time.Now()
	if _, err := w.conn.Write(out); err != nil {
		return 0, err
	}
	out = out[:0]
	done, outstanding, over := 0, o.depth, false
	for outstanding > 0 {
		f, err := w.r.Next()
		if err != nil {
			return 0, err
		}
		if int(f.Tag()) >= o.depth || f.Type() != frames[0].Type()+1 {
			return 0, fmt.Errorf("answered %s with tag %d", lib9p.TypeName(f.Type()), f.Tag())
		}
		if f.Type() == lib9p.TypeRread && len(f) != lib9p.HeaderSize+4+block {
			return 0, fmt.Errorf("read %d bytes less than asked for", lib9p.HeaderSize+4+block-len(f))
		}
		done++
		outstanding--
		if !over {
			out = append(out, w.place(frames[f.Tag()])...)
			outstanding++
		}
		if w.r.More() {
			continue
		}
		if _, err := w.conn.Write(out); err != nil {
			return 0, err
		}
		out = out[:0]
		over = time.Since(start) >= d
	}
	return float64(done) / time.Since(start).Seconds(), nil
}

// place gives a read or write its offset: block after block, and from the beginning again.
func (w *way) place(f lib9p.Frame) lib9p.Frame {
	if t := f.Type(); t == lib9p.TypeTread || t == lib9p.TypeTwrite {
		f.PutU32(lib9p.OffOffset, uint32(w.next%(fileSize-fileSize%block)))
		w.next += block
	}
	return f
}
