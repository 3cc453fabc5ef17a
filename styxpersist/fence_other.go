//go:build !unix

package styxpersist

import (
	"errors"
	"os"
)

// Without error numbers to tell them apart, no failure is taken for the server's own doing.

func isReset(error) bool   { return false }
func isRefused(error) bool { return false }

// isBroken is true of all that reading from or writing to the system has failed with.
func isBroken(err error) bool {
	_, ok := errors.AsType[interface {
		error
		Timeout() bool
	}](err)
	return ok && !errors.Is(err, os.ErrDeadlineExceeded)
}
