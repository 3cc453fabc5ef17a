package hostfs

import (
	"context"
	"errors"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"github.com/styxkit/styxkit/lib9p"
	"github.com/styxkit/styxkit/lib9p/srv"
)

// A handle is what is common to open files.
type handle struct {
	n      *node // one reference
	fd     int
	writes bool
}

func (h *handle) Close() error {
	err := unix.Close(h.fd)
	h.n.unref()
	return sysError(err)
}

// Stat returns the attributes of the open file, which may have no name any more.
func (h *handle) Stat(context.Context) (srv.Attr, error) {
	st, err := statFd(h.fd)
	if err != nil {
		return srv.Attr{}, err
	}
	return h.n.attr(st), nil
}

// SetAttr changes the attributes of the open file.
func (h *handle) SetAttr(_ context.Context, c srv.Change) error {
	truncate := truncatePath
	if h.writes {
		truncate = unix.Ftruncate
	}
	return h.n.t.setAttr(h.fd, c, truncate)
}

// Sync brings the file to stable storage.
func (h *handle) Sync(_ context.Context, datasync bool) error {
	sync := unix.Fsync
	if datasync {
		sync = unix.Fdatasync
	}
	err := retry(func() error { return sync(h.fd) })
	if err == unix.EINVAL || err == unix.EROFS {
		return nil // not a file that could be: a pipe, a terminal
	}
	return sysError(err)
}

// A fileHandle is an open regular file or block device.
type fileHandle struct{ handle }

func (h *fileHandle) ReadAt(_ context.Context, p []byte, off int64) (n int, err error) {
	err = retry(func() (err error) { n, err = unix.Pread(h.fd, p, off); return err })
	return max(n, 0), sysError(err)
}

func (h *fileHandle) WriteAt(_ context.Context, p []byte, off int64) (n int, err error) {
	err = retry(func() (err error) { n, err = unix.Pwrite(h.fd, p, off); return err })
	return max(n, 0), sysError(err)
}

// A streamHandle is an open pipe, terminal or other character device. Where it
// has no offsets they are ignored, and a read waits for data until its ctx ends.
type streamHandle struct {
	handle
	f *os.File // owns fd
}

func (h *streamHandle) Close() error {
	err := h.f.Close()
	h.n.unref()
	return err
}

func (h *streamHandle) ReadAt(ctx context.Context, p []byte, off int64) (int, error) {
	if n, err := unix.Pread(h.fd, p, off); err == nil {
		return n, nil
	}
	return h.wait(ctx, h.f.SetReadDeadline, func() (int, error) { return h.f.Read(p) })
}

func (h *streamHandle) WriteAt(ctx context.Context, p []byte, off int64) (int, error) {
	if n, err := unix.Pwrite(h.fd, p, off); err == nil {
		return n, nil
	}
	return h.wait(ctx, h.f.SetWriteDeadline, func() (int, error) { return h.f.Write(p) })
}

// wait does I/O that the end of ctx interrupts. The deadline that does it hits
// others at the same handle too; they take it away and go on.
func (h *streamHandle) wait(ctx context.Context, deadline func(time.Time) error, do func() (int, error)) (int, error) {
	stop := context.AfterFunc(ctx, func() { deadline(time.Unix(1, 0)) })
	defer stop()
	for {
		n, err := do()
		switch {
		case n > 0 || err == nil:
			return n, nil
		case ctx.Err() != nil:
			return 0, ctx.Err()
		case errors.Is(err, os.ErrDeadlineExceeded):
			deadline(time.Time{})
		case errors.Is(err, unix.EAGAIN):
			return 0, lib9p.EAGAIN // a device that the runtime cannot wait for
		default:
			if e, ok := errors.AsType[unix.Errno](err); ok {
				return 0, fromErrno(e)
			}
			return 0, nil // io.EOF
		}
	}
}
