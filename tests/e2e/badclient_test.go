package e2e

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/styxkit/styxkit/lib9p"
	"github.com/styxkit/styxkit/tests/internal/lab"
	"github.com/styxkit/styxkit/tests/internal/wire"
)

// frame makes a message of raw fields, of the size that it says or of another.
func frame(size int, typ uint8, tag uint16, body ...byte) []byte {
	b := binary.LittleEndian.AppendUint32(nil, uint32(size))
	b = append(b, typ, byte(tag), byte(tag>>8))
	return append(b, body...)
}

// whole is a message of raw fields with the right size.
func whole(typ uint8, tag uint16, body ...byte) []byte {
	return frame(lib9p.HeaderSize+len(body), typ, tag, body...)
}

// firstWords are what no client may begin with. The server hangs up, or answers an error and waits for better.
var firstWords = map[string][]byte{
	"size zero":            frame(0, lib9p.TypeTversion, lib9p.NoTag),
	"size of six":          frame(6, lib9p.TypeTversion, lib9p.NoTag),
	"size of four billion": frame(-1, lib9p.TypeTversion, lib9p.NoTag, 0, 0, 1, 0),
	"a reply":              whole(lib9p.TypeRversion, lib9p.NoTag, 0, 0, 1, 0, 0, 0),
	"an attach":            whole(lib9p.TypeTattach, 1, 0, 0, 0, 0, 255, 255, 255, 255, 0, 0, 0, 0),
	"short version":        whole(lib9p.TypeTversion, lib9p.NoTag, 0, 0),
	"version too long":     whole(lib9p.TypeTversion, lib9p.NoTag, 0, 0, 1, 0, 255, 255, '9', 'P'),
	"msize zero":           whole(lib9p.TypeTversion, lib9p.NoTag, append([]byte{0, 0, 0, 0, 8, 0}, "9P2000.L"...)...),
	"unknown type":         whole(250, 1),
	"http":                 []byte("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"),
}

// laterWords are what no client may say in a session of 9P2000.L in which fid 0 is the root.
var laterWords = map[string][]byte{
	"size zero":              frame(0, lib9p.TypeTgetattr, 1),
	"size over msize":        frame(wire.Msize+1, lib9p.TypeTgetattr, 1),
	"a reply":                whole(lib9p.TypeRgetattr, 1, 0, 0, 0, 0),
	"not of the dialect":     whole(lib9p.TypeTstat, 1, 0, 0, 0, 0),
	"unknown type":           whole(200, 1),
	"unknown fid":            whole(lib9p.TypeTclunk, 1, 9, 9, 9, 9),
	"no body":                whole(lib9p.TypeTwalk, 1),
	"body too long":          whole(lib9p.TypeTclunk, 1, 0, 0, 0, 0, 1, 2, 3),
	"walk of 17":             whole(lib9p.TypeTwalk, 1, append([]byte{0, 0, 0, 0, 1, 0, 0, 0, 17, 0}, bytes.Repeat([]byte{1, 0, 'a'}, 17)...)...),
	"walk of 65535":          whole(lib9p.TypeTwalk, 1, 0, 0, 0, 0, 1, 0, 0, 0, 255, 255),
	"name with a slash":      whole(lib9p.TypeTwalk, 1, append([]byte{0, 0, 0, 0, 1, 0, 0, 0, 1, 0, 10, 0}, "../etc/pas"...)...),
	"name with a zero":       whole(lib9p.TypeTwalk, 1, append([]byte{0, 0, 0, 0, 1, 0, 0, 0, 1, 0, 3, 0}, "a\x00b"...)...),
	"newfid in use":          whole(lib9p.TypeTattach, 1, append([]byte{0, 0, 0, 0, 255, 255, 255, 255, 0, 0, 0, 0}, 0, 0, 0, 0)...),
	"read of what is closed": whole(lib9p.TypeTread, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255, 255, 255),
	"write past its end":     whole(lib9p.TypeTwrite, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255, 255, 127, 'x'),
	"offset of 2^64-1":       whole(lib9p.TypeTreaddir, 1, 0, 0, 0, 0, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255),
	"flush of itself":        whole(lib9p.TypeTflush, 1, 1, 0),
	"tag twice":              append(whole(lib9p.TypeTgetattr, 1, 0, 0, 0, 0, 255, 7, 0, 0, 0, 0, 0, 0), whole(lib9p.TypeTgetattr, 1, 0, 0, 0, 0, 255, 7, 0, 0, 0, 0, 0, 0)...),
	"tag of Tversion":        whole(lib9p.TypeTgetattr, lib9p.NoTag, 0, 0, 0, 0, 255, 7, 0, 0, 0, 0, 0, 0),
	"xattr without end":      whole(lib9p.TypeTxattrcreate, 1, 0, 0, 0, 0, 6, 0, 'u', 's', 'e', 'r', '.', 'a', 255, 255, 255, 255, 255, 255, 255, 255, 0, 0, 0, 0),
	"text":                   []byte(strings.Repeat("hello, world\n", 100)),
}

