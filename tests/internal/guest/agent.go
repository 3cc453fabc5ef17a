// Package guest is the part of the tests in a guest that runs there: an agent that starts programs for the host.
package guest

import (
	"errors"
	"fmt"
	"io"
	"net/rpc"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"
)

// An Agent starts processes in the guest. Its methods are what the host calls, by net/rpc.
type Agent struct {
	mu    sync.Mutex
	procs []*process
}

// A process writes both its outputs to one file, which it can share with what it leaves in the background.
type process struct {
	cmd   *exec.Cmd
	input io.Closer
	out   string
	state *os.ProcessState // once done
	done  chan struct{}    // closed when it has been waited for
}

// A Command is a program to start.
type Command struct {
	Args []string
	User uint32
}

// A Status is how a process is.
type Status struct {
	Exited bool
	Code   int    // of the exit, -1 for one that a signal ended
	Output string // so far
	Where  string // functions of the kernel that its threads sleep in
}

// A Call is about the process ID.
type Call struct {
	ID     int
	For    time.Duration  // how long to wait
	Signal syscall.Signal // what to send; 0 ends its standard input
}

// Serve does what the host asks for, until the host hangs up; then the machine is switched off.
func Serve() error {
	setup := [][]string{
		{"modprobe", "virtio_pci"},
		{"modprobe", "virtio_console"},
		{"modprobe", "virtio_net"},
		{"ip", "link", "set", "lo", "up"},
		{"ip", "addr", "add", "10.0.2.15/24", "dev", "eth0"},
		{"ip", "link", "set", "eth0", "up"},
	}
	for _, args := range setup {
		if out, err := exec.Command(args[0], args[1:]...).CombinedOutput(); err != nil {
			return fmt.Errorf("%v: %w\n%s", args, err, out)
		}
	}
	port, err := openPort()
	if err != nil {
		return err
	}
	s := rpc.NewServer()
	if err := s.Register(new(Agent)); err != nil {
		return err
	}
	s.ServeConn(port)
	return syscall.Reboot(syscall.LINUX_REBOOT_CMD_POWER_OFF)
}

// openPort opens the line to the host, which appears a moment after its driver.
func openPort() (*os.File, error) {
	for range 500 {
		names, err := filepath.Glob("/dev/vport*")
		if err != nil {
			return nil, err
		}
		if len(names) > 0 {
			return os.OpenFile(names[0], os.O_RDWR, 0)
		}
		time.Sleep(10 * time.Millisecond)
	}
	return nil, errors.New("there is no port to the host")
}

// Start starts a program, and sets id to the number that it has for the other calls.
func (a *Agent) Start(c Command, id *int) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	p := &process{out: fmt.Sprintf("/tmp/%d.out", len(a.procs)), done: make(chan struct{})}
	out, err := os.OpenFile(p.out, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o666)
	if err != nil {
		return err
	}
	defer out.Close()
	p.cmd = exec.Command(c.Args[0], c.Args[1:]...)
	p.cmd.Stdout, p.cmd.Stderr = out, out
	if p.input, err = p.cmd.StdinPipe(); err != nil {
		return err
	}
	if c.User != 0 {
		p.cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: c.User, Gid: c.User}}
	}
	if err := p.cmd.Start(); err != nil {
		return err
	}
	go func() {
		p.state, _ = p.cmd.Process.Wait()
		close(p.done)
	}()
	*id = len(a.procs)
	a.procs = append(a.procs, p)
	return nil
}

// Wait waits until a process has ended, for c.For at most, and tells how it is.
func (a *Agent) Wait(c Call, s *Status) error {
	p := a.process(c.ID)
	select {
	case <-p.done:
		s.Exited, s.Code = true, p.state.ExitCode()
	case <-time.After(c.For):
	}
	if !s.Exited {
		s.Where = sleeps(p.cmd.Process.Pid)
	}
	b, err := os.ReadFile(p.out)
	s.Output = string(b)
	return err
}

// sleeps returns where the threads of a process sleep.
func sleeps(pid int) string {
	files, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/wchan", pid))
	var list []string
	for _, file := range files {
		if b, err := os.ReadFile(file); err == nil { // a thread may have ended
			list = append(list, string(b))
		}
	}
	return strings.Join(list, " ")
}

// Signal sends a signal to a process, or ends its standard input.
func (a *Agent) Signal(c Call, _ *struct{}) error {
	p := a.process(c.ID)
	if c.Signal == 0 {
		return p.input.Close()
	}
	return p.cmd.Process.Signal(c.Signal)
}

func (a *Agent) process(id int) *process {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.procs[id]
}
