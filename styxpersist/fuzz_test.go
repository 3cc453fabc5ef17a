//go:build unix

package styxpersist

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/styxkit/styxkit/lib9p"
)

// answers serves conn in a way that is legal enough: every request is answered, with success where a fixed
// answer can be given. It takes messages of most bytes, numbers its
// files from first on, and ends with the connection.
func answers(conn io.ReadWriteCloser, d lib9p.Dialect, most uint32, first uint64) {
	defer conn.Close()
	in := lib9p.NewReader(conn, 1<<24)
	for {
		f, err := in.Next()
		if err != nil {
			return
		}
		tag, m, err := lib9p.Unpack(d, f)
		if err != nil {
			return
		}
		var r lib9p.Msg
		switch m := m.(type) {
		case *lib9p.Tversion:
			r = &lib9p.Rversion{Msize: min(m.Msize, most), Version: m.Version}
			if nd, ok := lib9p.ParseDialect(m.Version); ok {
				d = nd
			}
		case *lib9p.Tflush:
			r = &lib9p.Rflush{}
		case *lib9p.Tattach:
			r = &lib9p.Rattach{Qid: lib9p.Qid{Type: 0x80, Path: first}}
		case *lib9p.Twalk:
			w := &lib9p.Rwalk{}
			for i := range m.Wname {
				w.Wqid = append(w.Wqid, lib9p.Qid{Type: 0x80, Path: first + uint64(1+i)})
			}
			r = w
		case *lib9p.Topen:
			r = &lib9p.Ropen{Qid: lib9p.Qid{Type: 0x80, Path: first + 1}}
		case *lib9p.Tlopen:
			r = &lib9p.Rlopen{Qid: lib9p.Qid{Type: 0x80, Path: first + 1}}
		case *lib9p.Tcreate:
			r = &lib9p.Rcreate{Qid: lib9p.Qid{Path: first + 8}}
		case *lib9p.Tlcreate:
			r = &lib9p.Rlcreate{Qid: lib9p.Qid{Path: first + 8}}
		case *lib9p.Tread:
			r = &lib9p.Rread{Data: make([]byte, min(m.Count, 40))}
		case *lib9p.Twrite:
			r = &lib9p.Rwrite{Count: uint32(len(m.Data))}
		case *lib9p.Tclunk:
			r = &lib9p.Rclunk{}
		case *lib9p.Tremove:
			r = &lib9p.Rremove{}
		case *lib9p.Tlock:
			r = &lib9p.Rlock{}
		case *lib9p.Txattrwalk:
			r = &lib9p.Rxattrwalk{Size: 3}
		case *lib9p.Txattrcreate:
			r = &lib9p.Rxattrcreate{}
		case *lib9p.Trename:
			r = &lib9p.Rrename{}
		case *lib9p.Trenameat:
			r = &lib9p.Rrenameat{}
		case *lib9p.Tunlinkat:
			r = &lib9p.Runlinkat{}
		case *lib9p.Tmkdir:
			r = &lib9p.Rmkdir{Qid: lib9p.Qid{Type: 0x80, Path: first + 8}}
		case *lib9p.Treaddir:
			r = &lib9p.Rreaddir{}
			if m.Count > 50 && m.Offset < 3 {
				r = &lib9p.Rreaddir{Data: lib9p.AppendDirent(nil, &lib9p.Dirent{Name: "a", Offset: m.Offset + 1})}
			}
		case *lib9p.Twstat:
			r = &lib9p.Rwstat{}
		case *lib9p.Tsetattr:
			r = &lib9p.Rsetattr{}
		case *lib9p.Tgetattr:
			r = &lib9p.Rgetattr{Valid: lib9p.GetBasic, Mode: lib9p.ModeRegular, Size: 5}
		default:
			r = lib9p.ErrorMsg(d, errIO)
		}
		b, err := lib9p.Pack(d, tag, r)
		if err != nil {
			return
		}
		if _, err := conn.Write(b); err != nil {
			return
		}
	}
}

// packed returns messages one behind the other.
func packed(t testing.TB, d lib9p.Dialect, lines ...string) []byte {
	var all []byte
	for _, line := range lines {
		tag, m, err := lib9p.Parse(d, line)
		if err == nil {
			all, err = lib9p.Append(all, d, tag, m)
		}
		if err != nil {
			t.Fatalf("%s: %v", line, err)
		}
	}
	return all
}

