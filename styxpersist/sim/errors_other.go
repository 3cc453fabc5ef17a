//go:build (sim || mutate) && !unix

package sim

import "errors"

// What a broken connection and a failed dial say.
var (
	errReset   = errors.New("connection reset")
	errPipe    = errors.New("broken pipe")
	errTimeout = errors.New("connection timed out")
	errRefused = errors.New("connection refused")
)
