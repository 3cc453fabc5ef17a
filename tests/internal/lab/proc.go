package lab

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Patience is how long a test waits for what must happen soon, on a slow and busy machine.
const Patience = 30 * time.Second

// A Proc is a process that a test started. It leads a process group of its own, which is killed when the test ends.
type Proc struct {
	Name string
	Cmd  *exec.Cmd

	t        testing.TB
	out, err string        // files with what it wrote
	done     chan struct{} // closed when it has been waited for
}

// Start starts cmd. Its output goes to files, where Out and Err find it.
func Start(t testing.TB, cmd *exec.Cmd) *Proc {
	t.Helper()
	dir := t.TempDir()
	p := &Proc{
		Name: filepath.Base(cmd.Path), Cmd: cmd, t: t,
		out: filepath.Join(dir, "out"), err: filepath.Join(dir, "err"),
		done: make(chan struct{}),
	}
	out, err := os.Create(p.out)
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	errs, err := os.Create(p.err)
	if err != nil {
		t.Fatal(err)
	}
	defer errs.Close()
	cmd.Stdout, cmd.Stderr = out, errs
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = new(syscall.SysProcAttr)
	}
	cmd.SysProcAttr.Setpgid = true
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		cmd.Wait()
		close(p.done)
	}()
	t.Cleanup(p.cleanup)
	return p
}

// Pid returns the process's id.
func (p *Proc) Pid() int { return p.Cmd.Process.Pid }

// Out returns what the process has written on its standard output so far.
func (p *Proc) Out() string { return p.read(p.out) }

// Err returns what the process has written on its standard error so far.
func (p *Proc) Err() string { return p.read(p.err) }

func (p *Proc) read(name string) string {
	b, err := os.ReadFile(name)
	if err != nil {
		p.t.Errorf("read the output of %s: %v", p.Name, err)
	}
	return string(b)
}

// Signal sends sig to the process.
func (p *Proc) Signal(sig os.Signal) {
	p.t.Helper()
	if err := p.Cmd.Process.Signal(sig); err != nil {
		p.t.Fatalf("signal %s: %v", p.Name, err)
	}
}

// Kill kills the process group with SIGKILL and waits until the process is gone.
func (p *Proc) Kill() {
	p.t.Helper()
	syscall.Kill(-p.Pid(), syscall.SIGKILL)
	p.Wait(Patience)
}

// Exited reports whether the process has ended.
func (p *Proc) Exited() bool {
	select {
	case <-p.done:
		return true
	default:
		return false
	}
}

// Wait waits until the process has ended and returns how it ended; it fails the test after d.
func (p *Proc) Wait(d time.Duration) *os.ProcessState {
	p.t.Helper()
	select {
	case <-p.done:
		return p.Cmd.ProcessState
	case <-time.After(d):
		p.t.Fatalf("%s still runs after %v; it is waiting in %q", p.Name, d, Wchan(p.Pid()))
		return nil
	}
}

// signs are what a Go program writes when it dies of itself or races.
var signs = []string{"panic: ", "fatal error: ", "DATA RACE", "unexpected signal", "concurrent map"}

func (p *Proc) cleanup() {
	syscall.Kill(-p.Pid(), syscall.SIGKILL)
	select {
	case <-p.done:
	case <-time.After(Patience):
		p.t.Errorf("%s cannot be killed; it is waiting in %q", p.Name, Wchan(p.Pid()))
	}
	wrote := p.Err()
	for _, sign := range signs {
		if strings.Contains(wrote, sign) {
			p.t.Errorf("%s died or raced: %q on its standard error", p.Name, sign)
			break
		}
	}
	if p.t.Failed() {
		p.show("standard output", p.Out(), 1000)
		p.show("standard error", wrote, 8000)
	}
}

func (p *Proc) show(what, text string, most int) {
	if len(text) > most {
		text = text[:most/2] + "\n...\n" + text[len(text)-most/2:]
	}
	if text != "" {
		p.t.Logf("%s of %s (%s):\n%s", what, p.Name, strings.Join(p.Cmd.Args, " "), text)
	}
}

// Run runs a command to its end, which must come within Patience, and returns both its outputs together.
func Run(t testing.TB, name string, args ...string) (output string, err error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), Patience)
	defer cancel()
	var buf bytes.Buffer
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Stdout, cmd.Stderr = &buf, &buf
	cmd.WaitDelay = time.Second
	err = cmd.Run()
	if ctx.Err() != nil {
		t.Fatalf("%s %s still runs after %v\n%s", name, strings.Join(args, " "), Patience, buf.String())
	}
	return buf.String(), err
}
