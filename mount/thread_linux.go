package mount

import (
	"runtime"

	"golang.org/x/sys/unix"
)

// apart runs f, in which the kernel may wait for a server, on a thread that takes no signals. Linux gives a signal that is sent to
// a process to one of its threads, the first if that may have it. When that is the one that waits, and wakes up for SIGKILL alone, no other
// thread is told, and the process knows nothing of what could end the wait.
func apart(f func() error) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var all, old unix.Sigset_t
	for i := range all.Val {
		all.Val[i] = ^all.Val[i]
	}
	if err := unix.PthreadSigmask(unix.SIG_SETMASK, &all, &old); err != nil {
		return err
	}
	defer unix.PthreadSigmask(unix.SIG_SETMASK, &old, nil)
	return f()
}
