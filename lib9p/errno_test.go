package lib9p

import (
	"errors"
	"io/fs"
	"testing"
	"unicode/utf8"
)

func TestErrnoOf(t *testing.T) {
	for errno, text := range errnoTexts {
		want := errno
		if errno == EPERM { // 9P2000 has one text for both
			want = EACCES
		}
		if got := ErrnoOf(text); got != want {
			t.Errorf("%q is %d, not %d", text, got, want)
		}
	}
	// What servers say: plan9port, Plan 9, 9front, Inferno, u9fs and Linux's strerror.
	for text, want := range map[string]Errno{
		"file not found":                              ENOENT,
		"directory entry not found":                   ENOENT,
		"'/n/x' file does not exist":                  ENOENT,
		"No such file or directory":                   ENOENT,
		"no such file or directory":                   ENOENT,
		"phase error -- directory entry not found":    ENOENT,
		"permission denied":                           EACCES,
		"Permission denied":                           EACCES,
		"create/wstat -- file exists":                 EEXIST,
		"File exists":                                 EEXIST,
		"create prohibited":                           EACCES,
		"Directory not empty":                         ENOTEMPTY,
		"directory is not empty":                      ENOTEMPTY,
		"Not a directory":                             ENOTDIR,
		"walk in non-directory":                       ENOTDIR,
		"Is a directory":                              EISDIR,
		"No space left on device":                     ENOSPC,
		"file system is full":                         ENOSPC,
		"file system full":                            ENOSPC,
		"wstat prohibited":                            EPERM,
		"Operation not permitted":                     EPERM,
		"fid unknown or out of range":                 EBADF,
		"bad use of fid":                              EBADF,
		"exclusive use file already open":             EAGAIN,
		"file in use":                                 EBUSY,
		"device or resource busy":                     EBUSY,
		"Read-only file system":                       EROFS,
		"file is read only":                           EROFS,
		"interrupted":                                 EINTR,
		"operation possibly not completed":            EIO,
		"Input/output error":                          EIO,
		"something that nobody has said before":       EIO,
		"":                                            EIO,
		"Too many open files in system":               ENFILE,
		"authentication failed":                       EACCES,
		"Function not implemented":                    ENOSYS,
		"Operation not supported":                     EOPNOTSUPP,
		"Stale file handle":                           ESTALE,
		"illegal name":                                EINVAL,
		"unknown fid":                                 EBADF,
		"bad offset in directory read":                EINVAL,
		"mkdir: cross-device link":                    EXDEV,
		"mount rpc error":                             EIO,
		"i/o on hungup channel":                       EIO,
		"File name too long":                          ENAMETOOLONG,
		"Connection timed out":                        ETIMEDOUT,
		"no free fids":                                EMFILE,
		"too many fids":                               EMFILE,
		"file already open for exclusive use":         EAGAIN,
		"file is locked":                              EAGAIN,
		"Resource temporarily unavailable":            EAGAIN,
		"directory write not allowed: is a directory": EISDIR,
	} {
		if got := ErrnoOf(text); got != want {
			t.Errorf("%q is %d (%v), not %d (%v)", text, got, got, want, want)
		}
	}
}

func TestError(t *testing.T) {
	for _, tt := range []struct {
		e      Error
		text   string
		number Errno
	}{
		{Error{Ename: "file not found"}, "file not found", ENOENT},
		{Error{Ename: "nope", Errno: 13}, "nope", EACCES},
		{Error{Errno: 2}, "file does not exist", ENOENT},
		{Error{Errno: 5555}, "errno 5555", 5555},
	} {
		if tt.e.Error() != tt.text || tt.e.Number() != tt.number || !errors.Is(&tt.e, tt.number) {
			t.Errorf("%+v: %q %d", tt.e, tt.e.Error(), tt.e.Number())
		}
		for d := P2000; d <= L; d++ {
			got := ErrorOf(ErrorMsg(d, &tt.e))
			if got.Number() != tt.number || d != L && got.Error() != tt.text {
				t.Errorf("%s: %+v becomes %+v", d, tt.e, got)
			}
		}
	}
	for _, tt := range []struct {
		errno Errno
		is    error
	}{{ENOENT, fs.ErrNotExist}, {EEXIST, fs.ErrExist}, {EACCES, fs.ErrPermission}, {EPERM, fs.ErrPermission}} {
		if err := error(&Error{Errno: tt.errno}); !errors.Is(err, tt.is) || errors.Is(err, fs.ErrInvalid) {
			t.Errorf("%v is not %v", err, tt.is)
		}
	}
	if ErrorOf(&Rflush{}) != nil {
		t.Error("Rflush is an error")
	}
	long := append(make([]byte, 0, 400), "x"...)
	for len(long) < 300 {
		long = append(long, "xü"...)
	}
	if m := ErrorMsg(U, &Error{Ename: string(long)}).(*Rerror); len(m.Ename) > MaxEname || !utf8.ValidString(m.Ename) {
		t.Errorf("%d bytes, %q", len(m.Ename), m.Ename)
	}
}

func TestDialects(t *testing.T) {
	for _, tt := range []struct {
		version string
		parse   bool
		d       Dialect
		ok      bool
	}{
		{"9P2000", true, P2000, true},
		{"9P2000.u", true, U, true},
		{"9P2000.L", true, L, true},
		{"9P2000.L.Google.7", false, L, true},
		{"9P2000.u.x", false, U, true},
		{"9P2000.e", false, P2000, true},
		{"9P2000.Lx", false, P2000, true},
		{"9P2000x", false, 0, false},
		{"9P2001", false, 0, false},
		{"9P", false, 0, false},
		{"unknown", false, 0, false},
		{"", false, 0, false},
	} {
		if d, ok := ParseDialect(tt.version); ok != tt.parse || ok && d != tt.d {
			t.Errorf("ParseDialect(%q) is %v, %v", tt.version, d, ok)
		}
		if d, ok := Negotiate(tt.version); ok != tt.ok || d != tt.d {
			t.Errorf("Negotiate(%q) is %v, %v", tt.version, d, ok)
		}
	}
}
