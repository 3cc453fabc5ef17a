//go:build !plan9

package dial

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"syscall"
	"time"
)

// maxSocketPath is how long the path of a socket can be in a socket address.
const maxSocketPath = len(syscall.RawSockaddrUnix{}.Path) - 1

const (
	lockTimeout = 2 * time.Second
	lockRetry   = 5 * time.Millisecond
)

func checkSocketPath(path string) error {
	if len(path) > maxSocketPath {
		return fmt.Errorf("the path has %d bytes and a socket's can have %d: use a shorter one, or a relative one",
			len(path), maxSocketPath)
	}
	return nil
}

func isRefused(err error) bool { return errors.Is(err, syscall.ECONNREFUSED) }

// keepSocket makes Close leave the socket's name alone.
func keepSocket(l net.Listener) {
	if l, ok := l.(*net.UnixListener); ok {
		l.SetUnlinkOnClose(false)
	}
}

// lockFolder takes the advisory lock of a folder, for which nothing has to be
// created in it.  Where it cannot be had, as on some network file systems, it
// goes on without.
func lockFolder(ctx context.Context, name string) (unlock func(), err error) {
	f, err := os.Open(name)
	if os.IsPermission(err) {
		return func() {}, nil
	}
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, lockTimeout)
	defer cancel()
	for {
		err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err != syscall.EWOULDBLOCK && err != syscall.EINTR {
			return func() { f.Close() }, nil
		}
		select {
		case <-ctx.Done():
			f.Close()
			return nil, fmt.Errorf("another process holds the lock of folder %s: try again, or use another folder", name)
		case <-time.After(lockRetry):
		}
	}
}
