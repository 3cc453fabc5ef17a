package e2e

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/styxkit/styxkit/lib9p"
	"github.com/styxkit/styxkit/tests/internal/lab"
	"github.com/styxkit/styxkit/tests/internal/wire"
)

// A server that stands still for a while is slow and not dead: its connection is kept, and everything that was asked is done once.
func TestServerStandsStill(t *testing.T) {
	for name, serve := range map[string]func(testing.TB, string, string) *lab.Server{"u9fs": lab.U9fs, "diod": lab.Diod} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			s := serve(t, "unix", dir)
			p, socket := post(t, s, "-p")
			c := session(t, "unix", socket, lib9p.L)
			must(t, c.Attach(0, s.Aname))
			s.Proc().Signal(syscall.SIGSTOP)
			t.Cleanup(func() { s.Proc().Signal(syscall.SIGCONT) })
			const n = 50
			for i := range n {
				must(t, c.Send(uint16(i), &lib9p.Tmkdir{Dfid: 0, Name: fmt.Sprint("d", i), Mode: 0o755}))
			}
			time.Sleep(3 * time.Second) // it is the time that the test is about
			s.Proc().Signal(syscall.SIGCONT)
			for range n {
				_, m, err := c.Receive()
				must(t, err)
				if lib9p.TypeOf(m) != lib9p.TypeRmkdir {
					t.Errorf("a mkdir is answered with %+v", m)
				}
			}
			if names := namesIn(t, dir); len(names) != n {
				t.Errorf("%d directories are there, not %d", len(names), n)
			}
			if strings.Contains(p.Err(), "went away") {
				t.Errorf("the connection was given up:\n%s", p.Err())
			}
		})
	}
}

// The client of a server that stands still, and takes nothing more, can cancel what it has asked for, and hang up.
func TestServerTakesNothing(t *testing.T) {
	for name, serve := range map[string]func(testing.TB, string, string) *lab.Server{"u9fs": lab.U9fs, "diod": lab.Diod} {
		for _, network := range []string{"unix", "tcp"} {
			t.Run(name+" "+network, func(t *testing.T) {
				t.Parallel()
				dir := t.TempDir()
				must(t, os.WriteFile(filepath.Join(dir, "file"), nil, 0o644))
				s := serve(t, network, dir)
				_, socket := post(t, s, "-p")
				c := session(t, "unix", socket, lib9p.L)
				must(t, c.Attach(0, s.Aname))
				must(t, c.Walk(0, 1, "file"))
				_, err := c.Call(&lib9p.Tlopen{Fid: 1, Flags: lib9p.LRDWR})
				must(t, err)
				s.Proc().Signal(syscall.SIGSTOP)
				t.Cleanup(func() { s.Proc().Signal(syscall.SIGCONT) })
				const n = 400 // of 60 KiB: more than any buffers take
				for i := range n {
					must(t, c.Send(uint16(i), &lib9p.Twrite{Fid: 1, Offset: uint64(i) * 60000, Data: make([]byte, 60000)}))
				}
				began := time.Now()
				must(t, c.Send(n, &lib9p.Tflush{Oldtag: n - 1})) // which cannot have left
				must(t, c.Send(n+1, &lib9p.Tflush{Oldtag: 0}))   // which has
				flushed(t, c, n, n+1)
				if d := time.Since(began); d > 2*time.Second {
					t.Errorf("the flushes are answered after %v", d)
				}
				s.Proc().Signal(syscall.SIGCONT)
				for range n - 2 {
					tag, m, err := c.Receive()
					must(t, err)
					if lib9p.TypeOf(m) != lib9p.TypeRwrite || tag == 0 || tag == n-1 {
						t.Fatalf("tag %d is answered with %+v", tag, m)
					}
				}
				_, err = c.Call(&lib9p.Tgetattr{Fid: 1, Mask: lib9p.GetBasic})
				must(t, err)
			})
		}
	}
}

