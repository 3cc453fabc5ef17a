package client_test

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/styxkit/styxkit/lib9p"
	"github.com/styxkit/styxkit/lib9p/client"
)

// pair returns the two ends of a Unix socket.
func pair(t testing.TB) (ours, theirs net.Conn) {
	t.Helper()
	l, err := net.Listen("unix", t.TempDir()+"/s")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if ours, err = net.Dial("unix", l.Addr().String()); err != nil {
		t.Fatal(err)
	}
	if theirs, err = l.Accept(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ours.Close(); theirs.Close() })
	return ours, theirs
}

// answerer is a server of one large file; it says what is asked of it and copies nothing twice.
// A read's data are its offset, over and over.
func answerer(conn net.Conn) {
	r := lib9p.NewReader(conn, client.DefaultMsize)
	var out []byte
	for {
		f, err := r.Next()
		if err != nil {
			return
		}
		begin := len(out)
		out = append(out, 0, 0, 0, 0, f.Type()+1, byte(f.Tag()), byte(f.Tag()>>8))
		switch f.Type() {
		case lib9p.TypeTversion:
			out = append(out, f[lib9p.OffBody:]...)
		case lib9p.TypeTread:
			n := f.U32(lib9p.OffCount)
			out = binary.LittleEndian.AppendUint32(out, n)
			end := len(out) + int(n)
			for len(out) < end {
				out = append(out, f[lib9p.OffOffset:lib9p.OffOffset+8]...)
			}
			out = out[:end]
		case lib9p.TypeTwrite:
			out = binary.LittleEndian.AppendUint32(out, f.U32(lib9p.OffCount))
		case lib9p.TypeTgetattr:
			out = append(out, make([]byte, 153)...)
		case lib9p.TypeTattach:
			out = append(out, make([]byte, lib9p.QidSize)...)
		case lib9p.TypeTwalk:
			out = append(out, 0, 0)
		}
		binary.LittleEndian.PutUint32(out[begin:], uint32(len(out)-begin))
		if !r.More() {
			if _, err := conn.Write(out); err != nil {
				return
			}
			out = out[:0]
		}
	}
}

