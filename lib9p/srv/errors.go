package srv

import (
	"context"
	"errors"
	"io/fs"
	"os"

	"github.com/styxkit/styxkit/lib9p"
)

// What the package itself refuses with. Clients of 9P2000 see the texts,
// others the numbers.
var (
	errUnknownFid = refuse(lib9p.EBADF, "unknown fid")
	errDupFid     = refuse(lib9p.EBADF, "duplicate fid")
	errTooMany    = refuse(lib9p.EMFILE, "too many fids: too many open files")
	errOpen       = refuse(lib9p.EBADF, "bad fid: it is open")
	errNotOpen    = refuse(lib9p.EBADF, "bad fid: not open")
	errNotRead    = refuse(lib9p.EBADF, "bad fid: not open for reading")
	errNotWrite   = refuse(lib9p.EBADF, "bad fid: not open for writing")
	errDirOffset  = refuse(lib9p.EINVAL, "bad offset in directory read")
	errOffset     = refuse(lib9p.EINVAL, "bad offset: beyond 63 bits")
	errSmallCount = refuse(lib9p.EINVAL, "bad argument: count too small for a directory entry")
	errName       = refuse(lib9p.EINVAL, "bad character in file name")
	errNoAuth     = refuse(lib9p.ENOENT, "authentication not required")
	errTag        = refuse(lib9p.EPROTO, "protocol botch: tag 65535 is for Tversion")
	errMode       = refuse(lib9p.EINVAL, "illegal mode")
	errWstat      = refuse(lib9p.EPERM, "wstat prohibited")
	errNoExcl     = refuse(lib9p.EAGAIN, "exclusive use file already open")
)

func refuse(errno lib9p.Errno, ename string) error { return &lib9p.Error{Ename: ename, Errno: errno} }

// refusal returns what the client is told of err.
func refusal(err error) *lib9p.Error {
	if e, ok := errors.AsType[*lib9p.Error](err); ok && (e.Errno != 0 || e.Ename != "") {
		return e
	}
	if e, ok := errors.AsType[lib9p.Errno](err); ok && e != 0 {
		return &lib9p.Error{Errno: e}
	}
	for _, k := range []struct {
		err   error
		errno lib9p.Errno
	}{
		{context.Canceled, lib9p.EINTR},
		{context.DeadlineExceeded, lib9p.ETIMEDOUT},
		{os.ErrDeadlineExceeded, lib9p.ETIMEDOUT},
		{fs.ErrNotExist, lib9p.ENOENT},
		{fs.ErrExist, lib9p.EEXIST},
		{fs.ErrPermission, lib9p.EACCES},
		{fs.ErrInvalid, lib9p.EINVAL},
	} {
		if errors.Is(err, k.err) {
			return &lib9p.Error{Errno: k.errno}
		}
	}
	return &lib9p.Error{Ename: err.Error(), Errno: lib9p.ErrnoOf(err.Error())}
}
