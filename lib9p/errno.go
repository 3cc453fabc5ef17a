package lib9p

import (
	"fmt"
	"io/fs"
	"strings"
	"unicode/utf8"
)

// An Errno is an error number of Linux, as Rlerror and .u's Rerror carry it on every machine.
type Errno uint32

// The numbers that 9P servers send, and their texts.
const (
	EPERM        Errno = 1
	ENOENT       Errno = 2
	EINTR        Errno = 4
	EIO          Errno = 5
	ENXIO        Errno = 6
	E2BIG        Errno = 7
	EBADF        Errno = 9
	EAGAIN       Errno = 11
	ENOMEM       Errno = 12
	EACCES       Errno = 13
	EBUSY        Errno = 16
	EEXIST       Errno = 17
	EXDEV        Errno = 18
	ENODEV       Errno = 19
	ENOTDIR      Errno = 20
	EISDIR       Errno = 21
	EINVAL       Errno = 22
	ENFILE       Errno = 23
	EMFILE       Errno = 24
	ENOTTY       Errno = 25
	ETXTBSY      Errno = 26
	EFBIG        Errno = 27
	ENOSPC       Errno = 28
	ESPIPE       Errno = 29
	EROFS        Errno = 30
	EMLINK       Errno = 31
	EPIPE        Errno = 32
	ERANGE       Errno = 34
	EDEADLK      Errno = 35
	ENAMETOOLONG Errno = 36
	ENOLCK       Errno = 37
	ENOSYS       Errno = 38
	ENOTEMPTY    Errno = 39
	ELOOP        Errno = 40
	ENODATA      Errno = 61
	EPROTO       Errno = 71
	EOVERFLOW    Errno = 75
	EMSGSIZE     Errno = 90
	EOPNOTSUPP   Errno = 95
	ETIMEDOUT    Errno = 110
	ESTALE       Errno = 116
	EDQUOT       Errno = 122
)

// errnoTexts gives each number the text that 9P2000 servers send for it:
// Plan 9's own where there is one that clients know, else that of Linux.
var errnoTexts = map[Errno]string{
	EPERM:        "permission denied",
	ENOENT:       "file does not exist",
	EINTR:        "interrupted",
	EIO:          "i/o error",
	ENXIO:        "no such device or address",
	E2BIG:        "argument list too long",
	EBADF:        "unknown fid",
	EAGAIN:       "resource temporarily unavailable",
	ENOMEM:       "out of memory",
	EACCES:       "permission denied",
	EBUSY:        "device or resource busy",
	EEXIST:       "file already exists",
	EXDEV:        "invalid cross-device link",
	ENODEV:       "no such device",
	ENOTDIR:      "not a directory",
	EISDIR:       "file is a directory",
	EINVAL:       "bad argument",
	ENFILE:       "too many open files in system",
	EMFILE:       "too many open files",
	ENOTTY:       "inappropriate ioctl for device",
	ETXTBSY:      "text file busy",
	EFBIG:        "file too large",
	ENOSPC:       "no space left on device",
	ESPIPE:       "illegal seek",
	EROFS:        "read-only file system",
	EMLINK:       "too many links",
	EPIPE:        "broken pipe",
	ERANGE:       "result too large",
	EDEADLK:      "resource deadlock avoided",
	ENAMETOOLONG: "file name too long",
	ENOLCK:       "no locks available",
	ENOSYS:       "function not implemented",
	ENOTEMPTY:    "directory not empty",
	ELOOP:        "too many levels of symbolic links",
	ENODATA:      "no data available",
	EPROTO:       "protocol botch",
	EOVERFLOW:    "value too large for defined data type",
	EMSGSIZE:     "message too long",
	EOPNOTSUPP:   "operation not supported",
	ETIMEDOUT:    "connection timed out",
	ESTALE:       "stale file handle",
	EDQUOT:       "disk quota exceeded",
}

func (e Errno) Error() string {
	if s, ok := errnoTexts[e]; ok {
		return s
	}
	return fmt.Sprintf("errno %d", uint32(e))
}

// Is makes errors.Is know fs.ErrNotExist, fs.ErrExist and fs.ErrPermission.
func (e Errno) Is(target error) bool {
	switch target {
	case fs.ErrNotExist:
		return e == ENOENT
	case fs.ErrExist:
		return e == EEXIST || e == ENOTEMPTY
	case fs.ErrPermission:
		return e == EACCES || e == EPERM
	}
	return false
}

