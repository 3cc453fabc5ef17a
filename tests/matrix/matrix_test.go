// Package matrix holds every T-message against every fault, in three dialects, with real servers.
//
// A cell is one session: a client, styxpersist, the proxy of tests/fault and a server, in a fresh directory. The session is led
// to where the message of the row makes sense, the fault of the column is armed, and the message is sent. What the client is told
// then, what is in the directory on the host's side, and what the fids stand for is compared with two sessions
// without proxies and faults: one in which the message was not sent, one in which it was sent once.
//
// What a row and a column are to come to is computed from what the message is to recovery and what the fault did.
// TestMatrix fails where it does not come to that, and writes the table with -results FILE; mk matrix keeps it in RESULTS.
package matrix

import (
	"errors"
	"flag"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/styxkit/styxkit/lib9p"
	"github.com/styxkit/styxkit/tests/internal/lab"
)

var results = flag.String("results", "", "write the table to this file")

func TestMain(m *testing.M) {
	// Cells wait most of the time: for silent connections and between dials.
	flag.Set("test.parallel", "64")
	flag.Parse()
	os.Exit(lab.Main(m, nil, []string{"u9fs"}, []string{"srv9pd"}))
}

// services are the servers and what they are spoken to in.
var services = []struct {
	kind    string
	dialect lib9p.Dialect
}{
	{"u9fs", lib9p.P2000},
	{"srv9pd", lib9p.P2000},
	{"u9fs", lib9p.U},
	{"u9fs", lib9p.L},
	{"diod", lib9p.L},
}

// A bench is one server and the cells in it.
type bench struct {
	kind   string
	d      lib9p.Dialect
	export string
	server *lab.Server

	mu    sync.Mutex
	cells int
}

func newBench(t testing.TB, kind string, d lib9p.Dialect, base string) *bench {
	t.Helper()
	export, err := os.MkdirTemp(base, kind)
	must(t, err)
	export = filepath.Join(export, "export")
	must(t, os.Mkdir(export, 0o777))
	must(t, os.Chmod(export, 0o777))
	return &bench{kind: kind, d: d, export: export, server: lab.Kinds[kind](t, "unix", export)}
}

// dial calls the server. One that takes few calls at a time is called again.
func (b *bench) dial() (net.Conn, error) {
	for end := time.Now().Add(lab.Patience); ; time.Sleep(5 * time.Millisecond) {
		conn, err := b.server.Dial()
		if !errors.Is(err, syscall.EAGAIN) || time.Now().After(end) {
			return conn, err
		}
	}
}

func TestMatrix(t *testing.T) {
	base := lab.AttrDir(t)
	table := new(table)
	t.Run("cells", func(t *testing.T) {
		for _, s := range services {
			b := newBench(t, s.kind, s.dialect, base)
			for i := range rows {
				r := &rows[i]
				if r.served(b) {
					t.Run(fmt.Sprintf("%s/%s/%s", s.kind, s.dialect, r.name), func(t *testing.T) { r.run(t, b, table) })
				}
			}
		}
	})
	fmt.Println("matrix:", table.sum())
	if *results != "" {
		must(t, os.WriteFile(*results, table.bytes(t), 0o644))
	}
}

// run fills a row for one server.
func (r *row) run(t *testing.T, b *bench, table *table) {
	t.Parallel()
	ref := r.reference(t, b)
	for i := range columns {
		c := &columns[i]
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got, why := r.cell(t, b, c, ref)
			want := r.want(b, c, ref)
			table.enter(b, r, c, ref, got)
			if got != want {
				t.Errorf("%s, where it has to be %s: %s", got, want, why)
			}
		})
	}
}

// A reply may end at each of its bytes.
func TestEveryByte(t *testing.T) {
	base := lab.AttrDir(t)
	t.Run("cells", func(t *testing.T) {
		for _, s := range services {
			b := newBench(t, s.kind, s.dialect, base)
			for i := range rows {
				r := &rows[i]
				if r.everyByte && r.served(b) {
					t.Run(fmt.Sprintf("%s/%s/%s", s.kind, s.dialect, r.name), func(t *testing.T) { r.cutEverywhere(t, b) })
				}
			}
		}
	})
}

func (r *row) cutEverywhere(t *testing.T, b *bench) {
	t.Parallel()
	ref := r.reference(t, b)
	for keep := range ref.size {
		c := cutAt(keep)
		t.Run(fmt.Sprint(keep), func(t *testing.T) {
			t.Parallel()
			got, why := r.cell(t, b, c, ref)
			if want := r.want(b, c, ref); got != want {
				t.Errorf("%s, where it has to be %s: %s", got, want, why)
			}
		})
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
