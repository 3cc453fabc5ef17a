package srv_test

import (
	"context"
	"io"
	"net"
	"testing"
	"time"

	"github.com/styxkit/styxkit/lib9p"
	"github.com/styxkit/styxkit/lib9p/client"
	"github.com/styxkit/styxkit/lib9p/srv"
)

// patience is how long a test waits for what must happen at once.
const patience = 20 * time.Second

// serve serves tree on one end of a pipe and returns the other. At the test's
// end the pipe is closed, and Serve must return.
func serve(t testing.TB, tree srv.Tree) net.Conn {
	t.Helper()
	a, b := net.Pipe()
	start(t, b, tree)
	t.Cleanup(func() { a.Close() })
	return a
}

// start runs Serve and returns where its result comes.
func start(t testing.TB, c lib9p.Transport, tree srv.Tree) <-chan error {
	t.Helper()
	done := make(chan error, 1)
	over := make(chan struct{})
	go func() {
		defer close(over)
		done <- srv.Serve(context.Background(), c, tree)
	}()
	t.Cleanup(func() {
		select {
		case <-over:
		case <-time.After(patience):
			t.Error("Serve does not return")
		}
	})
	return done
}

// dialect returns a connection to tree that speaks d.
func dialect(t testing.TB, tree srv.Tree, d lib9p.Dialect) *client.Conn {
	t.Helper()
	c, err := client.New(t.Context(), serve(t, tree), client.Options{Dialects: []lib9p.Dialect{d}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// attach returns the root of tree.
func attach(t testing.TB, tree srv.Tree, d lib9p.Dialect) *client.Fid {
	t.Helper()
	f, err := dialect(t, tree, d).Attach(t.Context(), nil, "glenda", "", lib9p.NoUid)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// A peer talks in messages, and expects them.
type peer struct {
	t  testing.TB
	c  net.Conn
	rd *lib9p.Reader
	d  lib9p.Dialect
}

// talk returns a peer that has agreed on d.
func talk(t testing.TB, tree srv.Tree, d lib9p.Dialect) *peer {
	t.Helper()
	p := newPeer(t, serve(t, tree))
	p.d = d
	p.send(lib9p.NoTag, &lib9p.Tversion{Msize: 8192, Version: d.String()})
	if v := p.recv(lib9p.NoTag).(*lib9p.Rversion); v.Version != d.String() || v.Msize != 8192 {
		t.Fatalf("got %+v", v)
	}
	return p
}

func newPeer(t testing.TB, c net.Conn) *peer {
	c.SetDeadline(time.Now().Add(patience))
	return &peer{t: t, c: c, rd: lib9p.NewReader(c, 1<<21)}
}

func (p *peer) send(tag uint16, m lib9p.Msg) {
	p.t.Helper()
	f, err := lib9p.Pack(p.d, tag, m)
	if err != nil {
		p.t.Fatal(err)
	}
	p.write(f)
}

func (p *peer) write(b []byte) {
	p.t.Helper()
	if _, err := p.c.Write(b); err != nil {
		p.t.Fatal(err)
	}
}

// next returns the next message.
func (p *peer) next() (uint16, lib9p.Msg) {
	p.t.Helper()
	f, err := p.rd.Next()
	if err != nil {
		p.t.Fatal(err)
	}
	tag, m, err := lib9p.Unpack(p.d, f)
	if err != nil {
		p.t.Fatal(err)
	}
	return tag, m
}

// recv returns the next message, which must have the tag.
func (p *peer) recv(want uint16) lib9p.Msg {
	p.t.Helper()
	tag, m := p.next()
	if tag != want {
		p.t.Fatalf("got tag %d, want %d: %s", tag, want, lib9p.Format(p.d, tag, m))
	}
	return m
}

// call sends a request and returns the answer.
func (p *peer) call(m lib9p.Msg) lib9p.Msg {
	p.t.Helper()
	p.send(1, m)
	return p.recv(1)
}

// refused calls and wants the answer to be an error with the number.
func (p *peer) refused(m lib9p.Msg, want lib9p.Errno) {
	p.t.Helper()
	got := p.call(m)
	e := lib9p.ErrorOf(got)
	if e == nil || e.Number() != want {
		p.t.Errorf("%s: got %s, want error %d (%v)", lib9p.Format(p.d, 1, m), lib9p.Format(p.d, 1, got), uint32(want), want)
	}
}

// eof wants nothing more to come.
func (p *peer) eof() {
	p.t.Helper()
	if f, err := p.rd.Next(); err != io.EOF {
		p.t.Errorf("got %v %v, want the end of the connection", f, err)
	}
}
