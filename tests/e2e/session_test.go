package e2e

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/styxkit/styxkit/lib9p"
	"github.com/styxkit/styxkit/tests/internal/lab"
	"github.com/styxkit/styxkit/tests/internal/load"
	"github.com/styxkit/styxkit/tests/internal/wire"
)

// attached begins a session in 9P2000.L and returns a call that asks for the root's attributes.
func attached(t testing.TB, socket string) (getattr func() error) {
	t.Helper()
	c := session(t, "unix", socket, lib9p.L)
	must(t, c.Attach(0, ""))
	return func() error {
		_, err := c.Call(&lib9p.Tgetattr{Fid: 0, Mask: lib9p.GetBasic})
		return err
	}
}

// session begins a session that ends with the test.
func session(t testing.TB, network, address string, d lib9p.Dialect) *wire.Client {
	t.Helper()
	conn, err := net.Dial(network, address)
	must(t, err)
	t.Cleanup(func() { conn.Close() })
	c, err := wire.Start(conn, d)
	must(t, err)
	return c
}

// A neighbour is a healthy session beside one that is not: it looks up, opens and reads a file
// all the time, and nothing may disturb it.
type neighbour struct {
	t     *testing.T
	stop  context.CancelFunc
	ended sync.WaitGroup
	mu    sync.Mutex
	reads int
	err   error
}

// neighbourData is the file that the neighbour reads, in a directory that is served.
const neighbourData = "neighbour"

func makeNeighbourData(t *testing.T, dir string) {
	t.Helper()
	_, err := load.MakeData(filepath.Join(dir, neighbourData), 32<<10)
	must(t, err)
}

// beside starts a neighbour on a server's address, where it reads want from a file; it ends with the test.
func beside(t *testing.T, network, address, aname string, want []byte) *neighbour {
	t.Helper()
	c := session(t, network, address, lib9p.L)
	must(t, c.Attach(0, aname))
	ctx, stop := context.WithCancel(context.Background())
	n := &neighbour{t: t, stop: stop}
	n.ended.Go(func() {
		for ctx.Err() == nil {
			err := readOnce(c, want)
			n.mu.Lock()
			n.reads++
			n.err = err
			n.mu.Unlock()
			if err != nil {
				return
			}
		}
	})
	t.Cleanup(n.check)
	return n
}

func readOnce(c *wire.Client, want []byte) error {
	if err := c.Walk(0, 1, neighbourData); err != nil {
		return err
	}
	if _, err := c.Call(&lib9p.Tlopen{Fid: 1}); err != nil {
		return err
	}
	r, err := c.Call(&lib9p.Tread{Fid: 1, Count: uint32(len(want))})
	if err != nil {
		return err
	}
	if got := r.(*lib9p.Rread).Data; !bytes.Equal(got, want) {
		return fmt.Errorf("%d bytes read are not the %d of the file", len(got), len(want))
	}
	_, err = c.Call(&lib9p.Tclunk{Fid: 1})
	return err
}

// undisturbed waits until the neighbour has read twice from now on.
func (n *neighbour) undisturbed() {
	n.t.Helper()
	from, _ := n.state()
	lab.Until(n.t, lab.Patience, "the neighbour goes on", func() bool {
		now, err := n.state()
		return err != nil || now > from+1
	})
	if _, err := n.state(); err != nil {
		n.t.Fatalf("the neighbour was disturbed: %v", err)
	}
}

func (n *neighbour) state() (reads int, err error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.reads, n.err
}

func (n *neighbour) check() {
	n.stop()
	lab.Within(n.t, lab.Patience, "the neighbour ends", func() error { n.ended.Wait(); return nil })
	if _, err := n.state(); err != nil {
		n.t.Errorf("the neighbour was disturbed: %v", err)
	}
}

// closes waits until conn is closed by its peer and returns what came before that.
func closes(t *testing.T, conn net.Conn) (said []byte) {
	t.Helper()
	must(t, conn.SetReadDeadline(time.Now().Add(lab.Patience)))
	buf := make([]byte, 64<<10)
	for {
		n, err := conn.Read(buf)
		said = append(said, buf[:n]...)
		if err != nil && os.IsTimeout(err) {
			t.Fatalf("the connection stays open; %d bytes came: %.100q", len(said), said)
		}
		if err != nil {
			return said
		}
	}
}
