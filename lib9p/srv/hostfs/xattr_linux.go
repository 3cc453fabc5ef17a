package hostfs

import (
	"context"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/styxkit/styxkit/lib9p"
)

// Xattrs returns the names of the extended attributes.
func (f *file) Xattrs(context.Context) (names []string, err error) {
	err = f.with(func(fd int) error {
		b, err := value(func(buf []byte) (int, error) { return unix.Listxattr(procPath(fd), buf) })
		for name := range strings.SplitSeq(string(b), "\x00") {
			if name != "" {
				names = append(names, name)
			}
		}
		return err
	})
	return names, err
}

// Xattr returns the value of one.
func (f *file) Xattr(_ context.Context, name string) (b []byte, err error) {
	err = f.with(func(fd int) error {
		b, err = value(func(buf []byte) (int, error) { return unix.Getxattr(procPath(fd), name, buf) })
		return err
	})
	return b, err
}

// value calls get with a buffer that is large enough.
func value(get func(buf []byte) (int, error)) ([]byte, error) {
	for size := 256; ; {
		buf := make([]byte, size)
		n, err := get(buf)
		if err == nil {
			return buf[:n], nil
		}
		if err != unix.ERANGE || size > 1<<20 {
			return nil, sysError(err)
		}
		size *= 4
	}
}

// SetXattr sets or, with a nil value, removes one.
func (f *file) SetXattr(_ context.Context, name string, value []byte, flags uint32) error {
	if err := f.n.t.changing(); err != nil {
		return err
	}
	return f.with(func(fd int) error {
		if value == nil {
			return sysError(unix.Removexattr(procPath(fd), name))
		}
		host := 0
		if flags&lib9p.XattrCreate != 0 {
			host |= unix.XATTR_CREATE
		}
		if flags&lib9p.XattrReplace != 0 {
			host |= unix.XATTR_REPLACE
		}
		return sysError(unix.Setxattr(procPath(fd), name, value, host))
	})
}
