package dial

import (
	"syscall"
	"time"
)

// tcpUserTimeout is TCP_USER_TIMEOUT, which package syscall leaves out.
const tcpUserTimeout = 18

// setUserTimeout returns a net.Dialer's Control function.  It runs before the
// connect, so the time holds for the handshake too.
func setUserTimeout(d time.Duration) func(network, address string, c syscall.RawConn) error {
	return func(_, _ string, c syscall.RawConn) error {
		var err error
		cerr := c.Control(func(fd uintptr) {
			err = syscall.SetsockoptInt(int(fd), syscall.IPPROTO_TCP, tcpUserTimeout, int(d.Milliseconds()))
		})
		if cerr != nil {
			return cerr
		}
		return err
	}
}
