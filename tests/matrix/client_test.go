package matrix

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"testing"
	"time"

	"9fans.net/go/plan9"

	"github.com/styxkit/styxkit/lib9p"
	"github.com/styxkit/styxkit/tests/internal/lab"
	"github.com/styxkit/styxkit/tests/internal/wire"
)

// patience is how long a client waits for a reply. A lock is tried for 20 seconds.
const patience = 40 * time.Second

// Fids of every cell.
const (
	root = 0 // what is served
	cell = 1 // the cell's directory in it
)

// A client leads one session, one message after the other. Its first failure that is no refusal stays.
type client struct {
	*wire.Client
	aname string
	err   error
	said  []lib9p.Msg // by the server, in order
	names []string    // that directory reads gave
}

// begin begins a session on conn and gives it the fids root and cell.
func begin(t testing.TB, conn net.Conn, d lib9p.Dialect, aname, name string) *client {
	t.Helper()
	conn.SetDeadline(time.Now().Add(lab.Patience))
	w, err := wire.Start(conn, d)
	must(t, err)
	c := &client{Client: w, aname: aname}
	must(t, c.Attach(root, aname))
	must(t, c.Walk(root, cell, name))
	conn.SetDeadline(time.Time{})
	return c
}

// do sends m and returns the reply, which may be a refusal, or nil where the session is broken.
func (c *client) do(m lib9p.Msg) lib9p.Msg {
	if c.err != nil {
		return nil
	}
	const tag = 1
	c.SetDeadline(time.Now().Add(patience))
	if c.err = c.Send(tag, m); c.err != nil {
		return nil
	}
	got, r, err := c.Receive()
	if err == nil && got != tag {
		err = fmt.Errorf("tag %d answered where %d was sent", got, tag)
	}
	if err != nil {
		c.err = fmt.Errorf("%s: %w", lib9p.TypeName(lib9p.TypeOf(m)), err)
		return nil
	}
	c.hears(r)
	return r
}

// hears keeps what the server said. Data lies in the connection's buffer until then.
func (c *client) hears(m lib9p.Msg) {
	switch m := m.(type) {
	case *lib9p.Rread:
		m.Data = bytes.Clone(m.Data)
	case *lib9p.Rreaddir:
		m.Data = bytes.Clone(m.Data)
	}
	c.said = append(c.said, m)
}

// need is do for what leads to the message of the row.
func (c *client) need(m lib9p.Msg) lib9p.Msg {
	r := c.do(m)
	if e := lib9p.ErrorOf(r); c.err == nil && e != nil {
		c.err = fmt.Errorf("%s: %w", lib9p.Format(c.Dialect, 1, m), e)
	}
	return r
}

func (c *client) walk(from, to uint32, names ...string) {
	r := c.need(&lib9p.Twalk{Fid: from, Newfid: to, Wname: names})
	if w, ok := r.(*lib9p.Rwalk); ok && len(w.Wqid) < len(names) {
		c.err = fmt.Errorf("walk %q: not found", names)
	}
}

// misses walks to what is not there.
func (c *client) misses(name string) { c.do(&lib9p.Twalk{Fid: cell, Newfid: 9, Wname: []string{name}}) }

// opened walks to name and opens it with a mode of Topen, without its flags.
func (c *client) opened(fid uint32, name string, mode uint8) {
	c.walk(cell, fid, name)
	c.need(c.open(fid, mode))
}

func (c *client) open(fid uint32, mode uint8) lib9p.Msg {
	if c.Dialect != lib9p.L {
		return &lib9p.Topen{Fid: fid, Mode: mode}
	}
	flags := uint32(mode & 3)
	if mode&plan9.OTRUNC != 0 {
		flags |= lib9p.LTRUNC
	}
	return &lib9p.Tlopen{Fid: fid, Flags: flags}
}

// makes creates a file in the cell's directory, writes to it and lets go of it.
func (c *client) makes(name, text string) {
	const fid = 8
	c.walk(cell, fid)
	if c.Dialect == lib9p.L {
		c.do(&lib9p.Tlcreate{Fid: fid, Name: name, Flags: lib9p.LWRONLY | lib9p.LCREATE, Mode: 0o644})
	} else {
		c.do(&lib9p.Tcreate{Fid: fid, Name: name, Perm: 0o644, Mode: plan9.OWRITE})
	}
	c.do(&lib9p.Twrite{Fid: fid, Data: []byte(text)})
	c.do(&lib9p.Tclunk{Fid: fid})
}

func (c *client) stat(fid uint32) lib9p.Msg {
	if c.Dialect == lib9p.L {
		return c.do(&lib9p.Tgetattr{Fid: fid, Mask: lib9p.GetBasic})
	}
	return c.do(&lib9p.Tstat{Fid: fid})
}

// list reads a directory from offset on, and takes the names.
func (c *client) list(fid uint32, offset uint64) {
	for {
		next, ok := c.take(c.do(c.readDir(fid, offset, 200)), offset)
		if !ok {
			return
		}
		offset = next
	}
}

func (c *client) readDir(fid uint32, offset uint64, count uint32) lib9p.Msg {
	if c.Dialect == lib9p.L {
		return &lib9p.Treaddir{Fid: fid, Offset: offset, Count: count}
	}
	return &lib9p.Tread{Fid: fid, Offset: offset, Count: count}
}

// take takes the names of a reply to a read of a directory, and returns where it goes on, false at the end.
func (c *client) take(m lib9p.Msg, offset uint64) (next uint64, ok bool) {
	switch m := m.(type) {
	case *lib9p.Rreaddir:
		for b := m.Data; len(b) > 0; ok = true {
			e, rest, err := lib9p.NextDirent(b)
			if err != nil {
				c.err = err
				return 0, false
			}
			c.names = append(c.names, e.Name)
			offset, b = e.Offset, rest
		}
	case *lib9p.Rread:
		for b := m.Data; len(b) > 0; ok = true {
			st, rest, err := lib9p.NextStat(b, c.Dialect)
			if err != nil {
				c.err = err
				return 0, false
			}
			c.names = append(c.names, st.Name)
			b = rest
		}
		offset += uint64(len(m.Data))
	}
	return offset, ok
}

// listed returns the names that were read, in order of the alphabet.
func (c *client) listed() []string {
	var l []string
	for _, name := range c.names {
		if name != "." && name != ".." { // some servers have them
			l = append(l, name)
		}
	}
	slices.Sort(l)
	return l
}

// hung reports whether the session ended because no reply came.
func (c *client) hung() bool { return errors.Is(c.err, os.ErrDeadlineExceeded) }

// offset returns where the last read of a directory, which was the first, went on.
func (c *client) offset() uint64 {
	at := uint64(0)
	for _, m := range c.said {
		switch m := m.(type) {
		case *lib9p.Rreaddir:
			for b := m.Data; len(b) > 0; {
				e, rest, err := lib9p.NextDirent(b)
				if err != nil {
					return at
				}
				at, b = e.Offset, rest
			}
			return at
		case *lib9p.Rread:
			return uint64(len(m.Data))
		}
	}
	return at
}
