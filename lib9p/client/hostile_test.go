package client_test

import (
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/styxkit/styxkit/lib9p"
	"github.com/styxkit/styxkit/lib9p/client"
)

// What no server may send breaks the connection, with a word on what it was.
func TestHostile(t *testing.T) {
	for _, tt := range []struct{ name, reply, says string }{
		{"type", "Rwrite tag 0 count 1", "Rwrite answers a request for Rread"},
		{"request", "Tread tag 0 fid 1 offset 0 count 1", "Tread answers a request for Rread"},
		{"tag", `Rread tag 7 count 0 data ""`, "Rread has tag 7, which no request has"},
		{"notag", `Rread tag 65535 count 0 data ""`, "Rread has tag 65535, which no request has"},
		{"flush", "Rflush tag 32768", "Rflush has tag 32768, which no request has"},
		{"flush of nothing", "Rflush tag 32777", "Rflush has tag 32777, which no request has"},
		{"count", `Rread tag 0 count 9 data "123456789"`, "Rread has 9 where 8 was asked for"},
		{"dialect", "Ropen tag 0 qid (0000000000000000 0 -) iounit 0", "9P2000.L has no Ropen"},
		{"short", "\x09\x00\x00\x00\x75\x00\x00\x01\x00", "shorter than its fields"},
		{"long", "\x0d\x00\x00\x00\x75\x00\x00\x00\x00\x00\x00aa", "behind its last field"},
		{"small size", "\x03\x00\x00\x00\x75\x00\x00", "less than a header"},
		{"large size", "\x00\x00\x00\x7f\x75\x00\x00", "more than the 4096 agreed on"},
		{"unknown type", "\x07\x00\x00\x00\xff\x00\x00", "type 255"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				f, p := open(t)
				_, _, read := reading(f, p, 0)
				if strings.HasPrefix(tt.reply, "R") || strings.HasPrefix(tt.reply, "T") {
					d := p.d
					if tt.name == "dialect" {
						p.d = lib9p.P2000
					}
					p.send(tt.reply)
					p.d = d
				} else {
					// The client may hang up before it has read all of it.
					go p.conn.Write([]byte(tt.reply))
				}
				e := broken(t, (<-read).err)
				if !strings.Contains(e.Error(), tt.says) {
					t.Errorf("error is %q and does not say %q", e, tt.says)
				}
				if f.Conn().Err() != error(e) {
					t.Errorf("connection ended with %v, the call with %v", f.Conn().Err(), e)
				}
				<-f.Conn().Done()
				if _, err := p.conn.Read(make([]byte, 1)); err != io.EOF {
					t.Errorf("the line is open still: %v", err)
				}
			})
		})
	}
}

// The same where the call has a limit of its own.
func TestHostileCount(t *testing.T) {
	for _, tt := range []struct {
		name, reply string
		call        func(t *testing.T, f *client.Fid) error
	}{
		{"write", "Rwrite tag 0 count 4", func(t *testing.T, f *client.Fid) error {
			_, err := f.WriteAt(t.Context(), []byte("abc"), 0)
			return err
		}},
		{"walk", "Rwalk tag 0 nwqid 2 (0000000000000001 0 -) (0000000000000001 0 -)", func(t *testing.T, f *client.Fid) error {
			_, err := f.Walk(t.Context(), "x")
			return err
		}},
		{"readdir", `Rreaddir tag 0 count 3 data "123"`, func(t *testing.T, f *client.Fid) error {
			_, err := f.Readdir(t.Context(), 0, 2)
			return err
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				f, p := open(t)
				call := startErr(func() error { return tt.call(t, f) })
				p.next()
				p.send(tt.reply)
				broken(t, (<-call).err)
			})
		})
	}
}

// A reply may not come before its request has left.
func TestReplyBeforeRequest(t *testing.T) {
	bubble(t, func(t *testing.T) {
		f, p := open(t)
		stuck := start(func() (int, error) { return f.ReadAt(t.Context(), make([]byte, 1), 0) })
		waiting(t, stuck)
		queued := start(func() (int, error) { return f.ReadAt(t.Context(), make([]byte, 1), 0) })
		waiting(t, queued)
		p.send(`Rread tag 1 count 0 data ""`)
		broken(t, (<-queued).err)
		broken(t, (<-stuck).err)
	})
}

// A broken line wakes every waiter, and every later call fails at once.
func TestBrokenLine(t *testing.T) {
	for _, tt := range []struct {
		name string
		cut  func(p *peer, c *client.Conn)
		is   error
	}{
		{"server hangs up", func(p *peer, c *client.Conn) { p.conn.Close() }, nil},
		{"in a message", func(p *peer, c *client.Conn) { p.raw([]byte{20, 0, 0}); p.conn.Close() }, io.ErrUnexpectedEOF},
		{"we close", func(p *peer, c *client.Conn) { c.Close() }, net.ErrClosed},
	} {
		t.Run(tt.name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				f, p := open(t)
				var waiters []<-chan result[int]
				for i := range 20 {
					_, _, read := reading(f, p, i)
					waiters = append(waiters, read)
				}
				_, cancel, flushed := reading(f, p, 20)
				cancel()
				p.want("Tflush tag 32788 oldtag 20")
				tt.cut(p, f.Conn())
				for _, w := range append(waiters, flushed) {
					e := broken(t, (<-w).err)
					if tt.is != nil && !errors.Is(e, tt.is) {
						t.Errorf("%v is not for %v", e, tt.is)
					}
				}
				_, err := f.ReadAt(t.Context(), make([]byte, 1), 0)
				broken(t, err)
				broken(t, f.Clunk(t.Context()))
				f.Conn().Close()
				synctest.Wait()
			})
		})
	}
}

func TestRefusal(t *testing.T) {
	for _, tt := range []struct {
		d     lib9p.Dialect
		reply string
		want  lib9p.Error
	}{
		{lib9p.P2000, `Rerror tag 0 ename "file does not exist"`, lib9p.Error{Ename: "file does not exist"}},
		{lib9p.U, `Rerror tag 0 ename nope errno 2`, lib9p.Error{Ename: "nope", Errno: 2}},
		{lib9p.L, `Rlerror tag 0 ecode 2`, lib9p.Error{Errno: 2}},
	} {
		bubble(t, func(t *testing.T) {
			root, p := attach(t, tt.d)
			walk := start(func() (*client.Fid, error) { return root.Walk(t.Context(), "x") })
			p.want("Twalk tag 0 fid 0 newfid 1 nwname 1 x")
			p.send(tt.reply)
			err := (<-walk).err
			if e, ok := errors.AsType[*lib9p.Error](err); !ok || *e != tt.want {
				t.Errorf("%s: error is %#v, not %#v", tt.d, err, tt.want)
			}
			if !errors.Is(err, lib9p.ENOENT) {
				t.Errorf("%s: %v is not ENOENT", tt.d, err)
			}
		})
	}
}
