package srv_test

import (
	"context"
	"encoding/binary"
	"fmt"
	"net"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/styxkit/styxkit/lib9p"
	"github.com/styxkit/styxkit/lib9p/srv"
	"github.com/styxkit/styxkit/lib9p/srv/memfs"
)

func TestVersion(t *testing.T) {
	for _, tt := range []struct {
		offer   string
		msize   uint32
		version string
		got     uint32
	}{
		{"9P2000", 8192, "9P2000", 8192},
		{"9P2000.u", 8192, "9P2000.u", 8192},
		{"9P2000.L", 256, "9P2000.L", 256},
		{"9P2000.L.Google.7", 8192, "9P2000.L", 8192},
		{"9P2000.x", 8192, "9P2000", 8192},
		{"9P2000.L", 1 << 30, "9P2000.L", 1<<20 + 24},
		{"9P1999", 8192, "unknown", 8192},
		{"", 8192, "unknown", 8192},
	} {
		p := newPeer(t, serve(t, memfs.New(memfs.Options{})))
		p.send(lib9p.NoTag, &lib9p.Tversion{Msize: tt.msize, Version: tt.offer})
		r := p.recv(lib9p.NoTag).(*lib9p.Rversion)
		if r.Version != tt.version || r.Msize != tt.got {
			t.Errorf("%q %d: got %+v", tt.offer, tt.msize, r)
		}
		p.c.Close()
	}
}

// What cannot be answered or gone on from ends the session, with a word where one is possible.
func TestHostileClient(t *testing.T) {
	frame := func(typ uint8, tag uint16, body ...byte) []byte {
		b := binary.LittleEndian.AppendUint32(nil, uint32(7+len(body)))
		return append(binary.LittleEndian.AppendUint16(append(b, typ), tag), body...)
	}
	version := &lib9p.Tversion{Msize: 8192, Version: "9P2000.L"}
	for _, tt := range []struct {
		name  string
		bytes []byte
		early bool // instead of a Tversion
		reply string
		err   string
	}{
		{"no Tversion", frame(lib9p.TypeTclunk, 1, 0, 0, 0, 0), true, "Tversion comes first", "before Tversion"},
		{"small msize", frame(lib9p.TypeTversion, 0xffff, append([]byte{100, 0, 0, 0, 8, 0}, "9P2000.L"...)...), true, "too small", "msize"},
		{"broken Tversion", frame(lib9p.TypeTversion, 0xffff, 1), true, "", "Tversion"},
		{"size 0", []byte{0, 0, 0, 0, 100, 0, 0}, false, "", "less than a header"},
		{"size over msize", []byte{1, 0x20, 0, 0, 100, 0, 0}, false, "", "more than the 8192"},
		{"a reply", frame(lib9p.TypeRclunk, 1), false, "", "client sent Rclunk"},
		{"Tlerror", frame(lib9p.TypeTlerror, 1), false, "", "client sent"},
		{"Terror", frame(lib9p.TypeTerror, 1), false, "", "client sent"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a, b := net.Pipe()
			done := start(t, b, memfs.New(memfs.Options{}))
			p := newPeer(t, a)
			if !tt.early {
				p.send(lib9p.NoTag, version)
				p.recv(lib9p.NoTag)
				p.d = lib9p.L
			}
			p.write(tt.bytes)
			if tt.reply != "" {
				_, m := p.next()
				if e := lib9p.ErrorOf(m); e == nil || !strings.Contains(e.Error(), tt.reply) {
					t.Errorf("got %v, want %q", m, tt.reply)
				}
			}
			p.eof()
			if err := <-done; err == nil || !strings.Contains(err.Error(), tt.err) {
				t.Errorf("got error %v, want %q", err, tt.err)
			}
		})
	}
}

