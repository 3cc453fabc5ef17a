//go:build unix

package styxpersist

import (
	"errors"
	"syscall"
)

func isReset(err error) bool {
	return errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
}

// isBroken reports whether err is the network's or this system's and not the peer's: it was waited for in vain, there is no route.
func isBroken(err error) bool {
	_, ok := errors.AsType[syscall.Errno](err)
	return ok && !isReset(err)
}

func isRefused(err error) bool { return errors.Is(err, syscall.ECONNREFUSED) }
