package posix

import (
	"time"

	"golang.org/x/sys/unix"
)

var locking = []Case{RecordLocks, RecordLocksSplit, RecordLocksWait, LocksOfClosed, WholeLocks}

// set asks for a lock of an open file description, without waiting.
func set(fd int, typ int16, start, length int64) error {
	return unix.FcntlFlock(uintptr(fd), unix.F_OFD_SETLK, &unix.Flock_t{Type: typ, Start: start, Len: length})
}

// holder says what stands against a lock for writing, or F_UNLCK.
func holder(t *T, fd int, start, length int64) int16 {
	l := unix.Flock_t{Type: unix.F_WRLCK, Start: start, Len: length}
	t.ok(unix.FcntlFlock(uintptr(fd), unix.F_OFD_GETLK, &l))
	return l.Type
}

func (t *T) two(name string) (a, b int) {
	f := t.file(name, "0123456789")
	return t.open(f, unix.O_RDWR), t.open(f, unix.O_RDWR)
}

// RecordLocks excludes others from a range.
func RecordLocks(t *T) {
	a, b := t.two("f")
	if !t.can("lock", set(a, unix.F_WRLCK, 0, 5)) {
		return
	}
	t.wants(set(b, unix.F_WRLCK, 4, 2), unix.EAGAIN, unix.EACCES)
	t.wants(set(b, unix.F_RDLCK, 0, 0), unix.EAGAIN, unix.EACCES)
	if !t.can("lock ranges", set(b, unix.F_WRLCK, 5, 5)) {
		return
	}
	equal(t, "who holds it", holder(t, b, 0, 1), unix.F_WRLCK)
	t.ok(set(a, unix.F_UNLCK, 0, 0))
	t.ok(set(b, unix.F_RDLCK, 0, 5))
	t.ok(set(a, unix.F_RDLCK, 0, 5))
	equal(t, "what readers hold", holder(t, a, 0, 5), unix.F_RDLCK)
	t.wants(set(a, unix.F_WRLCK, 0, 5), unix.EAGAIN, unix.EACCES)
	t.close(a)
	t.close(b)
}

// RecordLocksSplit gives up the middle of a range.
func RecordLocksSplit(t *T) {
	a, b := t.two("f")
	if !t.can("lock", set(a, unix.F_WRLCK, 0, 100)) || !t.can("lock ranges", set(b, unix.F_WRLCK, 100, 0)) {
		return
	}
	t.ok(set(a, unix.F_UNLCK, 40, 20))
	t.ok(set(b, unix.F_WRLCK, 40, 20))
	t.wants(set(b, unix.F_WRLCK, 39, 1), unix.EAGAIN, unix.EACCES)
	t.wants(set(b, unix.F_WRLCK, 60, 1), unix.EAGAIN, unix.EACCES)
	t.close(a)
	t.free(b)
	t.close(b)
}

// RecordLocksWait waits for a lock until it is given up.
func RecordLocksWait(t *T) {
	a, b := t.two("f")
	if !t.can("lock", set(a, unix.F_WRLCK, 0, 0)) {
		return
	}
	got := make(chan error, 1)
	go func() {
		got <- unix.FcntlFlock(uintptr(b), unix.F_OFD_SETLKW, &unix.Flock_t{Type: unix.F_WRLCK})
	}()
	select {
	case err := <-got:
		t.failf("the lock that somebody holds is given away: %v", err)
	case <-time.After(100 * time.Millisecond):
	}
	t.ok(set(a, unix.F_UNLCK, 0, 0))
	select {
	case err := <-got:
		t.ok(err)
	case <-time.After(time.Minute):
		t.failf("the lock does not come")
	}
	t.close(a)
	t.close(b)
}

// LocksOfClosed are free.
func LocksOfClosed(t *T) {
	a, b := t.two("f")
	if !t.can("lock", set(a, unix.F_WRLCK, 0, 0)) {
		return
	}
	t.close(a)
	t.free(b)
	t.close(b)
}

// free takes the lock of a file that was closed, which may go a moment after the close.
func (t *T) free(fd int) {
	for end := time.Now().Add(time.Minute); set(fd, unix.F_WRLCK, 0, 0) != nil; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.failf("the lock of a closed file stays")
		}
	}
}

// WholeLocks is flock.
func WholeLocks(t *T) {
	a, b := t.two("f")
	if !t.can("lock", unix.Flock(a, unix.LOCK_EX|unix.LOCK_NB)) {
		return
	}
	t.wants(unix.Flock(b, unix.LOCK_EX|unix.LOCK_NB), unix.EWOULDBLOCK)
	t.wants(unix.Flock(b, unix.LOCK_SH|unix.LOCK_NB), unix.EWOULDBLOCK)
	t.ok(unix.Flock(a, unix.LOCK_UN))
	t.ok(unix.Flock(b, unix.LOCK_SH|unix.LOCK_NB))
	t.ok(unix.Flock(a, unix.LOCK_SH|unix.LOCK_NB))
	t.close(a)
	t.close(b)
}