// Clients that send garbage are told so or lose their connection. The server and its other sessions go on.
func TestBadClient(t *testing.T) {
	for name, start := range map[string]func(t *testing.T) (p *lab.Proc, socket string, want []byte){
		"u9fs":   badClientU9fs,
		"ramfs":  badClientRamfs,
		"srv -p": badClientSrv,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p, socket, want := start(t)
			n := beside(t, "unix", socket, "", want)
			for name, words := range firstWords {
				t.Run("first "+name, func(t *testing.T) {
					conn, err := net.Dial("unix", socket)
					must(t, err)
					defer conn.Close()
					conn.Write(words)
					answered(t, conn)
				})
			}
			for name, words := range laterWords {
				t.Run("later "+name, func(t *testing.T) {
					c := session(t, "unix", socket, lib9p.L)
					must(t, c.Attach(0, ""))
					c.Write(words)
					answered(t, c)
				})
			}
			t.Run("hang up within a message", func(t *testing.T) {
				c := session(t, "unix", socket, lib9p.L)
				c.Write(frame(100, lib9p.TypeTattach, 1, 0, 0))
				must(t, c.Conn.(*net.UnixConn).CloseWrite())
				closes(t, c)
			})
			t.Run("never read", func(t *testing.T) { neverRead(t, p, socket) })
			t.Run("mutants", func(t *testing.T) { mutants(t, socket) })
			n.undisturbed()
			if p.Exited() {
				t.Fatalf("the server ended: %v", p.Cmd.ProcessState)
			}
		})
	}
}

func badClientU9fs(t *testing.T) (*lab.Proc, string, []byte) {
	dir := t.TempDir()
	makeNeighbourData(t, dir)
	want, err := os.ReadFile(filepath.Join(dir, neighbourData))
	must(t, err)
	s := lab.U9fs(t, "unix", dir)
	return s.Proc(), strings.TrimPrefix(s.Addr, "unix!"), want
}

func badClientSrv(t *testing.T) (*lab.Proc, string, []byte) {
	_, socket, want := badClientU9fs(t)
	p, posted := post(t, &lab.Server{Addr: "unix!" + socket}, "-p")
	return p, posted, want
}

func badClientRamfs(t *testing.T) (*lab.Proc, string, []byte) {
	socket := filepath.Join(lab.SocketDir(t), "ramfs")
	p := lab.Start(t, exec.Command(lab.Bin("ramfs"), "-l", "unix!"+socket))
	lab.Until(t, lab.Patience, "ramfs takes calls", func() bool {
		if p.Exited() {
			t.Fatalf("ramfs ended: %v\n%s", p.Cmd.ProcessState, p.Err())
		}
		return listens(socket)
	})
	c := session(t, "unix", socket, lib9p.L)
	must(t, c.Attach(0, ""))
	_, err := c.Call(&lib9p.Tlcreate{Fid: 0, Name: neighbourData, Flags: lib9p.LRDWR, Mode: 0o644})
	must(t, err)
	want := bytes.Repeat([]byte("neighbour"), 1000)
	_, err = c.Call(&lib9p.Twrite{Fid: 0, Data: want})
	must(t, err)
	return p, socket, want
}

