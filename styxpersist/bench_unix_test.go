//go:build unix

package styxpersist

import (
	"context"
	"io"
	"net"
	"os"
	"syscall"
	"testing"

	"github.com/styxkit/styxkit/lib9p"
)

const benchIO = 64 << 10

// socketPair returns the two ends of a Unix socket.
func socketPair(b testing.TB) (x, y net.Conn) {
	fds, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM, 0)
	if err != nil {
		b.Fatalf("socketpair: %v", err)
	}
	var ends [2]net.Conn
	for i, fd := range fds {
		syscall.CloseOnExec(fd)
		f := os.NewFile(uintptr(fd), "socket")
		if ends[i], err = net.FileConn(f); err != nil {
			b.Fatal(err)
		}
		f.Close()
	}
	return ends[0], ends[1]
}

// echo is a server of one file that answers what a benchmark asks, and allocates nothing for it.
func echo(conn net.Conn) {
	in := lib9p.NewReader(conn, 1<<20)
	out := make([]byte, 0, benchIO+100)
	answers := make(map[uint8]lib9p.Frame)
	for typ, m := range map[uint8]lib9p.Msg{
		lib9p.TypeTgetattr: &lib9p.Rgetattr{Valid: lib9p.GetBasic, Mode: lib9p.ModeRegular | 0644, Size: benchIO},
		lib9p.TypeTread:    &lib9p.Rread{Data: make([]byte, benchIO)},
		lib9p.TypeTwrite:   &lib9p.Rwrite{Count: benchIO},
		lib9p.TypeTversion: &lib9p.Rversion{Msize: 1 << 17, Version: "9P2000.L"},
		lib9p.TypeTattach:  &lib9p.Rattach{Qid: lib9p.Qid{Type: 0x80, Path: 1}},
		lib9p.TypeTwalk:    &lib9p.Rwalk{Wqid: []lib9p.Qid{{Path: 2}}},
		lib9p.TypeTlopen:   &lib9p.Rlopen{Qid: lib9p.Qid{Path: 2}},
	} {
		f, err := lib9p.Pack(lib9p.L, 0, m)
		if err != nil {
			panic(err)
		}
		answers[typ] = f
	}
	for {
		f, err := in.Next()
		if err != nil {
			conn.Close()
			return
		}
		out = append(out[:0], answers[f.Type()]...)
		lib9p.Frame(out).SetTag(f.Tag())
		if _, err := conn.Write(out); err != nil {
			return
		}
	}
}

// benchClient is a client with a file open as fid 1.
type benchClient struct {
	b    testing.TB
	conn net.Conn
	in   *lib9p.Reader
}

func newBenchClient(b testing.TB) *benchClient {
	client, near := socketPair(b)
	redial := make(chan chan<- io.ReadWriteCloser)
	done := make(chan error, 1)
	ctx, stop := context.WithCancel(context.Background())
	go func() { done <- Serve(ctx, near, Config{Redial: redial}) }()
	go func() {
		for {
			select {
			case c := <-redial:
				x, y := socketPair(b)
				go echo(y)
				c <- x
			case <-ctx.Done():
				return
			}
		}
	}()
	b.Cleanup(func() {
		client.Close()
		if err := <-done; err != nil {
			b.Errorf("Serve: %v", err)
		}
		stop()
	})
	c := &benchClient{b: b, conn: client, in: lib9p.NewReader(client, 1<<20)}
	c.do(&lib9p.Tversion{Msize: 1 << 17, Version: "9P2000.L"}, lib9p.NoTag)
	c.do(&lib9p.Tattach{Fid: 0, Afid: lib9p.NoFid}, 1)
	c.do(&lib9p.Twalk{Fid: 0, Newfid: 1, Wname: []string{"a"}}, 1)
	c.do(&lib9p.Tlopen{Fid: 1, Flags: 2}, 1)
	return c
}

func (c *benchClient) do(m lib9p.Msg, tag uint16) {
	f, err := lib9p.Pack(lib9p.L, tag, m)
	if err != nil {
		c.b.Fatal(err)
	}
	c.send(f)
	c.receive(lib9p.TypeOf(m) + 1)
}

func (c *benchClient) send(f lib9p.Frame) {
	if _, err := c.conn.Write(f); err != nil {
		c.b.Fatal(err)
	}
}

func (c *benchClient) receive(typ uint8) {
	f, err := c.in.Next()
	if err != nil || f.Type() != typ {
		c.b.Fatalf("got %v, %v", f, err)
	}
}

// warm lets every table and buffer grow to the size that it keeps.
func warm(c *benchClient, f lib9p.Frame, typ uint8) {
	for range 2 * tagsAtRest {
		c.send(f)
		c.receive(typ)
	}
}

// TestFastPathAllocatesNothing holds relay, note and learn to it for the messages that are the bulk of a conversation.
func TestFastPathAllocatesNothing(t *testing.T) {
	c := newBenchClient(t)
	for _, m := range [...]lib9p.Msg{
		&lib9p.Tgetattr{Fid: 1, Mask: lib9p.GetBasic}, &lib9p.Tread{Fid: 1, Count: benchIO}, &lib9p.Twrite{Fid: 1, Data: make([]byte, benchIO)},
	} {
		f, err := lib9p.Pack(lib9p.L, 1, m)
		if err != nil {
			t.Fatal(err)
		}
		typ := lib9p.TypeOf(m) + 1
		warm(c, f, typ)
		if n := testing.AllocsPerRun(200, func() { c.send(f); c.receive(typ) }); n != 0 {
			t.Errorf("%s allocates %v times a message", lib9p.TypeName(lib9p.TypeOf(m)), n)
		}
	}
}

// relayed measures m going through Serve, depth at a time.
func relayed(b *testing.B, m lib9p.Msg, depth int) {
	c := newBenchClient(b)
	var frames []lib9p.Frame
	for tag := range depth {
		f, err := lib9p.Pack(lib9p.L, uint16(tag+1), m)
		if err != nil {
			b.Fatal(err)
		}
		frames = append(frames, f)
	}
	typ := lib9p.TypeOf(m) + 1
	b.ReportAllocs()
	if _, ok := m.(*lib9p.Tgetattr); !ok {
		b.SetBytes(benchIO)
	}
	sent, got := 0, 0
	warm(c, frames[0], typ)
	for b.Loop() {
		for ; sent < got+depth; sent++ {
			c.send(frames[sent%depth])
		}
		c.receive(typ)
		got++
	}
	for ; got < sent; got++ {
		c.receive(typ)
	}
}

func BenchmarkGetattr(b *testing.B)   { relayed(b, &lib9p.Tgetattr{Fid: 1, Mask: lib9p.GetBasic}, 1) }
func BenchmarkGetattr16(b *testing.B) { relayed(b, &lib9p.Tgetattr{Fid: 1, Mask: lib9p.GetBasic}, 16) }
func BenchmarkRead(b *testing.B)      { relayed(b, &lib9p.Tread{Fid: 1, Count: benchIO}, 1) }
func BenchmarkRead16(b *testing.B)    { relayed(b, &lib9p.Tread{Fid: 1, Count: benchIO}, 16) }
func BenchmarkWrite(b *testing.B)     { relayed(b, &lib9p.Twrite{Fid: 1, Data: make([]byte, benchIO)}, 1) }
func BenchmarkWrite16(b *testing.B) {
	relayed(b, &lib9p.Twrite{Fid: 1, Data: make([]byte, benchIO)}, 16)
}
