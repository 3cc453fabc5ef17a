package fault

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/styxkit/styxkit/lib9p"
	"github.com/styxkit/styxkit/lib9p/srv"
	"github.com/styxkit/styxkit/lib9p/srv/memfs"
	"github.com/styxkit/styxkit/tests/internal/lab"
	"github.com/styxkit/styxkit/tests/internal/wire"
)

// through starts a server in memory and a proxy before it.
func through(t *testing.T, network string) *Proxy {
	t.Helper()
	l, err := net.Listen("unix", filepath.Join(lab.SocketDir(t), "server"))
	must(t, err)
	ctx, stop := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- srv.ServeListener(ctx, l, memfs.New(memfs.Options{}), nil) }()
	address := "127.0.0.1:0"
	if network == "unix" {
		address = filepath.Join(lab.SocketDir(t), "proxy")
	}
	p, err := New(network, address, func() (net.Conn, error) { return net.Dial("unix", l.Addr().String()) })
	must(t, err)
	t.Cleanup(func() {
		lab.Within(t, lab.Patience, "the proxy ends", p.Close)
		stop()
		lab.Within(t, lab.Patience, "the server ends", func() error { return <-served })
	})
	return p
}

// begin begins a session with its root at fid 0.
func begin(t *testing.T, p *Proxy) *wire.Client {
	t.Helper()
	conn, err := p.Dial()
	must(t, err)
	t.Cleanup(func() { conn.Close() })
	must(t, conn.SetDeadline(time.Now().Add(lab.Patience)))
	c, err := wire.Start(conn, lib9p.L)
	must(t, err)
	must(t, c.Attach(0, ""))
	return c
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

var mkdir = &lib9p.Tmkdir{Dfid: 0, Name: "made", Mode: 0o755}

func isMade(t *testing.T, p *Proxy) bool {
	t.Helper()
	err := begin(t, p).Walk(0, 1, "made")
	if err != nil && !wire.IsError(err) {
		t.Fatal(err)
	}
	return err == nil
}

func hit(t *testing.T, a *Armed) {
	t.Helper()
	for what, c := range map[string]<-chan struct{}{"the fault": a.Hit(), "an answer, or the end of hope for one": a.Executed()} {
		lab.Within(t, lab.Patience, what, func() error { <-c; return nil })
	}
}

func TestLost(t *testing.T) {
	for name, tt := range map[string]struct {
		fault Fault
		made  bool
	}{
		"request":        {Fault{Type: lib9p.TypeTmkdir}, false},
		"reply":          {Fault{Type: lib9p.TypeTmkdir, At: Reply}, true},
		"in the request": {Fault{Type: lib9p.TypeTmkdir, Keep: Half}, false},
		"in the reply":   {Fault{Type: lib9p.TypeTmkdir, At: Reply, Keep: Half}, true},
		"of any type":    {Fault{At: Reply}, true},
	} {
		t.Run(name, func(t *testing.T) {
			p := through(t, "unix")
			c := begin(t, p)
			a := p.Arm(tt.fault)
			must(t, c.Send(1, mkdir))
			_, _, err := c.Receive()
			if want := end(tt.fault); err != want {
				t.Errorf("the connection ended with %v, want %v", err, want)
			}
			hit(t, a)
			if made := isMade(t, p); made != tt.made {
				t.Errorf("the directory is made: %v", made)
			}
		})
	}
}

// end is how lib9p.Reader tells of a connection that f ends.
func end(f Fault) error {
	if f.At == Reply && f.Keep != 0 {
		return io.ErrUnexpectedEOF
	}
	return io.EOF
}

// A reply can be cut at each of its bytes.
func TestEveryByte(t *testing.T) {
	p := through(t, "unix")
	reply := lib9p.HeaderSize + lib9p.QidSize + 4
	for keep := range reply + 1 {
		c := begin(t, p)
		p.Arm(Fault{Type: lib9p.TypeTlopen, At: Reply, Keep: keep})
		must(t, c.Send(1, &lib9p.Tlopen{Fid: 0}))
		got, err := io.ReadAll(c)
		must(t, err)
		if len(got) != keep {
			t.Errorf("%d bytes came where %d are kept", len(got), keep)
		}
	}
}

func TestNth(t *testing.T) {
	p := through(t, "unix")
	c := begin(t, p)
	a := p.Arm(Fault{Type: lib9p.TypeTgetattr, Nth: 3})
	other := p.Arm(Fault{Type: lib9p.TypeTgetattr, Nth: 4})
	p.Disarm(other)
	for n := 1; n <= 3; n++ {
		_, err := c.Call(&lib9p.Tgetattr{Fid: 0, Mask: lib9p.GetBasic})
		if (err == nil) != (n < 3) {
			t.Errorf("the request number %d: %v", n, err)
		}
	}
	hit(t, a)
}

// A late request is executed after its client has been told the end, and the tap sees its reply.
func TestLate(t *testing.T) {
	p := through(t, "tcp")
	c := begin(t, p)
	answered := make(chan uint8, 10)
	p.SetTap(func(m Message) {
		if m.R != nil && m.T.Type() == lib9p.TypeTmkdir {
			answered <- m.R.Type()
		}
	})
	a := p.Arm(Fault{Type: lib9p.TypeTmkdir, Late: true})
	must(t, c.Send(1, mkdir))
	if _, _, err := c.Receive(); err != io.EOF {
		t.Errorf("the connection ended with %v", err)
	}
	must(t, c.Close())
	if isMade(t, p) {
		t.Fatal("it is made before it is time")
	}
	a.Release()
	hit(t, a)
	if !isMade(t, p) {
		t.Error("it is not made")
	}
	if typ := <-answered; typ != lib9p.TypeRmkdir {
		t.Errorf("answered with %s", lib9p.TypeName(typ))
	}
}

func TestReset(t *testing.T) {
	p := through(t, "tcp")
	c := begin(t, p)
	p.Arm(Fault{Type: lib9p.TypeTmkdir, End: RST})
	must(t, c.Send(1, mkdir))
	if _, _, err := c.Receive(); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("the connection ended with %v", err)
	}
}

