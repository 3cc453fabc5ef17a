package styxpersist

import (
	"context"
	"errors"

	"github.com/styxkit/styxkit/lib9p"
)

// Why a fid cannot come back, beside what the server says.
var (
	errRemoved  = errors.New("it was removed")
	errReplaced = errors.New("another file has its name")
	errNoTag    = errors.New("too much is under way")
)

// number returns the errno of a server's refusal, and 0 for another error.
func number(err error) lib9p.Errno {
	if e, ok := errors.AsType[*lib9p.Error](err); ok {
		return e.Number()
	}
	return 0
}

// passing reports whether a server's refusal may pass by itself.
func passing(err error) bool {
	switch number(err) {
	case lib9p.EMFILE, lib9p.ENFILE, lib9p.ENOMEM, lib9p.EINTR:
		return true
	}
	return errors.Is(err, context.DeadlineExceeded) || err == errNoTag
}

func isBusy(err error) bool {
	n := number(err)
	return n == lib9p.EBUSY || n == lib9p.EAGAIN || n == lib9p.ETXTBSY
}

func isNotFound(err error) bool { return number(err) == lib9p.ENOENT }

// isGoneAway reports whether err may come of a name that was just changed.
func isGoneAway(err error) bool {
	return isNotFound(err) || err == errReplaced || number(err) == lib9p.ENOTDIR
}

// deathOf returns what a fid answers that could not be brought back because of err. A file that was only looked at answers
// that it is not there, upon which Linux looks again; an open one is stale.
func deathOf(f *fid, err error) *lib9p.Error {
	_, lostTree := errors.AsType[*rootError](err)
	switch {
	case f.role == roleXattrR:
		return errIO
	case f.role == roleXattrW:
		return errXattrLost
	case lostTree && number(err) != 0 && f.node.root.authed, lostTree && isAuthError(err):
		return errAuthFailed
	case err == errTooLong:
		return errTooLong
	case lostTree:
		return errStale // no name in it says anything
	case !f.open && (isGoneAway(err) || err == errRemoved):
		return errNotFound
	}
	return errStale
}
