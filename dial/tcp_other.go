//go:build !linux

package dial

import (
	"syscall"
	"time"
)

// setUserTimeout does nothing: only Linux has such a time.  Elsewhere the
// keepalive and the system's own retransmission limit end a dead connection.
func setUserTimeout(time.Duration) func(network, address string, c syscall.RawConn) error {
	return nil
}