// What is wrong with one request is its error, and the session goes on.
func TestBadRequests(t *testing.T) {
	p := talk(t, memfs.New(memfs.Options{}), lib9p.L)
	p.refused(&lib9p.Tauth{Afid: 1}, lib9p.ENOENT)
	p.refused(&lib9p.Tattach{Fid: 1, Afid: 2}, lib9p.EINVAL)
	p.refused(&lib9p.Tattach{Fid: lib9p.NoFid, Afid: lib9p.NoFid}, lib9p.EBADF)
	p.refused(&lib9p.Tattach{Fid: 0, Afid: lib9p.NoFid, Aname: "none"}, lib9p.ENOENT)
	p.refused(&lib9p.Tattach{Fid: 0, Afid: lib9p.NoFid, Aname: ".."}, lib9p.EINVAL)
	p.call(&lib9p.Tattach{Fid: 0, Afid: lib9p.NoFid, Nuname: lib9p.NoUid})
	for _, m := range []lib9p.Msg{
		&lib9p.Twalk{Fid: 9, Newfid: 1}, &lib9p.Tread{Fid: 9}, &lib9p.Twrite{Fid: 9}, &lib9p.Tclunk{Fid: 9},
		&lib9p.Tremove{Fid: 9}, &lib9p.Tlopen{Fid: 9}, &lib9p.Tgetattr{Fid: 9}, &lib9p.Tlock{Fid: 9},
		&lib9p.Tlink{Dfid: 0, Fid: 9, Name: "x"}, &lib9p.Trenameat{Olddirfid: 0, Newdirfid: 9, Oldname: "x", Newname: "y"},
		&lib9p.Trename{Fid: 0, Dfid: 9, Name: "x"}, &lib9p.Tread{Fid: 0}, &lib9p.Treaddir{Fid: 0}, &lib9p.Tfsync{Fid: 0},
	} {
		p.refused(m, lib9p.EBADF)
	}
	for _, name := range []string{"", ".", "..", "a/b", "a\x00b"} {
		p.refused(&lib9p.Tmkdir{Dfid: 0, Name: name}, lib9p.EINVAL)
		p.refused(&lib9p.Tlcreate{Fid: 0, Name: name}, lib9p.EINVAL)
		p.refused(&lib9p.Tunlinkat{Dirfd: 0, Name: name}, lib9p.EINVAL)
		p.refused(&lib9p.Trenameat{Olddirfid: 0, Newdirfid: 0, Oldname: name, Newname: "x"}, lib9p.EINVAL)
		p.refused(&lib9p.Trenameat{Olddirfid: 0, Newdirfid: 0, Oldname: "x", Newname: name}, lib9p.EINVAL)
	}
	p.refused(&lib9p.Tmkdir{Dfid: 0, Name: strings.Repeat("n", 256)}, lib9p.ENAMETOOLONG)
	p.refused(&lib9p.Tlopen{Fid: 0, Flags: lib9p.LRDWR}, lib9p.EISDIR)
	p.refused(&lib9p.Tlopen{Fid: 0, Flags: 3}, lib9p.EINVAL)

	// Too short, and of another dialect.
	p.write([]byte{8, 0, 0, 0, lib9p.TypeTclunk, 5, 0, 1})
	if e := lib9p.ErrorOf(p.recv(5)); e == nil || e.Number() != lib9p.EPROTO {
		t.Errorf("got %v", e)
	}
	p.write([]byte{7, 0, 0, 0, lib9p.TypeTstat, 5, 0})
	if e := lib9p.ErrorOf(p.recv(5)); e == nil {
		t.Error("a message of another dialect is not refused")
	}
	p.send(lib9p.NoTag, &lib9p.Tgetattr{Fid: 0})
	if e := lib9p.ErrorOf(p.recv(lib9p.NoTag)); e == nil || e.Number() != lib9p.EPROTO {
		t.Errorf("got %v", e)
	}
	if _, ok := p.call(&lib9p.Tgetattr{Fid: 0}).(*lib9p.Rgetattr); !ok {
		t.Error("the session does not go on")
	}
}

// gated returns a peer with fid 1 open on a gate's file.
func gated(t *testing.T, g *gate) *peer {
	p := talk(t, g, lib9p.P2000)
	p.call(&lib9p.Tattach{Fid: 0, Afid: lib9p.NoFid})
	p.call(&lib9p.Twalk{Fid: 0, Newfid: 1, Wname: []string{"file"}})
	p.call(&lib9p.Topen{Fid: 1, Mode: 2})
	return p
}

