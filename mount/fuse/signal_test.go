package fuse

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"sync"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/styxkit/styxkit/lib9p"
	"github.com/styxkit/styxkit/lib9p/srv/hostfs"
)

// A stall is a connection on which nothing arrives while it is closed.
type stall struct {
	net.Conn
	mu   sync.Mutex
	open *sync.Cond
	shut bool
}

func (s *stall) Read(p []byte) (int, error) {
	n, err := s.Conn.Read(p)
	s.mu.Lock()
	defer s.mu.Unlock()
	for s.shut && err == nil {
		s.open.Wait()
	}
	return n, err
}

func (s *stall) set(shut bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.shut = shut
	s.open.Broadcast()
}

// verdicts are what was decided about interrupted calls, in order.
type verdicts struct {
	mu   sync.Mutex
	more *sync.Cond
	list []bool
}

func (v *verdicts) add(end bool) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.list = append(v.list, end)
	v.more.Broadcast()
	return end
}

// first waits for the first verdict.
func (v *verdicts) first() bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	for len(v.list) == 0 {
		v.more.Wait()
	}
	return v.list[0]
}

// mountStalled returns a mount whose server says nothing any more.
func mountStalled(t *testing.T) (*rig, *stall, *verdicts) {
	t.Helper()
	host := t.TempDir()
	must(t, os.WriteFile(host+"/f", []byte("data"), 0o600))
	tree := got(hostfs.New(host, hostfs.Options{}))(t)
	s, v := new(stall), new(verdicts)
	s.open, v.more = sync.NewCond(&s.mu), sync.NewCond(&v.mu)
	r := mountTree(t, lib9p.L, tree, host, func(c net.Conn) net.Conn {
		s.Conn = c
		return s
	})
	// Whatever happens, the mount can end.
	t.Cleanup(func() { s.set(false) })
	c := r.b.calls
	c.mu.Lock()
	c.ends = func(thread uint32, any bool) bool { return v.add(endsCall(thread, any)) }
	c.mu.Unlock()
	s.set(true)
	return r, s, v
}

// waitPart asks for a file's attributes and says what comes of it. It handles some signals.
func waitPart(args []string) int {
	signal.Notify(make(chan os.Signal, 10), unix.SIGUSR1, unix.SIGINT)
	fmt.Println("ready")
	var st unix.Stat_t
	fmt.Println(unix.Stat(args[0], &st))
	return 0
}

// signal sends a signal to the thread that waits, and to no other that might take it.
func (a *actor) signal(t *testing.T, sig syscall.Signal) {
	t.Helper()
	must(t, unix.Tgkill(a.Process.Pid, a.Process.Pid, sig))
}

// asking waits until the kernel's question is there.
func (r *rig) asking() {
	c := r.b.calls
	for {
		c.mu.Lock()
		asked := c.head.next != &c.head
		c.mu.Unlock()
		if asked {
			return
		}
		runtime.Gosched()
	}
}

// A signal that a program handles interrupts its reading no more than it would with a local disk.
func TestHarmlessSignal(t *testing.T) {
	r, s, v := mountStalled(t)
	p := play(t, "wait", r.path("f"))
	p.hears(t, "ready")
	r.asking()
	p.signal(t, unix.SIGUSR1)
	if v.first() {
		t.Error("a handled SIGUSR1 ends the call")
	}
	s.set(false)
	p.hears(t, "<nil>")
}

// A program that handles SIGINT gets its way with it.
func TestHandledInterrupt(t *testing.T) {
	r, _, v := mountStalled(t)
	p := play(t, "wait", r.path("f"))
	p.hears(t, "ready")
	r.asking()
	p.signal(t, unix.SIGINT)
	p.hears(t, unix.EINTR.Error())
	if !v.first() {
		t.Error("the call was first let wait")
	}
}

// A signal that kills does so at once.
func TestKill(t *testing.T) {
	for _, sig := range []syscall.Signal{unix.SIGINT, unix.SIGALRM, unix.SIGKILL} {
		t.Run(unix.SignalName(sig), func(t *testing.T) {
			r, _, v := mountStalled(t)
			cmd := exec.Command("cat", r.path("f"))
			must(t, cmd.Start())
			r.asking()
			must(t, cmd.Process.Signal(sig))
			err := cmd.Wait()
			if exit, ok := errors.AsType[*exec.ExitError](err); !ok || exit.Sys().(syscall.WaitStatus).Signal() != sig {
				t.Errorf("cat ends with %v", err)
			}
			if !v.first() {
				t.Error("the call was first let wait")
			}
		})
	}
}

// When the kernel has dropped the file system nobody waits for answers, and no question is left.
func TestForcedUnmount(t *testing.T) {
	asRoot(t, "forces an unmount")
	r, _, _ := mountStalled(t)
	cmd := exec.Command("cat", r.path("f"))
	must(t, cmd.Start())
	r.asking()
	must(t, unix.Unmount(r.at, unix.MNT_FORCE|unix.MNT_DETACH))
	if err := cmd.Wait(); err == nil {
		t.Error("cat succeeds without an answer")
	}
	r.Wait()
}
