package source

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"sync"
	"syscall"
	"time"
)

// patience is how long a command that was hung up on has for its own end.
const patience = 2 * time.Second

// A command is a connection to a command's standard input and output, which are one socket.
type command struct {
	*net.UnixConn
	source *Source
	cmd    *exec.Cmd
	dead   chan struct{} // closed when the command has ended
	once   sync.Once
}

// run starts a command of the shell's in a process group of its own, so that what is typed at the
// terminal to end something else does not end it.
func (s *Source) run() (*command, error) {
	ours, theirs, err := Pair()
	if err != nil {
		return nil, fmt.Errorf("run %s: %w", s, err)
	}
	defer theirs.Close()
	cmd := exec.Command("/bin/sh", "-c", s.command)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = theirs, theirs, s.stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		ours.Close()
		return nil, fmt.Errorf("run %s: %w", s, err)
	}
	c := &command{UnixConn: ours, source: s, cmd: cmd, dead: make(chan struct{})}
	go func() {
		cmd.Wait()
		close(c.dead)
	}()
	return c, nil
}

// Close hangs up and ends the command, and all of its group, unless it ends by itself.
func (c *command) Close() error {
	err := c.UnixConn.Close()
	c.once.Do(func() { c.source.running.Go(c.end) })
	return err
}

func (c *command) end() {
	for _, sig := range []syscall.Signal{0, syscall.SIGTERM, syscall.SIGKILL} {
		if sig != 0 {
			syscall.Kill(-c.cmd.Process.Pid, sig)
		}
		select {
		case <-c.dead:
			return
		case <-time.After(patience):
		}
	}
}

// Pair returns the two ends of a connection: one to use and one to hand over to another process.
func Pair() (*net.UnixConn, *os.File, error) {
	fds, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, nil, os.NewSyscallError("socketpair", err)
	}
	f := os.NewFile(uintptr(fds[0]), "socketpair")
	defer f.Close()
	theirs := os.NewFile(uintptr(fds[1]), "socketpair")
	conn, err := net.FileConn(f)
	if err != nil {
		theirs.Close()
		return nil, nil, err
	}
	return conn.(*net.UnixConn), theirs, nil
}