func TestFlush(t *testing.T) {
	g := newGate()
	p := gated(t, g)

	// Of nothing.
	p.send(7, &lib9p.Tflush{Oldtag: 99})
	p.recv(7)
	p.send(7, &lib9p.Tflush{Oldtag: 7})
	p.recv(7)

	// Of what waits: no answer but Rflush, to each flush in its order.
	p.send(2, &lib9p.Tread{Fid: 1, Count: 10})
	<-g.entered
	p.send(3, &lib9p.Tflush{Oldtag: 2})
	p.recv(3)
	p.send(2, &lib9p.Tread{Fid: 1, Count: 10}) // the tag is free again
	<-g.entered
	g.open <- struct{}{}
	if r := p.recv(2).(*lib9p.Rread); string(r.Data) != "data" {
		t.Errorf("read %q", r.Data)
	}

	// Of what is done all the same: the answer, and then Rflush. What flushes a flush waits for it.
	p.send(2, &lib9p.Tread{Fid: 1, Offset: deaf, Count: 10})
	<-g.entered
	p.send(3, &lib9p.Tflush{Oldtag: 2})
	p.send(4, &lib9p.Tflush{Oldtag: 2})
	p.send(5, &lib9p.Tflush{Oldtag: 3})
	p.send(6, &lib9p.Tflush{Oldtag: 98})
	p.recv(6) // nobody else has been answered yet
	g.late <- struct{}{}
	p.recv(2)
	p.recv(3)
	p.recv(5)
	p.recv(4)
}

// What comes directly behind an open finds the fid open, or learns that it is not, and is answered after the open.
func TestBehindOpen(t *testing.T) {
	p := talk(t, memfs.New(memfs.Options{}), lib9p.L)
	p.call(&lib9p.Tattach{Fid: 0, Afid: lib9p.NoFid, Nuname: lib9p.NoUid})
	p.call(&lib9p.Twalk{Fid: 0, Newfid: 1})
	p.call(&lib9p.Tlcreate{Fid: 1, Name: "file", Flags: lib9p.LRDWR, Mode: 0o644})
	both := func(flags uint32) (open, read lib9p.Msg) {
		p.call(&lib9p.Twalk{Fid: 0, Newfid: 2, Wname: []string{"file"}})
		var b []byte
		for tag, m := range []lib9p.Msg{&lib9p.Tlopen{Fid: 2, Flags: flags}, &lib9p.Tread{Fid: 2, Count: 10}} {
			f, err := lib9p.Pack(p.d, uint16(tag), m)
			if err != nil {
				t.Fatal(err)
			}
			b = append(b, f...)
		}
		p.write(b)
		open, read = p.recv(0), p.recv(1)
		p.call(&lib9p.Tclunk{Fid: 2})
		return open, read
	}
	for range 200 {
		if _, read := both(lib9p.LRDONLY); lib9p.ErrorOf(read) != nil {
			t.Fatalf("got %v behind an open", read)
		}
	}
	if open, read := both(3); lib9p.ErrorOf(open) == nil || lib9p.ErrorOf(read) == nil {
		t.Errorf("got %v and %v", open, read)
	}
}

// A tag that is in use can be used for nothing else.
func TestDuplicateTag(t *testing.T) {
	for _, second := range []lib9p.Msg{&lib9p.Tclunk{Fid: 0}, &lib9p.Tflush{Oldtag: 3}} {
		g := newGate()
		p := gated(t, g)
		p.send(2, &lib9p.Tread{Fid: 1, Count: 10})
		<-g.entered
		p.send(2, second)
		p.eof()
	}
}

