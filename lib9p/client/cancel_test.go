package client_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/styxkit/styxkit/lib9p"
	"github.com/styxkit/styxkit/lib9p/client"
)

// reading starts a read of n bytes and shows its message to the server.
func reading(f *client.Fid, p *peer, tag int) (buf []byte, cancel context.CancelFunc, read <-chan result[int]) {
	ctx, cancel := context.WithCancel(context.Background())
	p.t.Cleanup(cancel)
	buf = make([]byte, 8)
	read = start(func() (int, error) { return f.ReadAt(ctx, buf, 0) })
	p.want(fmt.Sprintf("Tread tag %d fid 1 offset 0 count 8", tag))
	return buf, cancel, read
}

func cancelled[T any](t *testing.T, c <-chan result[T]) {
	t.Helper()
	if r := <-c; !errors.Is(r.err, context.Canceled) {
		t.Fatalf("cancelled call returned %v, %v", r.v, r.err)
	}
}

// took says that f takes so much time.
func took(t *testing.T, want time.Duration, f func()) {
	t.Helper()
	begin := time.Now()
	f()
	if d := time.Since(begin); d != want {
		t.Fatalf("took %v, not %v", d, want)
	}
}

func TestFlush(t *testing.T) {
	bubble(t, func(t *testing.T) {
		f, p := open(t)
		_, cancel, read := reading(f, p, 0)
		waiting(t, read)
		cancel()
		p.want("Tflush tag 32768 oldtag 0")
		took(t, 0, func() {
			p.send("Rflush tag 32768")
			cancelled(t, read)
		})
		_, _, again := reading(f, p, 0) // the tag is free again
		p.send(`Rread tag 0 count 2 data "ab"`)
		good(t, again)
	})
}

// The reply that comes before Rflush counts, and the tag stays taken until Rflush.
func TestFlushTooLate(t *testing.T) {
	bubble(t, func(t *testing.T) {
		f, p := open(t)
		buf, cancel, read := reading(f, p, 0)
		cancel()
		p.want("Tflush tag 32768 oldtag 0")
		p.send(`Rread tag 0 count 3 data "abc"`)
		if n := good(t, read); string(buf[:n]) != "abc" {
			t.Fatalf("read %q", buf[:n])
		}
		_, _, second := reading(f, p, 1)
		p.send("Rflush tag 32768")
		p.send(`Rread tag 1 count 0 data ""`)
		good(t, second)
	})
}

// A server without a word is waited for a quarter of a second. Its late reply goes nowhere.
func TestFlushUnanswered(t *testing.T) {
	bubble(t, func(t *testing.T) {
		f, p := open(t)
		buf, cancel, read := reading(f, p, 0)
		took(t, 250*time.Millisecond, func() {
			cancel()
			p.want("Tflush tag 32768 oldtag 0")
			cancelled(t, read)
		})
		_, _, second := reading(f, p, 1)
		p.send(`Rread tag 0 count 8 data "too late"`)
		p.send(`Rread tag 1 count 0 data ""`)
		good(t, second)
		if !bytes.Equal(buf, make([]byte, 8)) {
			t.Fatalf("buffer %q was written after the call had returned", buf)
		}
		p.send("Rflush tag 32768")
		// Now both tags are free; the one that came free last goes first.
		_, _, third := reading(f, p, 0)
		p.send("Rlerror tag 0 ecode 5")
		if r := <-third; !errors.Is(r.err, lib9p.EIO) {
			t.Fatal(r.err)
		}
	})
}

// A server that does not know Tflush may refuse it; the reply comes all the same.
func TestFlushRefused(t *testing.T) {
	bubble(t, func(t *testing.T) {
		f, p := open(t)
		_, cancel, read := reading(f, p, 0)
		cancel()
		p.want("Tflush tag 32768 oldtag 0")
		p.send("Rlerror tag 32768 ecode 95")
		waiting(t, read)
		p.send(`Rread tag 0 count 1 data "a"`)
		if n := good(t, read); n != 1 {
			t.Fatal(n)
		}
	})
}

