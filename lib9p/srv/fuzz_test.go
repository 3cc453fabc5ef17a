package srv_test

import (
	"bytes"
	"encoding/binary"
	"io"
	"testing"
	"time"

	"9fans.net/go/plan9"

	"github.com/styxkit/styxkit/lib9p"
	"github.com/styxkit/styxkit/lib9p/srv"
	"github.com/styxkit/styxkit/lib9p/srv/memfs"
)

// stepwise in the first byte says that each message waits for the answer to the one before.
const stepwise = 8

// pack puts messages into the form that FuzzServe takes.
func pack(d lib9p.Dialect, msgs ...lib9p.Msg) []byte {
	b := []byte{byte(d)<<1 | stepwise}
	for i, m := range msgs {
		f, err := lib9p.Pack(d, uint16(i), m)
		if err != nil {
			panic(err)
		}
		b = append(b, f.Type(), byte(i), byte(len(f)-lib9p.HeaderSize))
		b = append(b, f[lib9p.HeaderSize:]...)
	}
	return b
}

// frames turns the form into what goes over the wire. With the lowest bit of
// the first byte set it is that already; otherwise each message is a type, a
// tag, a length and so many bytes, so that the sizes are right.
func frames(in []byte) (d lib9p.Dialect, out []byte) {
	if len(in) == 0 {
		return lib9p.L, nil
	}
	d = lib9p.Dialect(in[0] >> 1 & 3 % 3)
	out, _ = lib9p.Pack(lib9p.P2000, lib9p.NoTag, &lib9p.Tversion{Msize: 4096, Version: d.String()})
	if in[0]&1 != 0 {
		return d, append(out, in[1:]...)
	}
	for in = in[1:]; len(in) >= 3; {
		n := min(int(in[2]), len(in)-3)
		out = binary.LittleEndian.AppendUint32(out, uint32(lib9p.HeaderSize+n))
		out = append(out, in[0], in[1], 0)
		out = append(out, in[3:3+n]...)
		in = in[3+n:]
	}
	return d, out
}

// Whatever a client says, the session ends when he hangs up, and the tree is empty-handed.
func FuzzServe(f *testing.F) {
	at := &lib9p.Tattach{Fid: 0, Afid: lib9p.NoFid, Uname: "g", Nuname: lib9p.NoUid}
	walk := &lib9p.Twalk{Fid: 0, Newfid: 1, Wname: []string{"d", "..", "d"}}
	clone := &lib9p.Twalk{Fid: 0, Newfid: 2}
	f.Add(pack(lib9p.P2000, at, &lib9p.Tcreate{Fid: 0, Name: "d", Perm: plan9.DMDIR | 0o777}, at, walk, clone,
		&lib9p.Tread{Fid: 0, Count: 100}, &lib9p.Tstat{Fid: 0}, &lib9p.Twstat{Fid: 1, Stat: lib9p.NullStat()}, &lib9p.Tflush{Oldtag: 5}))
	f.Add(pack(lib9p.U, at, &lib9p.Tcreate{Fid: 0, Name: "f", Perm: 0o777, Mode: 0xc1}, &lib9p.Twrite{Fid: 0, Data: []byte("x")},
		&lib9p.Tattach{Fid: 5, Afid: lib9p.NoFid}, &lib9p.Tcreate{Fid: 5, Name: "l", Perm: lib9p.DMLINK, Extension: "0"}, &lib9p.Tclunk{Fid: 0}))
	f.Add(pack(lib9p.L, at, &lib9p.Tmkdir{Dfid: 0, Name: "d", Mode: 0o777}, walk, clone, &lib9p.Tlcreate{Fid: 2, Name: "f", Flags: 2},
		&lib9p.Tlock{Fid: 2, LockType: 1, Length: 10, ClientID: "h"}, &lib9p.Tgetlock{Fid: 2}, &lib9p.Tlink{Dfid: 0, Fid: 2, Name: "l"},
		&lib9p.Trenameat{Olddirfid: 0, Oldname: "l", Newdirfid: 1, Newname: "m"}, &lib9p.Trename{Fid: 1, Dfid: 1, Name: "x"},
		&lib9p.Txattrcreate{Fid: 1, Name: "user.x", Size: 1}, &lib9p.Twrite{Fid: 1, Data: []byte("x")}, &lib9p.Tclunk{Fid: 1},
		&lib9p.Txattrwalk{Fid: 0, Newfid: 7}, &lib9p.Tread{Fid: 7, Count: 9}, &lib9p.Tunlinkat{Dirfd: 0, Name: "d", Flags: 0x200}))
	f.Add(pack(lib9p.L, at, &lib9p.Tlopen{Fid: 0}, &lib9p.Treaddir{Fid: 0, Offset: 2, Count: 99}, &lib9p.Tgetattr{Fid: 0},
		&lib9p.Tsetattr{Fid: 0, Valid: 0x1ff}, &lib9p.Tsymlink{Fid: 0, Name: "s", Target: "t"}, &lib9p.Tmknod{Dfid: 0, Name: "n"},
		&lib9p.Tfsync{Fid: 0}, &lib9p.Tstatfs{Fid: 0}, &lib9p.Treadlink{Fid: 0}, &lib9p.Tremove{Fid: 0}))
	f.Add([]byte{1, 7, 0, 0, 0, 108, 0, 0})
	f.Fuzz(func(t *testing.T, in []byte) {
		d, out := frames(in)
		versions := bytes.IndexByte(in, lib9p.TypeTversion) >= 0 // there may be others than d
		tree := memfs.New(memfs.Options{Limit: 1 << 20})
		c, toServer := io.Pipe()
		fromServer, w := io.Pipe()
		done := make(chan error, 1)
		go func() { done <- srv.Serve(t.Context(), pipes{c, w}, tree) }()
		steps := len(in) > 0 && in[0]&stepwise != 0
		answered, gone := make(chan bool), make(chan bool)
		go func() {
			defer close(gone)
			defer toServer.Close()
			if !steps {
				toServer.Write(out)
				return
			}
			for len(out) >= 4 {
				n := lib9p.Frame(out).Size()
				if n < lib9p.HeaderSize || n > uint32(len(out)) {
					break // no answer will come
				}
				if toServer.Write(out[:n]); !<-answered {
					return
				}
				out = out[n:]
			}
			toServer.Write(out)
		}()
		rd := lib9p.NewReader(fromServer, 4096)
		for {
			frame, err := rd.Next()
			if err == io.EOF {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			if steps {
				select {
				case answered <- true:
				case <-gone:
				}
			}
			if !versions && frame.Type() != lib9p.TypeRversion {
				if err := frame.Validate(d); err != nil {
					t.Fatalf("the server sent %x: %v", []byte(frame), err)
				}
			}
		}
		close(answered)
		select {
		case <-done:
		case <-time.After(patience):
			t.Fatal("Serve does not return")
		}
	})
}

// pipes is a transport of two pipes.
type pipes struct {
	*io.PipeReader
	*io.PipeWriter
}

func (p pipes) Close() error {
	p.PipeReader.Close()
	return p.PipeWriter.Close()
}