// dialAnswerer returns a root that answerer serves.
func dialAnswerer(t testing.TB) *client.Fid {
	t.Helper()
	ours, theirs := pair(t)
	go answerer(theirs)
	c, err := client.New(context.Background(), ours, client.Options{Dialects: []lib9p.Dialect{lib9p.L}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	f, err := c.Attach(context.Background(), nil, "u", "", 0)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// Many callers at once, some of whom lose patience, get their own data each and leave nothing behind.
func TestManyCallers(t *testing.T) {
	root := dialAnswerer(t)
	var all sync.WaitGroup
	for i := range uint64(50) {
		all.Go(func() {
			rnd := rand.New(rand.NewPCG(1, i))
			buf := make([]byte, 800)
			for range 100 {
				ctx, cancel := context.WithCancel(t.Context())
				if rnd.IntN(4) == 0 {
					go cancel()
				}
				f, err := root.Clone(ctx)
				if err == nil {
					off := rnd.Int64()
					var n int
					n, err = f.ReadAt(ctx, buf, off)
					if err == nil && (n != len(buf) || binary.LittleEndian.Uint64(buf[792:]) != uint64(off)) {
						t.Errorf("%d bytes of another read", n)
					}
					if err := f.Clunk(ctx); err != nil && err != context.Canceled {
						t.Error(err)
					}
				}
				if err != nil && err != context.Canceled {
					t.Error(err)
				}
				cancel()
			}
		})
	}
	all.Wait()
	// The server answers in order, so what answers this is behind all that came before.
	if _, err := root.Getattr(t.Context(), 0); err != nil {
		t.Fatal(err)
	}
	for !root.Conn().Idle(1) {
		// A late fid is clunked when its reply comes; that clunk may be under way.
		if _, err := root.Getattr(t.Context(), 0); err != nil {
			t.Fatal(err)
		}
	}
}

// When all tags are taken a call waits for one, a clunk is kept, and nothing is lost.
func TestAllTagsTaken(t *testing.T) {
	bubble(t, func(t *testing.T) {
		f, p := open(t)
		go func() { // the server reads and says nothing
			for {
				if _, err := p.r.Next(); err != nil {
					return
				}
			}
		}()
		spare := f // used up below
		var calls []<-chan result[int]
		for range client.MaxTags {
			calls = append(calls, start(func() (int, error) { return f.ReadAt(t.Context(), make([]byte, 1), 0) }))
		}
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := f.ReadAt(ctx, make([]byte, 1), 0); err != context.DeadlineExceeded {
			t.Fatal(err)
		}
		waiter := startErr(func() error { return f.Fsync(t.Context(), false) })
		waiting(t, waiter)
		if err := spare.Clunk(ctx); err != context.DeadlineExceeded {
			t.Fatal(err)
		}
		p.send(fmt.Sprintf(`Rread tag %d count 0 data ""`, client.MaxTags-1))
		synctest.Wait() // the tag goes to the clunk
		p.send(fmt.Sprintf(`Rclunk tag %d`, client.MaxTags-1))
		if r := <-waiter; r.err != client.ErrClunked {
			t.Fatal(r.err)
		}
		f.Conn().Close()
		for _, c := range calls {
			if r := <-c; r.err != nil {
				broken(t, r.err)
			}
		}
	})
}

// TestTagsRest: a tag that has come free is not used again before many others are.
func TestTagsRest(t *testing.T) {
	bubble(t, func(t *testing.T) {
		f, p := open(t)
		const rest = 256
		last := make(map[uint16]int)
		for i := range 4 * rest {
			call := startErr(func() error { return f.Fsync(t.Context(), false) })
			m, err := p.r.Next()
			if err != nil {
				t.Fatal(err)
			}
			tag := m.Tag()
			if n, used := last[tag]; used && i-n <= rest {
				t.Fatalf("tag %d is used again after %d others", tag, i-n-1)
			}
			last[tag] = i
			p.raw([]byte{7, 0, 0, 0, lib9p.TypeRfsync, byte(tag), byte(tag >> 8)})
			good(t, call)
		}
		if len(last) > rest+1 {
			t.Errorf("%d tags for one request at a time", len(last))
		}
	})
}

// A counted conn counts writes.
type counted struct {
	net.Conn
	mu     sync.Mutex
	writes []int
	gate   chan struct{} // a write waits for it to be closed
}

func (c *counted) Write(b []byte) (int, error) {
	c.mu.Lock()
	c.writes = append(c.writes, len(b))
	c.mu.Unlock()
	<-c.gate
	return c.Conn.Write(b)
}

// Requests that wait for the same write go together.
func TestGather(t *testing.T) {
	bubble(t, func(t *testing.T) {
		ours, theirs := net.Pipe()
		go answerer(theirs)
		gate := make(chan struct{})
		close(gate)
		conn := &counted{Conn: ours, gate: gate}
		c, err := client.New(t.Context(), conn, client.Options{})
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		f, err := c.Attach(t.Context(), nil, "u", "", 0)
		if err != nil {
			t.Fatal(err)
		}
		conn.mu.Lock()
		conn.writes, conn.gate = nil, make(chan struct{})
		conn.mu.Unlock()
		var calls []<-chan result[int]
		begin := func(call func() (int, error)) {
			c := start(call)
			waiting(t, c)
			calls = append(calls, c)
		}
		for range 11 {
			begin(func() (int, error) { return f.ReadAt(t.Context(), make([]byte, 1), 0) })
		}
		begin(func() (int, error) { return f.WriteAt(t.Context(), make([]byte, 100<<10), 0) })
		begin(func() (int, error) { return f.ReadAt(t.Context(), make([]byte, 1), 0) })
		close(conn.gate)
		for _, c := range calls {
			good(t, c)
		}
		// The first was alone; ten waited for it; then a large one, which is not copied, and one more.
		if got := fmt.Sprint(conn.writes); got != "[23 230 102423 23]" {
			t.Errorf("writes of %s bytes", got)
		}
	})
}

// A write that fails ends the connection as a read that fails does.
type brokenWrite struct{ net.Conn }

func (brokenWrite) Write([]byte) (int, error) { return 0, errNoPaper }

var errNoPaper = errors.New("no paper")

func TestBrokenWrite(t *testing.T) {
	ours, _ := net.Pipe()
	_, err := client.New(t.Context(), brokenWrite{ours}, client.Options{})
	if e := broken(t, err); !errors.Is(e, errNoPaper) {
		t.Error(e)
	}
}

func benchmark(b *testing.B, size int64, call func(f *client.Fid, buf []byte) error) {
	f := dialAnswerer(b)
	b.SetBytes(size)
	b.ReportAllocs()
	b.Run("depth=1", func(b *testing.B) {
		buf := make([]byte, 64<<10)
		b.SetBytes(size)
		b.ReportAllocs()
		for b.Loop() {
			if err := call(f, buf); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("depth=16", func(b *testing.B) {
		b.SetBytes(size)
		b.ReportAllocs()
		b.SetParallelism(8)
		b.RunParallel(func(pb *testing.PB) {
			buf := make([]byte, 64<<10)
			for pb.Next() {
				if err := call(f, buf); err != nil {
					b.Error(err)
					return
				}
			}
		})
	})
}

func BenchmarkGetattr(b *testing.B) {
	benchmark(b, 0, func(f *client.Fid, buf []byte) error {
		_, err := f.Getattr(context.Background(), lib9p.GetBasic)
		return err
	})
}

func BenchmarkRead(b *testing.B) {
	benchmark(b, 64<<10, func(f *client.Fid, buf []byte) error { _, err := f.ReadAt(context.Background(), buf, 0); return err })
}

func BenchmarkWrite(b *testing.B) {
	benchmark(b, 64<<10, func(f *client.Fid, buf []byte) error { _, err := f.WriteAt(context.Background(), buf, 0); return err })
}