// While the server takes nothing, a cancelled request is withdrawn from the queue.
func TestWithdraw(t *testing.T) {
	bubble(t, func(t *testing.T) {
		f, p := open(t)
		ctx, cancel := context.WithCancel(t.Context())
		stuck := start(func() (int, error) { return f.ReadAt(t.Context(), make([]byte, 1), 1) })
		waiting(t, stuck) // the writer waits for the server to read
		read := start(func() (int, error) { return f.ReadAt(ctx, make([]byte, 2), 2) })
		walk := start(func() (*client.Fid, error) { return f.Walk(ctx, "x") })
		waiting(t, read)
		waiting(t, walk)
		remove := startErr(func() error { return f.Remove(ctx) })
		waiting(t, remove)
		took(t, 0, func() {
			cancel()
			cancelled(t, read)
			cancelled(t, walk)
			cancelled(t, remove)
		})
		p.want("Tread tag 0 fid 1 offset 1 count 1")
		if got := p.next(); !strings.HasPrefix(got, "Tclunk ") || !strings.HasSuffix(got, " fid 1") {
			t.Fatalf("after a withdrawn Tremove the client sent %s", got)
		}
		p.send(`Rread tag 0 count 1 data "a"`)
		good(t, stuck)
	})
}

// A fid that is made for nobody is clunked, and its number not used before.
func TestLateFid(t *testing.T) {
	for _, tt := range []struct {
		name  string
		call  func(context.Context, *client.Fid) (*client.Fid, error)
		sent  string
		reply string
		clunk int // the tag of the clunk, or -1
	}{
		{"walk", func(ctx context.Context, f *client.Fid) (*client.Fid, error) { return f.Walk(ctx, "x") },
			"Twalk tag 0 fid 0 newfid 1 nwname 1 x", "Rwalk tag 0 nwqid 1 (0000000000000005 0 -)", 1},
		{"refused walk", func(ctx context.Context, f *client.Fid) (*client.Fid, error) { return f.Walk(ctx, "x") },
			"Twalk tag 0 fid 0 newfid 1 nwname 1 x", "Rlerror tag 0 ecode 2", -1},
		{"flushed walk", func(ctx context.Context, f *client.Fid) (*client.Fid, error) { return f.Walk(ctx, "x") },
			"Twalk tag 0 fid 0 newfid 1 nwname 1 x", "Rflush tag 32768", 0},
		{"xattrwalk", func(ctx context.Context, f *client.Fid) (*client.Fid, error) {
			g, _, err := f.Xattrwalk(ctx, "user.x")
			return g, err
		}, "Txattrwalk tag 0 fid 0 newfid 1 name user.x", "Rxattrwalk tag 0 size 3", 1},
		{"attach", func(ctx context.Context, f *client.Fid) (*client.Fid, error) {
			return f.Conn().Attach(ctx, nil, "u", "a", 1)
		}, "Tattach tag 0 fid 1 afid 4294967295 uname u aname a nuname 1", "Rattach tag 0 qid (0000000000000005 0 d)", 1},
		{"auth", func(ctx context.Context, f *client.Fid) (*client.Fid, error) {
			g, _, err := f.Conn().Auth(ctx, "u", "a", 1)
			return g, err
		}, "Tauth tag 0 afid 1 uname u aname a nuname 1", "Rauth tag 0 aqid (0000000000000005 0 A)", 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				root, p := attach(t, lib9p.L)
				ctx, cancel := context.WithCancel(t.Context())
				call := start(func() (*client.Fid, error) { return tt.call(ctx, root) })
				p.want(tt.sent)
				cancel()
				p.want("Tflush tag 32768 oldtag 0")
				cancelled(t, call)

				walk := start(func() (*client.Fid, error) { return root.Walk(t.Context(), "y") })
				p.want("Twalk tag 1 fid 0 newfid 2 nwname 1 y")
				p.send("Rwalk tag 1 nwqid 1 (0000000000000006 0 -)")
				good(t, walk)

				p.send(tt.reply)
				if tt.clunk >= 0 {
					p.want(fmt.Sprintf("Tclunk tag %d fid 1", tt.clunk))
					p.send(fmt.Sprintf("Rlerror tag %d ecode 9", tt.clunk))
				}
				start(func() (*client.Fid, error) { return root.Walk(t.Context(), "z") })
				if got := p.next(); !strings.Contains(got, "fid 0 newfid 1 nwname 1 z") {
					t.Fatalf("fid 1 is not used again: %s", got)
				}
			})
		})
	}
}

