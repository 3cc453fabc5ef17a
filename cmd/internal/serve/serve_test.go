package serve

import (
	"bytes"
	"context"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/styxkit/styxkit/lib9p"
	"github.com/styxkit/styxkit/lib9p/client"
	"github.com/styxkit/styxkit/lib9p/srv/memfs"
)

const patience = 20 * time.Second

// A notes is a buffer that can be read while it is written.
type notes struct {
	mu   sync.Mutex
	b    bytes.Buffer
	some chan bool // holds a token when something was written; may be nil
}

func (n *notes) Write(p []byte) (int, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	select {
	case n.some <- true:
	default:
	}
	return n.b.Write(p)
}

func (n *notes) String() string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.b.String()
}

// Whom others can reach is only served where that is meant.
func TestOpen(t *testing.T) {
	for _, tt := range []struct {
		addr string
		open bool
		err  string
		said string
	}{
		{"tcp!127.0.0.1!0", false, "", ""},
		{"tcp!localhost!0", false, "", ""},
		{"tcp!::1!0", true, "", ""},
		{"tcp!*!0", false, "tcp!*!0: others could reach it, and nobody is asked who he is: use -A", ""},
		{"tcp!0.0.0.0!0", false, "others could reach it", ""},
		{"tcp!::!0", false, "others could reach it", ""},
		{"tcp!192.0.2.1!0", false, "others could reach it", ""},
		{"tcp!192.0.2.1!0", true, "announce tcp!192.0.2.1!0", "test: tcp!192.0.2.1!0 is open to everybody"}, // nobody has that address
		{"il!host!9fs", false, "unknown network", ""},
	} {
		ctx, cancel := context.WithCancel(t.Context())
		stderr := new(notes)
		s := &Server{Name: "test", Addr: tt.addr, Open: tt.open, Advice: "use -A", Stderr: stderr, Ready: cancel}
		err := s.Serve(ctx, memfs.New(memfs.Options{}))
		if tt.addr == "tcp!::1!0" && err != nil {
			continue // a machine without ipv6
		}
		if err == nil && tt.err != "" || err != nil && (tt.err == "" || !strings.Contains(err.Error(), tt.err)) {
			t.Errorf("%s: got error %v, want %q", tt.addr, err, tt.err)
		}
		if !strings.Contains(stderr.String(), tt.said) || tt.said == "" && stderr.String() != "" {
			t.Errorf("%s: said %q, want %q", tt.addr, stderr.String(), tt.said)
		}
		cancel()
	}
}

// A Unix socket serves one client after the other and two at a time, and is gone in the end.
func TestSocket(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	ctx, cancel := context.WithCancel(t.Context())
	ready := make(chan bool)
	stderr := &notes{some: make(chan bool, 1)}
	s := &Server{Name: "test", Addr: path, Stderr: stderr, Ready: func() { close(ready) }}
	done := make(chan error, 1)
	go func() { done <- s.Serve(ctx, memfs.New(memfs.Options{})) }()
	<-ready
	var conns []net.Conn
	for range 2 {
		c, err := net.Dial("unix", path)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		conns = append(conns, c)
		use(t, c)
	}
	conns[0].Write([]byte{1, 0, 0, 0})
	io.ReadAll(conns[0]) // until the end
	<-stderr.some        // which is said a moment later, unless all is over then
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
	if _, err := os.Lstat(path); !os.IsNotExist(err) {
		t.Errorf("the socket is still there: %v", err)
	}
	if !strings.Contains(stderr.String(), "size 1 is less than a header") {
		t.Errorf("said %q", stderr.String())
	}
}

// use makes a file over c.
func use(t *testing.T, c lib9p.Transport) {
	t.Helper()
	conn, err := client.New(t.Context(), c, client.Options{})
	if err != nil {
		t.Fatal(err)
	}
	f, err := conn.Attach(t.Context(), nil, "glenda", "", lib9p.NoUid)
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Lcreate(t.Context(), "f", lib9p.LRDWR, 0o600, lib9p.NoUid); err != nil {
		t.Fatal(err)
	}
	if err := f.Clunk(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// Pipes are served until the client hangs up, or ctx ends.
func TestPipes(t *testing.T) {
	for _, hangUp := range []bool{true, false} {
		inR, inW, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		outR, outW, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		s := &Server{Name: "test", Stdin: inR, Stdout: outW}
		done := make(chan error, 1)
		go func() { done <- s.Serve(ctx, memfs.New(memfs.Options{})) }()
		use(t, pipes{outR, inW})
		if hangUp {
			inW.Close()
		} else {
			cancel()
		}
		select {
		case err := <-done:
			if err != nil {
				t.Error(err)
			}
		case <-time.After(patience):
			t.Fatal("Serve does not return")
		}
		if b, err := io.ReadAll(outR); len(b) > 0 || err != nil {
			t.Errorf("then came %q, %v", b, err)
		}
		cancel()
		inW.Close()
	}
}

type pipes struct {
	io.Reader
	io.WriteCloser
}
