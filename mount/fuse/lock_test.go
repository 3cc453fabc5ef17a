package fuse

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/styxkit/styxkit/lib9p"
)

// A test that needs other processes runs itself in them; the variable says which part such a one plays. So does one that maps
// a file: a page fault holds a thread that the runtime may need for the answer.
const playVariable = "MOUNT_FUSE_PLAY"

// parts are the functions that these processes run. Each returns an exit status.
var parts = map[string]func(args []string) int{
	"lock": lockPart,
	"map":  mapPart,
	"wait": waitPart,
}

// An actor is a process that plays a part.
type actor struct {
	*exec.Cmd
	in  io.WriteCloser
	out *bufio.Reader
}

// play starts an actor. No file of a mount may be open then: between fork and exec the runtime stands still, and a
// file that is closed there asks a question.
func play(t *testing.T, part string, args ...string) *actor {
	t.Helper()
	a := &actor{Cmd: exec.Command("/proc/self/exe", args...)}
	a.Env = append(os.Environ(), playVariable+"="+part)
	a.Stderr = os.Stderr
	a.in = got(a.StdinPipe())(t)
	a.out = bufio.NewReader(got(a.StdoutPipe())(t))
	must(t, a.Start())
	t.Cleanup(func() {
		a.in.Close()
		a.Process.Kill()
		a.Wait()
	})
	return a
}

// tell writes a line to the actor.
func (a *actor) tell(t *testing.T, line string) {
	t.Helper()
	got(io.WriteString(a.in, line+"\n"))(t)
}

// hears waits for a line of the actor's.
func (a *actor) hears(t *testing.T, want string) {
	t.Helper()
	line, err := a.out.ReadString('\n')
	if strings.TrimSpace(line) != want || err != nil {
		t.Fatalf("the process says %q, %v, not %q", line, err, want)
	}
}

// whole is the lock of a whole file.
func whole(kind int16) *unix.Flock_t { return &unix.Flock_t{Type: kind} }

// lockPart locks a file when it is told to, says so, and holds the lock until its input ends. Told "close" it
// closes another descriptor of the file and stays.
func lockPart(args []string) int {
	in := bufio.NewReader(os.Stdin)
	in.ReadString('\n')
	f, err := os.OpenFile(args[0], os.O_RDWR, 0)
	if err == nil && args[1] == "flock" {
		err = unix.Flock(int(f.Fd()), unix.LOCK_EX)
	} else if err == nil {
		err = unix.FcntlFlock(f.Fd(), unix.F_SETLKW, whole(unix.F_WRLCK))
	}
	if err != nil {
		fmt.Println(err)
		return 1
	}
	fmt.Println("locked")
	if line, _ := in.ReadString('\n'); line == "close\n" {
		g, err := os.Open(args[0])
		if err == nil {
			err = g.Close()
		}
		fmt.Println("closed", err)
		io.Copy(io.Discard, in)
	}
	return 0
}

func TestLock(t *testing.T) {
	r := mountHost(t, lib9p.L)
	must(t, os.WriteFile(r.path("f"), make([]byte, 100), 0o600))
	other, waiter := play(t, "lock", r.path("f"), "fcntl"), play(t, "lock", r.path("f"), "fcntl")
	f := open(t, r.path("f"), os.O_RDWR, 0)
	try := func() error { return unix.FcntlFlock(f.Fd(), unix.F_SETLK, whole(unix.F_WRLCK)) }
	other.tell(t, "lock")
	other.hears(t, "locked")
	if err := try(); !errors.Is(err, unix.EAGAIN) {
		t.Errorf("a lock that another has: %v", err)
	}
	who := whole(unix.F_WRLCK)
	must(t, unix.FcntlFlock(f.Fd(), unix.F_GETLK, who))
	if who.Type != unix.F_WRLCK || who.Pid != int32(other.Process.Pid) || who.Len != 0 {
		t.Errorf("the lock in the way is %+v, not of %d", who, other.Process.Pid)
	}
	// By the rules a process loses its locks on a file when it closes any descriptor of it.
	other.tell(t, "close")
	other.hears(t, "closed <nil>")
	must(t, try())

	// Who waits gets the lock when it is free.
	waiter.tell(t, "lock")
	must(t, unix.FcntlFlock(f.Fd(), unix.F_SETLK, whole(unix.F_UNLCK)))
	waiter.hears(t, "locked")
	// With the process its locks go.
	must(t, waiter.Process.Kill())
	waiter.Wait()
	must(t, unix.FcntlFlock(f.Fd(), unix.F_SETLKW, whole(unix.F_WRLCK)))
}

func TestLockRanges(t *testing.T) {
	r := mountHost(t, lib9p.L)
	must(t, os.WriteFile(r.path("f"), make([]byte, 100), 0o600))
	a := open(t, r.path("f"), os.O_RDWR, 0)
	b := open(t, r.path("f"), os.O_RDWR, 0)
	// Locks of open files, not of the process.
	lock := func(f *os.File, kind int16, start, length int64) error {
		return unix.FcntlFlock(f.Fd(), unix.F_OFD_SETLK, &unix.Flock_t{Type: kind, Start: start, Len: length})
	}
	must(t, lock(a, unix.F_WRLCK, 10, 10))
	must(t, lock(b, unix.F_WRLCK, 20, 10))
	must(t, lock(a, unix.F_RDLCK, 50, 10))
	must(t, lock(b, unix.F_RDLCK, 55, 10))
	for _, c := range []struct{ start, length int64 }{{19, 1}, {0, 0}, {15, 3}, {59, 1}} {
		if err := lock(b, unix.F_WRLCK, c.start, c.length); !errors.Is(err, unix.EAGAIN) {
			t.Errorf("%d bytes from %d: %v", c.length, c.start, err)
		}
	}
	must(t, lock(a, unix.F_UNLCK, 15, 5))
	must(t, lock(b, unix.F_WRLCK, 15, 5))
	if err := lock(b, unix.F_WRLCK, 10, 5); !errors.Is(err, unix.EAGAIN) {
		t.Errorf("what is left of a lock: %v", err)
	}
	must(t, a.Close())
	must(t, unix.FcntlFlock(b.Fd(), unix.F_OFD_SETLKW, whole(unix.F_WRLCK)))
}

func TestFlock(t *testing.T) {
	r := mountHost(t, lib9p.L)
	must(t, os.WriteFile(r.path("f"), nil, 0o600))
	other := play(t, "lock", r.path("f"), "flock")
	other.tell(t, "lock")
	other.hears(t, "locked")
	f := open(t, r.path("f"), os.O_RDONLY, 0)
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); !errors.Is(err, unix.EAGAIN) {
		t.Errorf("a lock that another has: %v", err)
	}
	must(t, other.in.Close())
	must(t, other.Wait())
	must(t, unix.Flock(int(f.Fd()), unix.LOCK_EX))
}

// Where the dialect has no locks, programs of one machine have them among themselves.
func TestLocalLock(t *testing.T) {
	r := mountHost(t, lib9p.P2000)
	must(t, os.WriteFile(r.path("f"), nil, 0o600))
	other := play(t, "lock", r.path("f"), "fcntl")
	other.tell(t, "lock")
	other.hears(t, "locked")
	f := open(t, r.path("f"), os.O_RDWR, 0)
	if err := unix.FcntlFlock(f.Fd(), unix.F_SETLK, whole(unix.F_WRLCK)); !errors.Is(err, unix.EAGAIN) {
		t.Errorf("a lock that another has: %v", err)
	}
}