// A number must not be used again while an abandoned request with it may still reach the server's files.
func TestNumberHeldByAbandonedCall(t *testing.T) {
	bubble(t, func(t *testing.T) {
		f, p := open(t)
		ctx, cancel := context.WithCancel(t.Context())
		write := start(func() (int, error) { return f.WriteAt(ctx, []byte("abc"), 0) })
		p.want(`Twrite tag 0 fid 1 offset 0 count 3 data "abc"`)
		cancel()
		p.want("Tflush tag 32768 oldtag 0")
		cancelled(t, write)
		p.clunked(f, "1", "1")

		root := start(func() (*client.Fid, error) { return f.Conn().Attach(t.Context(), nil, "u", "", 0) })
		p.want(`Tattach tag 1 fid 2 afid 4294967295 uname u aname "" nuname 0`)
		p.send("Rattach tag 1 qid (0000000000000001 0 d)")
		r := good(t, root)
		p.send("Rwrite tag 0 count 3")
		walk := start(func() (*client.Fid, error) { return r.Clone(t.Context()) })
		p.want("Twalk tag 1 fid 2 newfid 1 nwname 0")
		p.send("Rwalk tag 1 nwqid 0")
		good(t, walk)
	})
}

// Tclunk goes out whatever the context says, and is not flushed.
func TestClunkIsNotCancelled(t *testing.T) {
	bubble(t, func(t *testing.T) {
		f, p := open(t)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		clunk := startErr(func() error { return f.Clunk(ctx) })
		took(t, 0, func() { cancelled(t, clunk) })
		p.want("Tclunk tag 0 fid 1")
		if _, err := f.ReadAt(t.Context(), make([]byte, 1), 0); err != client.ErrClunked {
			t.Fatalf("read after clunk: %v", err)
		}
		if err := f.Clunk(t.Context()); err != client.ErrClunked {
			t.Fatalf("second clunk: %v", err)
		}
		p.send("Rclunk tag 0")
		p.silent()
	})
}

func TestEndedContext(t *testing.T) {
	bubble(t, func(t *testing.T) {
		f, p := open(t)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := f.ReadAt(ctx, make([]byte, 1), 0); err != context.Canceled {
			t.Error(err)
		}
		if _, err := f.Walk(ctx, "x"); err != context.Canceled {
			t.Error(err)
		}
		if err := f.Fsync(ctx, false); err != context.Canceled {
			t.Error(err)
		}
		p.silent()
	})
	bubble(t, func(t *testing.T) {
		f, p := open(t)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := f.Remove(ctx); err != context.Canceled {
			t.Error(err)
		}
		p.want("Tclunk tag 0 fid 1") // the fid is given up all the same
	})
}

// A flushed Tremove did not end the fid.
func TestFlushedRemove(t *testing.T) {
	bubble(t, func(t *testing.T) {
		f, p := open(t)
		ctx, cancel := context.WithCancel(t.Context())
		remove := startErr(func() error { return f.Remove(ctx) })
		p.want("Tremove tag 0 fid 1")
		cancel()
		p.want("Tflush tag 32768 oldtag 0")
		p.send("Rflush tag 32768")
		cancelled(t, remove)
		p.want("Tclunk tag 0 fid 1")
		p.send("Rclunk tag 0")
	})
}
