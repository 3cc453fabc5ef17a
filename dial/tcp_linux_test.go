package dial

import (
	"net"
	"syscall"
	"testing"
	"time"
)

// The options are read back from the sockets, on both sides.
func TestSocketOptions(t *testing.T) {
	an := announce(t, "tcp!127.0.0.1!0")
	caller, called := pair(t, an)
	d := Dialer{UserTimeout: time.Minute}
	patient, err := d.Dial(t.Context(), an.String())
	if err != nil {
		t.Fatal(err)
	}
	defer patient.Close()
	for _, tt := range []struct {
		name       string
		conn       net.Conn
		level, opt int
		want       int
	}{
		{"caller keepalive", caller, syscall.SOL_SOCKET, syscall.SO_KEEPALIVE, 1},
		{"caller idle", caller, syscall.IPPROTO_TCP, syscall.TCP_KEEPIDLE, 10},
		{"caller interval", caller, syscall.IPPROTO_TCP, syscall.TCP_KEEPINTVL, 5},
		{"caller count", caller, syscall.IPPROTO_TCP, syscall.TCP_KEEPCNT, 3},
		{"caller nodelay", caller, syscall.IPPROTO_TCP, syscall.TCP_NODELAY, 1},
		{"caller user timeout", caller, syscall.IPPROTO_TCP, tcpUserTimeout, 30000},
		{"patient user timeout", patient, syscall.IPPROTO_TCP, tcpUserTimeout, 60000},
		{"called keepalive", called, syscall.SOL_SOCKET, syscall.SO_KEEPALIVE, 1},
		{"called idle", called, syscall.IPPROTO_TCP, syscall.TCP_KEEPIDLE, 10},
		{"called nodelay", called, syscall.IPPROTO_TCP, syscall.TCP_NODELAY, 1},
		{"called user timeout", called, syscall.IPPROTO_TCP, tcpUserTimeout, 0},
	} {
		raw, err := tt.conn.(*net.TCPConn).SyscallConn()
		if err != nil {
			t.Fatal(err)
		}
		var got int
		var gerr error
		if err := raw.Control(func(fd uintptr) { got, gerr = syscall.GetsockoptInt(int(fd), tt.level, tt.opt) }); err != nil {
			t.Fatal(err)
		}
		if gerr != nil || got != tt.want {
			t.Errorf("%s: %d, %v, want %d", tt.name, got, gerr, tt.want)
		}
	}
}