// watchdog makes a failure of what neither ends nor rests.
func watchdog(said []byte) *time.Timer {
	return time.AfterFunc(20*time.Second, func() { panic(fmt.Sprintf("no end to %q", said)) })
}

// seedsOfClients are conversations for the fuzzers to begin from.
func seedsOfClients(t testing.TB) [][]byte {
	return [][]byte{
		packed(t, lib9p.L, "Tversion tag 65535 msize 8192 version 9P2000.L",
			`Tattach tag 1 fid 0 afid 4294967295 uname a aname "" nuname 0`, "Twalk tag 2 fid 0 newfid 1 nwname 2 a b",
			"Tlopen tag 3 fid 1 flags 2", "Tread tag 4 fid 1 offset 0 count 100", "Twrite tag 5 fid 1 offset 0 count 3 data abc",
			"Tflush tag 6 oldtag 5", "Tlock tag 7 fid 1 type 1 flags 0 start 0 length 0 proc_id 1 client_id a", "Tclunk tag 8 fid 1"),
		packed(t, lib9p.L, "Tversion tag 65535 msize 8192 version 9P2000.L",
			`Tattach tag 1 fid 0 afid 4294967295 uname a aname "" nuname 0`, "Twalk tag 2 fid 0 newfid 1 nwname 1 a",
			"Tmkdir tag 3 dfid 0 name x mode 0755 gid 0", "Trenameat tag 4 olddirfid 0 oldname a newdirfid 0 newname b",
			"Tunlinkat tag 5 dirfd 0 name b flags 0", "Txattrwalk tag 6 fid 1 newfid 2 name n", "Treaddir tag 7 fid 0 offset 0 count 100",
			"Trename tag 8 fid 1 dfid 0 name c", "Tlcreate tag 9 fid 0 name f flags 0101 mode 0644 gid 0", "Tflush tag 10 oldtag 9"),
		packed(t, lib9p.P2000, "Tversion tag 65535 msize 8192 version 9P2000",
			`Tattach tag 1 fid 0 afid 4294967295 uname a aname ""`, "Twalk tag 2 fid 0 newfid 1 nwname 1 ..",
			"Tcreate tag 3 fid 1 name x perm 0644 mode 65", "Twrite tag 4 fid 1 offset 0 count 3 data abc", "Tremove tag 5 fid 1",
			"Tstat tag 6 fid 0", "Tclunk tag 7 fid 0", "Tauth tag 8 afid 5 uname a aname b"),
		packed(t, lib9p.L, "Tversion tag 65535 msize 8192 version 9P2000.L",
			`Tattach tag 1 fid 0 afid 4294967295 uname a aname "" nuname 0`, "Twalk tag 2 fid 0 newfid 1 nwname 1 a",
			"Tlopen tag 3 fid 1 flags 1", "Twrite tag 4 fid 1 offset 0 count 1200 data "+strings.Repeat("a", 1200),
			"Tflush tag 5 oldtag 4", "Treaddir tag 6 fid 0 offset 0 count 8000"),
	}
}

// FuzzClient lets a client say anything, in two pieces with the loss of the server between: Serve must go on, or
// return with an error, and leave nothing behind.
func FuzzClient(f *testing.F) {
	for _, seed := range seedsOfClients(f) {
		f.Add(seed, uint16(40))
		f.Add(seed, uint16(len(seed)-20))
	}
	f.Add([]byte{}, uint16(0))
	f.Fuzz(func(t *testing.T, said []byte, cut uint16) {
		defer watchdog(said).Stop()
		synctest.Test(t, func(t *testing.T) {
			near, client := newWires()
			go io.Copy(io.Discard, client)
			redial := make(chan chan<- io.ReadWriteCloser)
			var server *wire
			done := make(chan error, 1)
			go func() { done <- Serve(context.Background(), near, Config{Redial: redial}) }()
			most, first := uint32(1<<24), uint64(1)
			serve := func(wait time.Duration) {
				end := time.After(wait)
				for {
					select {
					case c := <-redial:
						mine, its := newWires()
						server = its
						go answers(its, lib9p.L, most, first)
						most, first = leastMsize, first+7 // the next takes less, and numbers its files anew
						c <- mine
					case <-end:
						return
					}
				}
			}
			at := min(int(cut), len(said))
			client.Write(said[:at])
			serve(time.Second)
			if server != nil {
				server.Close()
			}
			client.Write(said[at:])
			serve(30 * time.Second)
			client.CloseWrite()
			for ended := false; !ended; {
				select {
				case <-done:
					ended = true
				case c := <-redial:
					c <- nil
				}
			}
			client.Close()
			if server != nil {
				server.Close()
			}
		})
	})
}

