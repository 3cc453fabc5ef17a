// Package background lets a command go on in the background once it is ready: the process that the user
// started waits for another of the same program, says what that one has to say and ends.
package background

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"strconv"
	"sync"
	"syscall"
)

// variable tells a process that it is the one in the background, and on which descriptor it reports.
const variable = "STYX_BACKGROUND"

// ready is what is reported when there is no error.
const ready = "ready\n"

// A Report is how the process in the background tells the one that started it how things are.
type Report struct {
	mu   sync.Mutex
	pipe *os.File // nil when something has been reported
}

// Process returns the Report of a process that Start has started, and nil in any other.
func Process() *Report {
	fd, err := strconv.Atoi(os.Getenv(variable))
	os.Unsetenv(variable) // it is not for our children
	if err != nil {
		return nil
	}
	syscall.CloseOnExec(fd)
	return &Report{pipe: os.NewFile(uintptr(fd), "report")}
}

// Ready ends the wait of the process that the user has started. Nothing can be reported after it.
func (r *Report) Ready() { r.say(ready) }

// Failed reports why the command is not going to be ready, and whether anybody was there to be told.
func (r *Report) Failed(err error) bool { return r.say(err.Error()) }

// say says the first of what there is to say.
func (r *Report) say(text string) bool {
	if r == nil {
		return false
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.pipe == nil {
		return false
	}
	io.WriteString(r.pipe, text)
	r.pipe.Close()
	r.pipe = nil
	return true
}

// Start runs the program again, as the command name with args, in a session of its own and without standard input
// and output; standard error stays. It returns when that process reports: nil when it is ready,
// else its error.
func Start(name string, args []string) error {
	exe, err := os.Executable()
	if err != nil {
		return fmt.Errorf("go to the background: %w", err)
	}
	r, w, err := os.Pipe()
	if err != nil {
		return fmt.Errorf("go to the background: %w", err)
	}
	defer r.Close()
	// In a u-root busybox the executable is bb, and the name says which command is meant.
	cmd := &exec.Cmd{Path: exe, Args: append([]string{name}, args...)}
	cmd.Stderr = os.Stderr
	cmd.ExtraFiles = []*os.File{w}
	cmd.Env = append(os.Environ(), variable+"=3")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	err = cmd.Start()
	w.Close()
	if err != nil {
		return fmt.Errorf("go to the background: %w", err)
	}
	return wait(cmd, r)
}

func wait(cmd *exec.Cmd, r io.Reader) error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	defer context.AfterFunc(ctx, func() { cmd.Process.Signal(syscall.SIGTERM) })()
	report, err := io.ReadAll(r)
	switch {
	case err != nil:
		return fmt.Errorf("wait for the process in the background: %w", err)
	case string(report) == ready:
		return nil
	case len(report) > 0:
		cmd.Wait()
		return errors.New(string(report))
	}
	if err := cmd.Wait(); err != nil {
		return fmt.Errorf("the process in the background ended before it was ready: %w", err)
	}
	return errors.New("the process in the background ended before it was ready")
}