// More requests than workers: those in line are done in their order, or flushed out of it.
func TestQueue(t *testing.T) {
	g := newGate()
	p := gated(t, g)
	const n = 600
	for i := range uint16(n) {
		p.send(100+i, &lib9p.Twrite{Fid: 1, Data: fmt.Append(nil, i)})
	}
	p.send(1, &lib9p.Tflush{Oldtag: 100 + n - 1}) // in line
	p.recv(1)
	p.send(2, &lib9p.Tclunk{Fid: 0})
	p.send(3, &lib9p.Tflush{Oldtag: 2}) // a clunk in line is not undone
	seen := make(map[string]bool)
	go func() {
		for range n - 1 {
			g.open <- struct{}{}
		}
	}()
	for range n - 1 + 2 {
		p.next()
	}
	for range n - 1 {
		seen[<-g.entered] = true
	}
	if len(seen) != n-1 || seen[fmt.Sprint("write ", n-1)] {
		t.Errorf("%d of %d writes were done", len(seen), n)
	}
	p.send(4, &lib9p.Tstat{Fid: 0})
	if lib9p.ErrorOf(p.recv(4)) == nil {
		t.Error("the fid is still there")
	}
}

// A second Tversion ends what runs without an answer, and all fids.
func TestSecondVersion(t *testing.T) {
	g := newGate()
	p := gated(t, g)
	for i := range uint16(400) {
		p.send(10+i, &lib9p.Tread{Fid: 1, Count: 10})
	}
	for range 256 {
		<-g.entered
	}
	p.send(lib9p.NoTag, &lib9p.Tversion{Msize: 4096, Version: "9P2000"})
	p.recv(lib9p.NoTag)
	if n := g.handles.Load() + g.running.Load() + g.files.Load(); n != 0 {
		t.Errorf("%d handles, %d requests, %d files are left", g.handles.Load(), g.running.Load(), g.files.Load())
	}
	p.send(2, &lib9p.Tclunk{Fid: 1})
	if lib9p.ErrorOf(p.recv(2)) == nil {
		t.Error("the fid is still there")
	}
	if _, ok := p.call(&lib9p.Tattach{Fid: 0, Afid: lib9p.NoFid}).(*lib9p.Rattach); !ok {
		t.Error("cannot attach again")
	}
}

// The connection ends after the last request, whichever way it ends.
func TestFence(t *testing.T) {
	end := map[string]func(*peer, context.CancelFunc){
		"hang up":  func(p *peer, _ context.CancelFunc) { p.c.(*net.TCPConn).CloseWrite() },
		"context":  func(_ *peer, cancel context.CancelFunc) { cancel() },
		"bad size": func(p *peer, _ context.CancelFunc) { p.write([]byte{1, 0, 0, 0, 0, 0, 0}) },
	}
	for name, hangUp := range end {
		t.Run(name, func(t *testing.T) {
			a, b := tcpPair(t)
			g := newGate()
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			done := make(chan error, 1)
			go func() { done <- srv.Serve(ctx, b, g) }()
			p := newPeer(t, a)
			p.send(lib9p.NoTag, &lib9p.Tversion{Msize: 8192, Version: "9P2000"})
			p.recv(lib9p.NoTag)
			p.call(&lib9p.Tattach{Fid: 0, Afid: lib9p.NoFid})
			p.call(&lib9p.Twalk{Fid: 0, Newfid: 1, Wname: []string{"file"}})
			p.call(&lib9p.Topen{Fid: 1, Mode: 2})
			p.send(2, &lib9p.Tread{Fid: 1, Count: 10}) // hears that the client has gone
			<-g.entered
			p.send(3, &lib9p.Twrite{Fid: 1, Offset: deaf, Data: []byte("x")}) // does not
			<-g.entered
			hangUp(p, cancel)
			g.late <- struct{}{}
			// The write was done and is answered; then comes the end.
			if _, ok := p.recv(3).(*lib9p.Rwrite); !ok {
				t.Error("the write was not answered")
			}
			p.eof()
			if n := g.handles.Load() + g.running.Load() + g.files.Load(); n != 0 {
				t.Errorf("at the end of the connection there were %d handles, %d requests, %d files",
					g.handles.Load(), g.running.Load(), g.files.Load())
			}
			err := <-done
			if (err != nil) != (name == "bad size") {
				t.Errorf("Serve returned %v", err)
			}
		})
	}
}

