package hostfs

import (
	"strconv"

	"golang.org/x/sys/unix"

	"github.com/styxkit/styxkit/lib9p"
	"github.com/styxkit/styxkit/lib9p/srv"
)

// A hostLock is a descriptor through which the server as a whole has locks on a
// file. They belong to the open file, not to the process: closing another
// descriptor of the file does not lose them, and processes of the host see them.
type hostLock struct {
	fd     int
	access int
}

// HostLock opens the file once more, for writing where that is allowed, which a
// lock for writing needs.
func (h *fileHandle) HostLock() (srv.HostLock, error) {
	var err error
	for _, access := range []int{unix.O_RDWR, unix.O_RDONLY, unix.O_WRONLY} {
		var fd int
		fd, err = h.n.t.openat(h.n.t.proc, strconv.Itoa(h.fd), access|unix.O_NOCTTY|unix.O_NONBLOCK, 0)
		if err == nil {
			return &hostLock{fd, access}, nil
		}
	}
	return nil, err
}

func (l *hostLock) Close() error { return unix.Close(l.fd) }

// flock is the host's form of a lock. Where the descriptor does not allow the
// kind, which only happens to a file that the server itself may not write or not
// read, the other kind must do.
func (l *hostLock) flock(kind uint8, start, end uint64) *unix.Flock_t {
	fl := &unix.Flock_t{Type: unix.F_RDLCK, Start: int64(start), Len: int64(end - start + 1)}
	if end >= 1<<63-1 {
		fl.Len = 0
	}
	switch {
	case kind == lib9p.LockUnlock:
		fl.Type = unix.F_UNLCK
	case kind == lib9p.LockWrite && l.access != unix.O_RDONLY, l.access == unix.O_WRONLY:
		fl.Type = unix.F_WRLCK
	}
	return fl
}

func (l *hostLock) Set(kind uint8, start, end uint64) (bool, error) {
	err := retry(func() error { return unix.FcntlFlock(uintptr(l.fd), unix.F_OFD_SETLK, l.flock(kind, start, end)) })
	switch err {
	case unix.EAGAIN, unix.EACCES:
		return false, nil
	case unix.ENOSYS, unix.EOPNOTSUPP, unix.EINVAL:
		return true, nil // the file system has no locks: ours are all there are
	}
	return err == nil, sysError(err)
}

func (l *hostLock) Test(kind uint8, start, end uint64) (found srv.HostLocked, ok bool, err error) {
	fl := l.flock(kind, start, end)
	err = retry(func() error { return unix.FcntlFlock(uintptr(l.fd), unix.F_OFD_GETLK, fl) })
	if err == unix.ENOSYS || err == unix.EOPNOTSUPP || err == unix.EINVAL {
		return found, false, nil
	}
	if err != nil || fl.Type == unix.F_UNLCK {
		return found, false, sysError(err)
	}
	found = srv.HostLocked{Kind: lib9p.LockRead, Start: uint64(fl.Start), End: 1<<63 - 1}
	if fl.Type == unix.F_WRLCK {
		found.Kind = lib9p.LockWrite
	}
	if fl.Len > 0 {
		found.End = uint64(fl.Start + fl.Len - 1)
	}
	if fl.Pid > 0 {
		found.Proc = uint32(fl.Pid)
	}
	return found, true, nil
}
