//go:build !plan9

package dial

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"
)

// announce announces addr until the test ends.
func announce(t *testing.T, addr string) *Announcement {
	t.Helper()
	an, err := Announce(t.Context(), addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { an.Close() })
	return an
}

// pair calls an and returns both ends.
func pair(t *testing.T, an *Announcement) (caller, called net.Conn) {
	t.Helper()
	caller, err := Dial(t.Context(), an.String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { caller.Close() })
	called, err = an.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { called.Close() })
	return caller, called
}

func TestDial(t *testing.T) {
	for _, addr := range []string{
		"tcp!127.0.0.1!0", "tcp4!localhost!0", "net!127.0.0.1!0", "127.0.0.1!0", "tcp6!::1!0", "[::1]!0",
		"unix!" + t.TempDir() + "/s", t.TempDir() + "/a!b",
	} {
		t.Run(addr, func(t *testing.T) {
			if strings.Contains(addr, "::1") && !haveIPv6() {
				t.Log("this machine has no ipv6: the announcement must fail")
				if _, err := Announce(t.Context(), addr); err == nil {
					t.Error("it did not")
				}
				return
			}
			caller, called := pair(t, announce(t, addr))
			for _, c := range [][2]net.Conn{{caller, called}, {called, caller}} {
				if _, err := io.WriteString(c[0], "hello\n"); err != nil {
					t.Fatal(err)
				}
				if s, err := bufio.NewReader(c[1]).ReadString('\n'); s != "hello\n" {
					t.Fatalf("read %q, %v", s, err)
				}
			}
		})
	}
}

func haveIPv6() bool {
	l, err := net.Listen("tcp6", "[::1]:0")
	if err == nil {
		l.Close()
	}
	return err == nil
}

func TestDialFaults(t *testing.T) {
	closed := announce(t, "tcp!127.0.0.1!0")
	closed.Close()
	dir := t.TempDir()
	dead := dir + "/dead"
	leaveSocket(t, dead)
	for _, tt := range []struct {
		addr string
		is   error
		text string
	}{
		{closed.String(), syscall.ECONNREFUSED, "is a server running there?"},
		{dead, syscall.ECONNREFUSED, "its server has gone"},
		{dir + "/none", os.ErrNotExist, "is a server posted there?"},
		{dir + "/" + strings.Repeat("x", 200), nil, "bytes and a socket's can have"},
		{"tcp!*!9fs", nil, "host * is for announcing"},
		{"tcp!127.0.0.1!0", nil, "port 0 is for announcing"},
		{"tcp!127.0.0.1", nil, "missing service"},
	} {
		conn, err := Dial(t.Context(), tt.addr)
		if err == nil {
			conn.Close()
			t.Errorf("Dial(%q) answered", tt.addr)
			continue
		}
		if !strings.Contains(err.Error(), tt.text) || tt.is != nil && !errors.Is(err, tt.is) {
			t.Errorf("Dial(%q): %v, want %v, %s", tt.addr, err, tt.is, tt.text)
		}
	}
}

func TestAdvice(t *testing.T) {
	err := &net.OpError{Op: "dial", Net: "tcp", Err: &net.DNSError{Err: "no such host", Name: "fs", IsNotFound: true}}
	if got := cause(err).Error() + advice(Addr{Net: "tcp"}, err); got != "lookup fs: no such host: is the name of the machine right?" {
		t.Error(got)
	}
}

func TestDialEndsWithContext(t *testing.T) {
	an := announce(t, "tcp!127.0.0.1!0")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Dial(ctx, an.String()); !errors.Is(err, context.Canceled) {
		t.Errorf("Dial: %v, want %v", err, context.Canceled)
	}
}

func TestDialTimeout(t *testing.T) {
	an := announce(t, "tcp!127.0.0.1!0")
	d := Dialer{Timeout: time.Nanosecond}
	_, err := d.Dial(t.Context(), an.String())
	ne, ok := errors.AsType[net.Error](err)
	if !ok || !ne.Timeout() || !strings.Contains(err.Error(), "is the machine up") {
		t.Errorf("Dial: %v, want a timeout", err)
	}
}

func TestNetInfo(t *testing.T) {
	caller, called := pair(t, announce(t, "tcp!127.0.0.1!0"))
	at := func(a net.Addr) string { return a.(*net.TCPAddr).AddrPort().String()[len("127.0.0.1:"):] }
	lserv, rserv := at(caller.LocalAddr()), at(caller.RemoteAddr())
	want := Info{"/net", "/net/tcp", "127.0.0.1", lserv, "127.0.0.1", rserv,
		"tcp!127.0.0.1!" + lserv, "tcp!127.0.0.1!" + rserv}
	if got := *NetInfo(caller); got != want {
		t.Errorf("caller: %+v, want %+v", got, want)
	}
	if got := *NetInfo(called); got.Laddr != want.Raddr || got.Raddr != want.Laddr {
		t.Errorf("called: %+v, want the reverse of %+v", got, want)
	}

	path := t.TempDir() + "/s"
	caller, called = pair(t, announce(t, path))
	want = Info{Root: "/net", Dir: "/net/unix", Rsys: path, Raddr: "unix!" + path}
	if got := *NetInfo(caller); got != want {
		t.Errorf("unix caller: %+v, want %+v", got, want)
	}
	want = Info{Root: "/net", Dir: "/net/unix", Lsys: path, Laddr: "unix!" + path}
	if got := *NetInfo(called); got != want {
		t.Errorf("unix called: %+v, want %+v", got, want)
	}

	p, q := net.Pipe()
	defer p.Close()
	defer q.Close()
	want = Info{Root: "/net", Dir: "/net/pipe"}
	if got := *NetInfo(p); got != want {
		t.Errorf("pipe: %+v, want %+v", got, want)
	}
}
