package fuse

import (
	"context"
	"errors"
	"syscall"
	"time"

	gofuse "github.com/hanwen/go-fuse/v2/fuse"

	"github.com/styxkit/styxkit/lib9p"
	"github.com/styxkit/styxkit/lib9p/client"
)

// maxErrno is the largest error that the kernel takes; with one above it the call would hang.
const maxErrno = 511

// errStale says that a node is not at the places it was seen at.
var errStale = &lib9p.Error{Errno: lib9p.ESTALE}

// refuse returns an error of the bridge's own making.
func refuse(e lib9p.Errno) error { return &lib9p.Error{Errno: e} }

// number returns the Linux number of err, and 0 for nil.
func number(err error) lib9p.Errno {
	if err == nil {
		return 0
	}
	if e, ok := errors.AsType[*lib9p.Error](err); ok {
		if n := e.Number(); n > 0 && n <= maxErrno {
			return n
		}
		return lib9p.EIO
	}
	if errors.Is(err, context.Canceled) {
		return lib9p.EINTR
	}
	if errors.Is(err, client.ErrClunked) {
		return lib9p.EBADF
	}
	if _, ok := errors.AsType[*client.ConnError](err); ok {
		return lib9p.Errno(syscall.ENOTCONN)
	}
	return lib9p.EIO
}

// status is the answer to the kernel that err means.
func status(err error) gofuse.Status { return gofuse.Status(number(err)) }

// lost reports whether err may mean that a fid is no longer its file's. ENOENT means that only where the request
// had no name that could be missing.
func lost(err error, named bool) bool {
	switch number(err) {
	case lib9p.ESTALE, lib9p.EBADF:
		return true
	case lib9p.ENOENT:
		return !named
	}
	return false
}

// unsupported reports whether err says that the server does not do such a thing at all.
func unsupported(err error) bool {
	n := number(err)
	return n == lib9p.EOPNOTSUPP || n == lib9p.ENOSYS
}

// doubt is what a change of names ends with. EIO can mean that nobody knows whether it was made, as when a server has died over
// it. The program will look, so it hears of that when the kernel has ceased to believe what it has known of the names. Where that would take too long it is told to, which it must not be while the call lasts.
func (b *bridge) doubt(ctx context.Context, err error) gofuse.Status {
	switch {
	case number(err) != lib9p.EIO:
	case b.opt.Cache == CacheLoose:
		b.late.Go(b.drop)
	default:
		select {
		case <-time.After(b.opt.Cache.validity()):
		case <-ctx.Done():
		}
	}
	return status(err)
}