// FuzzServer lets a server say anything once it has negotiated, to a client that has
// asked for much; the next server is a good one. The client must have an answer to everything.
func FuzzServer(f *testing.F) {
	for _, d := range [...]lib9p.Dialect{lib9p.P2000, lib9p.L} {
		f.Add(packed(f, d, "Rattach tag 0 qid (1 0 d)", "Rwalk tag 1 nwqid 1 (7 0 -)"), d == lib9p.L)
		f.Add(packed(f, d, "Rread tag 4 count 3 data abc", "Rwrite tag 5 count 3", "Rclunk tag 6"), d == lib9p.L)
	}
	f.Add(packed(f, lib9p.L, "Rattach tag 0 qid (1 0 d)", "Rwalk tag 1 nwqid 1 (7 0 -)", "Rlopen tag 2 qid (7 0 -) iounit 0", "Rlerror tag 3 ecode 5"), true)
	f.Add([]byte{0xff, 0xff, 0xff, 0x7f, 1, 2, 3}, true)
	f.Fuzz(func(t *testing.T, said []byte, inL bool) {
		d := lib9p.P2000
		if inL {
			d = lib9p.L
		}
		defer watchdog(said).Stop()
		synctest.Test(t, func(t *testing.T) { fuzzServer(t, d, said) })
	})
}

func fuzzServer(t *testing.T, d lib9p.Dialect, said []byte) {
	near, client := newWires()
	redial := make(chan chan<- io.ReadWriteCloser)
	done := make(chan error, 1)
	go func() { done <- Serve(context.Background(), near, Config{Redial: redial}) }()
	asked := seedsOfClients(t)[0]
	if d == lib9p.P2000 {
		asked = seedsOfClients(t)[2]
	}
	in := lib9p.NewReader(client, 1<<24)
	next := func() lib9p.Frame {
		f, err := in.Next()
		if err != nil && !errors.Is(err, net.ErrClosed) {
			t.Errorf("the client's connection ended: %v", err)
		}
		return f
	}
	first := true
	go func() {
		for c := range redial {
			mine, its := newWires()
			if first {
				first = false
				go liar(its, said)
			} else {
				go answers(its, d, leastMsize, 20)
			}
			c <- mine
		}
	}()
	tversion := lib9p.Frame(asked)
	client.Write(tversion[:tversion.Size()])
	next()
	rest := asked[tversion.Size():]
	client.Write(rest)
	outstanding := make(map[uint16]bool)
	for len(rest) > 0 {
		f := lib9p.Frame(rest)
		outstanding[f.Tag()] = true
		rest = rest[f.Size():]
	}
	flushes := uint16(0)
	if d == lib9p.L {
		flushes = 5 // may have no answer, being cancelled
	}
	for len(outstanding) > 1 || len(outstanding) == 1 && !outstanding[flushes] {
		f := next()
		if f == nil {
			break
		}
		if !outstanding[f.Tag()] {
			t.Errorf("the client got type %d with tag %d, which answers nothing", f.Type(), f.Tag())
		}
		delete(outstanding, f.Tag())
	}
	client.Close()
	if err := <-done; err != nil {
		t.Errorf("Serve: %v", err)
	}
	close(redial)
	time.Sleep(2 * time.Second) // the liar leaves
}

// liar negotiates, waits for a request and says what it is told to.
func liar(conn *wire, said []byte) {
	defer conn.Close()
	in := lib9p.NewReader(conn, 1<<24)
	f, err := in.Next()
	if err != nil {
		return
	}
	reply := append(lib9p.Frame(nil), f...)
	reply[4] = lib9p.TypeRversion
	conn.Write(reply)
	if _, err := in.Next(); err != nil {
		return
	}
	conn.Write(said)
	time.Sleep(time.Second)
}
