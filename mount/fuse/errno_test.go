package fuse

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/styxkit/styxkit/lib9p"
	"github.com/styxkit/styxkit/lib9p/client"
)

// The kernel gets a number that it takes, whatever a server says.
func TestNumber(t *testing.T) {
	for _, tt := range []struct {
		err  error
		want lib9p.Errno
	}{
		{nil, 0},
		{refuse(lib9p.EACCES), lib9p.EACCES},
		{fmt.Errorf("walk: %w", errStale), lib9p.ESTALE},
		{&lib9p.Error{Ename: "file does not exist"}, lib9p.ENOENT},
		{&lib9p.Error{Ename: "what nobody has ever said"}, lib9p.EIO},
		{refuse(511), 511},
		{refuse(512), lib9p.EIO},
		{refuse(1 << 31), lib9p.EIO},
		{context.Canceled, lib9p.EINTR},
		{client.ErrClunked, lib9p.EBADF},
		{&client.ConnError{Op: "read", Err: errors.New("gone")}, lib9p.Errno(unix.ENOTCONN)},
		{errors.New("something"), lib9p.EIO},
	} {
		if got := number(tt.err); got != tt.want {
			t.Errorf("%v is %d, want %d", tt.err, got, tt.want)
		}
	}
}

func TestWireFlags(t *testing.T) {
	for flags, want := range map[uint32]uint32{
		unix.O_RDONLY: lib9p.LLARGEFILE,
		unix.O_RDWR | unix.O_CREAT | unix.O_EXCL | unix.O_CLOEXEC: lib9p.LLARGEFILE | lib9p.LRDWR,
		unix.O_WRONLY | unix.O_APPEND | unix.O_TRUNC:              lib9p.LLARGEFILE | lib9p.LWRONLY | lib9p.LAPPEND | lib9p.LTRUNC,
		unix.O_RDWR | unix.O_DSYNC | unix.O_DIRECT:                lib9p.LLARGEFILE | lib9p.LRDWR | lib9p.LDSYNC,
		unix.O_WRONLY | unix.O_SYNC:                               lib9p.LLARGEFILE | lib9p.LWRONLY | lib9p.LSYNC | lib9p.LDSYNC,
		unix.O_DIRECTORY:                                          lib9p.LLARGEFILE | lib9p.LDIRECTORY,
	} {
		if got := wireFlags(flags); got != want {
			t.Errorf("%#o is %#o, want %#o", flags, got, want)
		}
	}
}