func tcpPair(t *testing.T) (a, b net.Conn) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if a, err = net.Dial("tcp", l.Addr().String()); err == nil {
		b, err = l.Accept()
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { a.Close(); b.Close() })
	return a, b
}

// A fid that is clunked while a request uses it is closed after that.
func TestClunkWhileInUse(t *testing.T) {
	g := newGate()
	p := gated(t, g)
	p.send(2, &lib9p.Tread{Fid: 1, Count: 10})
	<-g.entered
	p.call(&lib9p.Tclunk{Fid: 1})
	if g.handles.Load() != 1 {
		t.Error("the handle was closed under a read")
	}
	p.send(3, &lib9p.Tread{Fid: 1, Count: 10})
	if lib9p.ErrorOf(p.recv(3)) == nil {
		t.Error("the fid is still there")
	}
	g.open <- struct{}{}
	p.recv(2)
	p.call(&lib9p.Tstat{Fid: 0}) // when this is answered, the worker of the read may still be at it
	p.send(lib9p.NoTag, &lib9p.Tversion{Msize: 4096, Version: "9P2000"})
	p.recv(lib9p.NoTag)
	if g.handles.Load() != 0 {
		t.Error("the handle was not closed")
	}
}

// counter counts the writes of a connection and holds them back until told.
type counter struct {
	net.Conn
	writes atomic.Int32
	hold   atomic.Pointer[chan struct{}]
}

func (c *counter) Write(p []byte) (int, error) {
	c.writes.Add(1)
	if hold := c.hold.Load(); hold != nil {
		<-*hold
	}
	return c.Conn.Write(p)
}

// What comes together while one write is under way is one write.
func TestBurst(t *testing.T) {
	a, b := tcpPair(t)
	defer a.Close()
	c := &counter{Conn: b}
	g := newGate()
	start(t, c, g)
	p := newPeer(t, a)
	p.send(lib9p.NoTag, &lib9p.Tversion{Msize: 8192, Version: "9P2000.L"})
	p.recv(lib9p.NoTag)
	p.d = lib9p.L
	p.call(&lib9p.Tattach{Fid: 0, Afid: lib9p.NoFid})
	hold := make(chan struct{})
	c.hold.Store(&hold)
	c.writes.Store(0)
	const n = 1000
	for tag := range uint16(n) {
		p.send(tag, &lib9p.Tgetattr{Fid: 0})
	}
	// When the last is done, no more than 256 others are not in the list yet.
	for range n {
		<-g.stats
	}
	close(hold)
	for range n {
		p.next()
	}
	if w := c.writes.Load(); w > n/2 {
		t.Errorf("%d replies were written in %d pieces", n, w)
	}
}

// A client that takes nothing stops the server, and not its memory.
func TestDeafClient(t *testing.T) {
	tree := memfs.New(memfs.Options{})
	root := attach(t, tree, lib9p.L)
	put(t, root, "f", strings.Repeat("x", 1<<20))
	p := newPeer(t, serve(t, tree))
	p.send(lib9p.NoTag, &lib9p.Tversion{Msize: 1 << 20, Version: "9P2000.L"})
	p.recv(lib9p.NoTag)
	p.d = lib9p.L
	p.call(&lib9p.Tattach{Fid: 0, Afid: lib9p.NoFid})
	p.call(&lib9p.Twalk{Fid: 0, Newfid: 1, Wname: []string{"f"}})
	p.call(&lib9p.Tlopen{Fid: 1})
	const n = 300
	go func() {
		for tag := range uint16(n) {
			f, _ := lib9p.Pack(lib9p.L, tag, &lib9p.Tread{Fid: 1, Count: 1 << 20})
			if _, err := p.c.Write(f); err != nil {
				return
			}
		}
	}()
	seen := make(map[uint16]bool)
	for range n {
		tag, m := p.next()
		if r, ok := m.(*lib9p.Rread); !ok || len(r.Data) != 1<<20-lib9p.IOHeader || seen[tag] {
			t.Fatalf("tag %d: got %T", tag, m)
		}
		seen[tag] = true
	}
}
