//go:build (sim || mutate) && unix

package sim

import "syscall"

// What a broken connection and a failed dial say.
var (
	errReset   error = syscall.ECONNRESET
	errPipe    error = syscall.EPIPE
	errTimeout error = syscall.ETIMEDOUT
	errRefused error = syscall.ECONNREFUSED
)