// errnoWords finds a number for what a 9P2000 server says, by a part of the text in lower case.
// The first that fits counts, so the narrower stand before the wider.
var errnoWords = []struct {
	part  string
	errno Errno
}{
	{"not a directory", ENOTDIR},
	{"non-directory", ENOTDIR},
	{"create prohibited", EACCES},
	{"directory not empty", ENOTEMPTY},
	{"not empty", ENOTEMPTY},
	{"is a directory", EISDIR},
	{"no such file", ENOENT},
	{"does not exist", ENOENT},
	{"not exist", ENOENT},
	{"not found", ENOENT},
	{"file already exists", EEXIST},
	{"already exists", EEXIST},
	{"file exists", EEXIST},
	{"file in use", EBUSY},
	{"exclusive use", EAGAIN},
	{"exclusive lock", EAGAIN},
	{"file is locked", EAGAIN},
	{"device or resource busy", EBUSY},
	{"permission denied", EACCES},
	{"read-only file system", EROFS},
	{"read only", EROFS},
	{"not permitted", EPERM},
	{"unknown fid", EBADF},
	{"fid unknown", EBADF},
	{"duplicate fid", EBADF},
	{"fid already in use", EBADF},
	{"bad fid", EBADF},
	{"bad use of fid", EBADF},
	{"bad file number", EBADF},
	{"stale", ESTALE},
	{"possibly not completed", EIO},
	{"i/o error", EIO},
	{"io error", EIO},
	{"file name too long", ENAMETOOLONG},
	{"name too long", ENAMETOOLONG},
	{"bad character in file name", EINVAL},
	{"bad offset", EINVAL},
	{"bad argument", EINVAL},
	{"invalid argument", EINVAL},
	{"illegal mode", EINVAL},
	{"illegal name", EINVAL},
	{"cross-device", EXDEV},
	{"too many open files in system", ENFILE},
	{"too many open files", EMFILE},
	{"too many links", EMLINK},
	{"too many levels", ELOOP},
	{"too many", EMFILE},
	{"no free", EMFILE},
	{"no space left", ENOSPC},
	{"file system full", ENOSPC},
	{"file system is full", ENOSPC},
	{"out of memory", ENOMEM},
	{"temporarily unavailable", EAGAIN},
	{"interrupted", EINTR},
	{"not supported", EOPNOTSUPP},
	{"not implemented", ENOSYS},
	{"authentication", EACCES},
	{"wstat prohibited", EPERM},
	{"would block", EAGAIN},
	{"timed out", ETIMEDOUT},
}

// ErrnoOf returns the number that fits an ename, and EIO where none does.
// 9P2000 has texts only, and servers do not agree on them.
func ErrnoOf(ename string) Errno {
	ename = strings.ToLower(ename)
	for _, w := range errnoWords {
		if strings.Contains(ename, w.part) {
			return w.errno
		}
	}
	for errno, text := range errnoTexts {
		if ename == text {
			return errno
		}
	}
	return EIO
}

// An Error is a server's refusal: the line is well, the answer is no.
// Errno is 0 where the server sent none; Ename is empty in .L.
type Error struct {
	Ename string
	Errno Errno
}

func (e *Error) Error() string {
	if e.Ename == "" {
		return e.Errno.Error()
	}
	return e.Ename
}

// Number returns the error's number, found from the text where the server sent none.
func (e *Error) Number() Errno {
	if e.Errno != 0 {
		return e.Errno
	}
	return ErrnoOf(e.Ename)
}

// Unwrap gives errors.Is and errors.As the [Errno].
func (e *Error) Unwrap() error { return e.Number() }

// ErrorOf returns the refusal that m is, and nil where m is another message.
func ErrorOf(m Msg) *Error {
	switch m := m.(type) {
	case *Rerror:
		return &Error{Ename: m.Ename, Errno: m.Errno}
	case *Rlerror:
		return &Error{Errno: m.Ecode}
	}
	return nil
}

// MaxEname is the longest text of an Rerror that Linux takes in every case, in bytes.
const MaxEname = 120

// ErrorMsg returns the reply of dialect d that refuses with e.
// In 9P2000 the number is not sent.
func ErrorMsg(d Dialect, e *Error) Msg {
	if d == L {
		return &Rlerror{Ecode: e.Number()}
	}
	return &Rerror{Ename: cut(e.Error(), MaxEname), Errno: e.Number()}
}

// cut returns s without what is behind its first max bytes, and without a part of a character at the end.
func cut(s string, max int) string {
	if len(s) <= max {
		return s
	}
	for max > 0 && !utf8.RuneStart(s[max]) {
		max--
	}
	return s[:max]
}
