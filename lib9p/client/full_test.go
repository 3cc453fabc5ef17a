package client_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"testing"
	"time"

	"github.com/styxkit/styxkit/lib9p"
)

// unit is what a read of these tests carries.
const unit = 4096 - lib9p.IOHeader

// answer answers a request for a file with content, with at most limit bytes. It returns false at the client's end.
func (p *peer) answer(content []byte, limit int) bool {
	f, err := p.r.Next()
	if err != nil {
		return false
	}
	tag, m, err := lib9p.Unpack(p.d, f)
	if err != nil {
		p.t.Error(err)
		return false
	}
	var reply lib9p.Msg
	switch m := m.(type) {
	case *lib9p.Tread:
		from := min(int(m.Offset), len(content))
		to := min(from+int(m.Count), from+limit, len(content))
		reply = &lib9p.Rread{Data: content[from:to]}
	case *lib9p.Twrite:
		took := copy(content[m.Offset:], m.Data[:min(len(m.Data), limit)])
		reply = &lib9p.Rwrite{Count: uint32(took)}
	default:
		p.t.Errorf("client sent a %T", m)
		return false
	}
	if f, err = lib9p.Pack(p.d, tag, reply); err != nil {
		p.t.Error(err)
		return false
	}
	_, err = p.conn.Write(f)
	return err == nil
}

func pattern(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i ^ i>>8)
	}
	return b
}

func TestReadFull(t *testing.T) {
	content := pattern(20*unit + 5)
	for _, tt := range []struct {
		size, off, limit int
		want             int
	}{
		{20*unit + 5, 0, unit, 20*unit + 5},
		{unit, 0, unit, unit},
		{1, 3, unit, 1},
		{30 * unit, 0, unit, 20*unit + 5},         // the file is shorter
		{9 * unit, 17*unit + 7, unit, 3*unit - 2}, // and begins later
		{3 * unit, 0, unit / 2, 3 * unit},         // the server gives less than asked for
		{5, 30 * unit, unit, 0},
		{0, 0, unit, 0},
	} {
		bubble(t, func(t *testing.T) {
			f, p := open(t)
			buf := make([]byte, tt.size)
			read := start(func() (int, error) {
				defer p.conn.Close()
				return f.ReadFull(t.Context(), buf, int64(tt.off))
			})
			go func() {
				for p.answer(content, tt.limit) {
				}
			}()
			if n := good(t, read); n != tt.want || !bytes.Equal(buf[:n], content[min(tt.off, len(content)):][:n]) {
				t.Errorf("%+v: read %d bytes", tt, n)
			}
		})
	}
}

func TestWriteFull(t *testing.T) {
	for _, limit := range []int{unit, unit - 1, 100} {
		bubble(t, func(t *testing.T) {
			f, p := open(t)
			want := pattern(12*unit + 5)
			content := make([]byte, len(want))
			write := start(func() (int, error) {
				defer p.conn.Close()
				return f.WriteFull(t.Context(), want, 0)
			})
			go func() {
				for p.answer(content, limit) {
				}
			}()
			if n := good(t, write); n != len(want) || !bytes.Equal(content, want) {
				t.Errorf("wrote %d bytes", n)
			}
		})
	}
	bubble(t, func(t *testing.T) {
		f, p := open(t)
		write := start(func() (int, error) { return f.WriteFull(t.Context(), []byte("abc"), 0) })
		p.next()
		p.send("Rwrite tag 0 count 0")
		if r := <-write; r.v != 0 || r.err != io.ErrShortWrite {
			t.Errorf("%v", r)
		}
	})
}

// Eight requests are in flight, and an error ends the others too, in a quarter of a second for all.
func TestPipeline(t *testing.T) {
	for _, tt := range []struct {
		name string
		end  func(p *peer, cancel func())
	}{
		{"refused", func(p *peer, cancel func()) { p.send("Rlerror tag 0 ecode 5") }},
		{"cancelled", func(p *peer, cancel func()) { cancel(); p.want("Tflush tag 32768 oldtag 0") }},
	} {
		bubble(t, func(t *testing.T) {
			f, p := open(t)
			ctx, cancel := context.WithCancel(t.Context())
			buf := make([]byte, 20*unit)
			read := start(func() (int, error) { return f.ReadFull(ctx, buf, 0) })
			for i := range 8 {
				p.want(fmt.Sprintf("Tread tag %d fid 1 offset %d count %d", i, i*unit, unit))
			}
			waiting(t, read)
			begin := time.Now()
			tt.end(p, cancel)
			r := <-read
			if r.err == nil || time.Since(begin) > 250*time.Millisecond {
				t.Fatalf("%s: %v after %v", tt.name, r.err, time.Since(begin))
			}
			for i := 1; i < 8; i++ {
				p.want(fmt.Sprintf("Tflush tag %d oldtag %d", 0x8000+i, i))
			}
			p.send(`Rread tag 1 count 3 data "abc"`)
			p.send("Rflush tag 32770")
			if !bytes.Equal(buf, make([]byte, len(buf))) {
				t.Fatal("buffer was written after the call had returned")
			}
		})
	}
}