// flushed waits for the answers to flushes; a write that one of them cancels may be answered that it is in doubt.
func flushed(t *testing.T, c *wire.Client, tags ...uint16) {
	t.Helper()
	for _, want := range tags {
		for {
			tag, m, err := c.Receive()
			must(t, err)
			if lib9p.TypeOf(m) == lib9p.TypeRflush && tag == want {
				break
			}
			if e, ok := m.(*lib9p.Rlerror); !ok || e.Ecode != lib9p.EIO {
				t.Fatalf("tag %d is answered with %+v", tag, m)
			}
		}
	}
}

// A line that swallows everything is found out by the silence. What makes a name is made once, and what
// would harm if it came late is said to be in doubt.
func TestLineSwallows(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	must(t, os.WriteFile(filepath.Join(dir, "old"), nil, 0o644))
	s := lab.U9fs(t, "unix", dir)
	l := lineTo(t, s)
	p, socket := post(t, &lab.Server{Addr: "unix!" + l.socket}, "-p")
	c := session(t, "unix", socket, lib9p.L)
	must(t, c.Attach(0, ""))
	must(t, c.Walk(0, 1, "old"))
	l.swallow()
	must(t, c.Send(1, &lib9p.Tmkdir{Dfid: 0, Name: "made", Mode: 0o755}))
	must(t, c.Send(2, &lib9p.Trename{Fid: 1, Dfid: 0, Name: "new"}))
	must(t, c.Send(3, &lib9p.Tgetattr{Fid: 0, Mask: lib9p.GetBasic}))
	const patience = 2 * time.Minute
	must(t, c.SetReadDeadline(time.Now().Add(patience)))
	began := time.Now()
	for range 3 {
		tag, m, err := c.Receive()
		must(t, err)
		t.Logf("tag %d after %v: %+v", tag, time.Since(began).Round(time.Second), m)
		e, refused := m.(*lib9p.Rlerror)
		if refused != (tag == 2) || refused && e.Ecode != lib9p.EIO {
			t.Errorf("tag %d is answered with %+v", tag, m)
		}
	}
	if names := strings.Join(namesIn(t, dir), " "); names != "made old" {
		t.Errorf("the directory holds %s", names)
	}
	if !strings.Contains(p.Err(), "silent") {
		t.Errorf("nobody says what was wrong:\n%s", p.Err())
	}
}

// A line is a relay between styxpersist and a server.
type line struct {
	socket string
	mu     sync.Mutex
	holes  []chan struct{} // of its connections: closed where it passes on nothing any more
}

func lineTo(t *testing.T, s *lab.Server) *line {
	t.Helper()
	l := &line{socket: filepath.Join(lab.SocketDir(t), "line")}
	ln, err := net.Listen("unix", l.socket)
	must(t, err)
	var open sync.WaitGroup
	t.Cleanup(open.Wait)
	t.Cleanup(func() { ln.Close() })
	open.Go(func() {
		for {
			near, err := ln.Accept()
			if errors.Is(err, net.ErrClosed) {
				return
			}
			must(t, err)
			far, err := s.Dial()
			must(t, err)
			t.Cleanup(func() { near.Close(); far.Close() })
			hole := make(chan struct{})
			l.mu.Lock()
			l.holes = append(l.holes, hole)
			l.mu.Unlock()
			open.Go(func() { pass(far, near, hole) })
			open.Go(func() { pass(near, far, hole) })
		}
	})
	return l
}

// pass copies until an end, and into the hole where there is one.
func pass(to, from net.Conn, hole chan struct{}) {
	b := make([]byte, 64<<10)
	for {
		n, err := from.Read(b)
		select {
		case <-hole:
		default:
			to.Write(b[:n])
			if err != nil {
				to.Close()
			}
		}
		if err != nil {
			return
		}
	}
}

// swallow makes the connections that there are pass on nothing any more, not even their end.
func (l *line) swallow() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, hole := range l.holes {
		close(hole)
	}
	l.holes = nil
}