// answered waits for an answer to garbage: an error, a reply that does no harm, or the end of the connection.
func answered(t *testing.T, conn net.Conn) {
	t.Helper()
	must(t, conn.SetReadDeadline(time.Now().Add(lab.Patience)))
	said := make([]byte, 64<<10)
	n, err := conn.Read(said)
	if err != nil && os.IsTimeout(err) {
		t.Fatal("neither answered nor hung up on")
	}
	if err != nil {
		return
	}
	if f := lib9p.Frame(said[:n]); n < lib9p.HeaderSize || f.Size() < lib9p.HeaderSize || f.Type()%2 == 0 {
		t.Errorf("answered %q, which is no reply", said[:n])
	}
}

// neverRead asks to read a file sixty thousand times at once and takes no answer. The server
// must stop reading or hang up before the answers fill its memory.
func neverRead(t *testing.T, p *lab.Proc, socket string) {
	c := session(t, "unix", socket, lib9p.L)
	must(t, c.Attach(0, ""))
	must(t, c.Walk(0, 1, neighbourData))
	_, err := c.Call(&lib9p.Tlopen{Fid: 1})
	must(t, err)
	before := lab.RSS(t, p.Pid())
	var flood []byte
	for tag := range uint16(60000) {
		flood, err = lib9p.Append(flood, lib9p.L, tag, &lib9p.Tread{Fid: 1, Count: 32 << 10})
		must(t, err)
	}
	must(t, c.SetWriteDeadline(time.Now().Add(3*time.Second)))
	sent, err := c.Write(flood)
	grown := lab.RSS(t, p.Pid()) - before
	t.Logf("%d of %d KiB taken, then %v; grown by %d KiB", sent>>10, len(flood)>>10, err, grown>>10)
	if grown > 256<<20 { // the answers are 1875 MiB
		t.Errorf("the server has grown by %d MiB", grown>>20)
	}
}

// mutants sends good messages with a few bytes changed, a connection each.
func mutants(t *testing.T, socket string) {
	t.Logf("-seed=%d", *seed)
	rng := rand.New(rand.NewPCG(*seed, 7))
	good := []lib9p.Msg{
		&lib9p.Twalk{Fid: 0, Newfid: 1, Wname: []string{neighbourData}},
		&lib9p.Tlopen{Fid: 1, Flags: lib9p.LRDWR},
		&lib9p.Tread{Fid: 1, Offset: 10, Count: 100},
		&lib9p.Tgetattr{Fid: 1, Mask: lib9p.GetAll},
		&lib9p.Twalk{Fid: 0, Newfid: 2},
		&lib9p.Treaddir{Fid: 2, Count: 4000},
		&lib9p.Txattrwalk{Fid: 1, Newfid: 3, Name: "user.a"},
		&lib9p.Tlock{Fid: 1, LockType: lib9p.LockRead, ClientID: "me"},
		&lib9p.Tgetlock{Fid: 1, ClientID: "me"},
		&lib9p.Tstatfs{Fid: 0},
		&lib9p.Tflush{Oldtag: 3},
		&lib9p.Tclunk{Fid: 1},
		&lib9p.Tversion{Msize: 8192, Version: "9P2000.L"},
	}
	for range 300 {
		c := session(t, "unix", socket, lib9p.L)
		must(t, c.Attach(0, ""))
		var words []byte
		for i, m := range good {
			f, err := lib9p.Pack(lib9p.L, uint16(i), m)
			must(t, err)
			if rng.IntN(4) == 0 {
				// Not the message's type: what a mutant asks for must not change the tree.
				at := rng.IntN(len(f))
				if at != 4 {
					f[at] = byte(rng.Uint32())
				}
			}
			words = append(words, f...)
		}
		must(t, c.SetDeadline(time.Now().Add(lab.Patience)))
		c.Write(words)
		must(t, c.Conn.(*net.UnixConn).CloseWrite())
		closes(t, c)
		c.Close()
	}
	conn, err := net.Dial("unix", socket)
	if err != nil {
		t.Fatal(fmt.Errorf("call the server after the mutants: %w", err))
	}
	conn.Close()
}
