package client_test

import (
	"context"
	"errors"
	"net"
	"testing"
	"testing/synctest"

	"github.com/styxkit/styxkit/lib9p"
	"github.com/styxkit/styxkit/lib9p/client"
)

// A peer is a server that says what the test tells it to, over a pipe without a buffer.
// Tests with a peer run in a synctest bubble, where waiting costs no time and a deadlock is a failure.
type peer struct {
	t    *testing.T
	d    lib9p.Dialect
	conn net.Conn
	r    *lib9p.Reader
	tags tags
}

func newPeer(t *testing.T, d lib9p.Dialect) (*peer, net.Conn) {
	ours, theirs := net.Pipe()
	return &peer{t: t, d: d, conn: theirs, r: lib9p.NewReader(theirs, 1<<20), tags: newTags()}, ours
}

// want reads the next message, which must look like line.
func (p *peer) want(line string) {
	p.t.Helper()
	if got := p.next(); got != line {
		p.t.Fatalf("client sent\n\t%s\nnot\n\t%s", got, line)
	}
}

func (p *peer) next() string {
	p.t.Helper()
	f, err := p.r.Next()
	if err != nil {
		p.t.Fatalf("client sent nothing: %v", err)
	}
	tag, m, err := lib9p.Unpack(p.d, f)
	if err != nil {
		p.t.Fatal(err)
	}
	if tag, err = p.tags.heard(tag, m); err != nil {
		p.t.Fatalf("client sent %s: %v", lib9p.Format(p.d, tag, m), err)
	}
	return lib9p.Format(p.d, tag, m)
}

// send sends the message that line shows.
func (p *peer) send(line string) {
	p.t.Helper()
	tag, m, err := lib9p.Parse(p.d, line)
	if err != nil {
		p.t.Fatal(err)
	}
	f, err := lib9p.Pack(p.d, p.tags.said(tag, m), m)
	if err != nil {
		p.t.Fatal(err)
	}
	p.raw(f)
}

// raw sends b and waits until the client has done all that follows from it.
func (p *peer) raw(b []byte) {
	p.t.Helper()
	if _, err := p.conn.Write(b); err != nil {
		p.t.Fatalf("client does not read: %v", err)
	}
	synctest.Wait()
}

// silent says that the client has nothing to send: all of it waits.
func (p *peer) silent() {
	p.t.Helper()
	synctest.Wait()
	got := make(chan string, 1)
	go func() {
		b := make([]byte, 1)
		if n, _ := p.conn.Read(b); n > 0 {
			got <- "something"
		}
		close(got)
	}()
	synctest.Wait()
	select {
	case <-got:
		p.t.Fatal("client sent something")
	default:
	}
	p.t.Cleanup(func() { p.conn.Close() })
}

// result is what a call that runs beside the test returned.
type result[T any] struct {
	v   T
	err error
}

// start makes a call beside the test.
func start[T any](call func() (T, error)) <-chan result[T] {
	c := make(chan result[T], 1)
	go func() {
		v, err := call()
		c <- result[T]{v, err}
	}()
	return c
}

// startErr is start for calls that return an error only.
func startErr(call func() error) <-chan result[struct{}] {
	return start(func() (struct{}, error) { return struct{}{}, call() })
}

// waiting says that the call has not returned and will not without a cause.
func waiting[T any](t *testing.T, c <-chan result[T]) {
	t.Helper()
	synctest.Wait()
	select {
	case r := <-c:
		t.Fatalf("call returned %v, %v before there was a reason", r.v, r.err)
	default:
	}
}

func good[T any](t *testing.T, c <-chan result[T]) T {
	t.Helper()
	r := <-c
	if r.err != nil {
		t.Fatal(r.err)
	}
	return r.v
}

// connect returns a connection with 4096 bytes a message, and its peer.
func connect(t *testing.T, d lib9p.Dialect) (*client.Conn, *peer) {
	t.Helper()
	p, ours := newPeer(t, d)
	c := start(func() (*client.Conn, error) {
		return client.New(t.Context(), ours, client.Options{Msize: 4096, Dialects: []lib9p.Dialect{d}})
	})
	p.want("Tversion tag 65535 msize 4096 version " + d.String())
	p.send("Rversion tag 65535 msize 4096 version " + d.String())
	conn := good(t, c)
	t.Cleanup(func() { conn.Close() })
	return conn, p
}

// attach is connect and an attach, which takes fid 0.
func attach(t *testing.T, d lib9p.Dialect) (*client.Fid, *peer) {
	t.Helper()
	c, p := connect(t, d)
	root := start(func() (*client.Fid, error) { return c.Attach(t.Context(), nil, "glenda", "/", 7) })
	nuname := " nuname 7"
	if d == lib9p.P2000 {
		nuname = ""
	}
	p.want("Tattach tag 0 fid 0 afid 4294967295 uname glenda aname /" + nuname)
	p.send("Rattach tag 0 qid (0000000000000001 0 d)")
	return good(t, root), p
}

// open is attach and an open fid 1 for the file f, in .L.
func open(t *testing.T) (*client.Fid, *peer) {
	t.Helper()
	root, p := attach(t, lib9p.L)
	f := start(func() (*client.Fid, error) { return root.Walk(t.Context(), "f") })
	p.want("Twalk tag 0 fid 0 newfid 1 nwname 1 f")
	p.send("Rwalk tag 0 nwqid 1 (0000000000000002 0 -)")
	fid := good(t, f)
	o := startErr(func() error { return fid.Lopen(t.Context(), lib9p.LRDWR) })
	p.want("Tlopen tag 0 fid 1 flags 02")
	p.send("Rlopen tag 0 qid (0000000000000002 0 -) iounit 0")
	good(t, o)
	return fid, p
}

// clunked says that f's clunk goes to the server as the next message.
func (p *peer) clunked(f *client.Fid, tag, num string) {
	p.t.Helper()
	c := startErr(func() error { return f.Clunk(context.Background()) })
	p.want("Tclunk tag " + tag + " fid " + num)
	p.send("Rclunk tag " + tag)
	good(p.t, c)
}

// broken says that err is of a connection that is over, and no refusal.
func broken(t *testing.T, err error) *client.ConnError {
	t.Helper()
	e, ok := errors.AsType[*client.ConnError](err)
	if !ok {
		t.Fatalf("error is %v, not a *ConnError", err)
	}
	if refusal, ok := errors.AsType[*lib9p.Error](err); ok {
		t.Fatalf("error is the refusal %v too", refusal)
	}
	return e
}

// bubble runs test where time passes only while all wait, and all of it must end.
func bubble(t *testing.T, test func(t *testing.T)) {
	t.Helper()
	synctest.Test(t, test)
}