// A silent connection is given up by the client's kernel, with an error that is not the peer's doing.
func TestSilent(t *testing.T) {
	p := through(t, "tcp")
	c := begin(t, p)
	raw, err := c.Conn.(*net.TCPConn).SyscallConn()
	must(t, err)
	must(t, raw.Control(func(fd uintptr) {
		err = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, 100)
	}))
	must(t, err)
	a := p.Arm(Fault{Type: lib9p.TypeTmkdir, At: Reply, End: Silent})
	must(t, c.Send(1, mkdir))
	hit(t, a)
	must(t, c.Send(2, mkdir)) // which nobody acknowledges
	if _, _, err := c.Receive(); !errors.Is(err, syscall.ETIMEDOUT) {
		t.Errorf("the connection ended with %v", err)
	}
}

// Over a Unix socket silence lasts until the client hangs up.
func TestSilentUnix(t *testing.T) {
	p := through(t, "unix")
	c := begin(t, p)
	a := p.Arm(Fault{Type: lib9p.TypeTmkdir, At: Reply, End: Silent})
	must(t, c.Send(1, mkdir))
	hit(t, a)
	must(t, c.SetReadDeadline(time.Now().Add(50*time.Millisecond)))
	if _, _, err := c.Receive(); !os.IsTimeout(err) {
		t.Errorf("what came is %v", err)
	}
	must(t, c.SetReadDeadline(time.Now().Add(lab.Patience)))
	must(t, c.Conn.(*net.UnixConn).CloseWrite())
	if _, err := c.Read(make([]byte, 1)); err != io.EOF {
		t.Errorf("after the hang-up %v", err)
	}
}

func TestBreak(t *testing.T) {
	p := through(t, "unix")
	a, b := begin(t, p), begin(t, p)
	p.Break(FIN)
	for _, c := range []*wire.Client{a, b} {
		if _, _, err := c.Receive(); err != io.EOF {
			t.Errorf("the connection ended with %v", err)
		}
		must(t, c.Close())
	}
	lab.Until(t, lab.Patience, "no connection is left", func() bool { return p.Conns() == 0 })
}

// What Then does has been done when the client sees the end.
func TestThen(t *testing.T) {
	p := through(t, "unix")
	c := begin(t, p)
	did := false
	a := p.Arm(Fault{Type: lib9p.TypeTmkdir, Then: func() { did = true }})
	_, err := c.Call(mkdir)
	hit(t, a)
	if err != io.EOF || !did {
		t.Errorf("ended with %v, done: %v", err, did)
	}
}

// Messages that are delayed overtake nobody and do not wait for each other.
func TestDelay(t *testing.T) {
	const delay, n = 20 * time.Millisecond, 50
	p := through(t, "unix")
	c := begin(t, p)
	p.SetDelay(delay)
	began := time.Now()
	for tag := range uint16(n) {
		must(t, c.Send(tag, &lib9p.Tgetattr{Fid: 0, Mask: lib9p.GetBasic}))
	}
	for range n {
		_, _, err := c.Receive()
		must(t, err)
	}
	if took := time.Since(began); took < 2*delay || took > n*delay {
		t.Errorf("%d requests at once took %v with a delay of %v", n, took, delay)
	}
}

// A call is reset where the server cannot be called.
func TestNoServer(t *testing.T) {
	p, err := New("tcp", "127.0.0.1:0", func() (net.Conn, error) { return nil, errors.New("nobody there") })
	must(t, err)
	defer p.Close()
	c, err := p.Dial()
	if err == nil {
		_, err = c.Read(make([]byte, 1))
		c.Close()
	}
	if !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("the connection ended with %v", err)
	}
}
