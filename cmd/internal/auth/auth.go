// Package auth has a command of the shell's speak on a 9P authentication file, which is its standard input and output.
package auth

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/styxkit/styxkit/lib9p"
)

// A Command is such a command.
type Command string

// Parse takes a command as users write it, {command}.
func Parse(text string) (Command, error) {
	command, ok := strings.CutPrefix(text, "{")
	if ok {
		command, ok = strings.CutSuffix(command, "}")
	}
	if command = strings.TrimSpace(command); !ok || command == "" {
		return "", errors.New("a command stands between { and }: {munge -n}")
	}
	return Command(command), nil
}

func (c Command) String() string { return "{" + string(c) + "}" }

// pensive is how long a command may say nothing until it seems to wait for the server. Before that nothing is read from the
// server: there are some that take a proof, say nothing, and complain of who asks them.
const pensive = 100 * time.Millisecond

// Prove runs the command for the user and the tree of t, which are in its environment as uname, aname and n_uname. It is the Auth
// of a styxpersist.Config: an error in which there is a *lib9p.Error says that the server has refused what the command said.
func (c Command) Prove(ctx context.Context, afid io.ReadWriter, t *lib9p.Tauth) error {
	running, end := context.WithCancel(ctx)
	defer end()
	cmd := exec.CommandContext(running, "/bin/sh", "-c", string(c))
	cmd.Env = environment(t)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	said := new(tail)
	cmd.Stderr = said
	cmd.WaitDelay = time.Second // for what the command has left behind, and has its standard error
	in, err := cmd.StdinPipe()
	if err != nil {
		return c.failed(err, said)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return c.failed(err, said)
	}
	if err := cmd.Start(); err != nil {
		return c.failed(err, said)
	}
	q := &quiet{Writer: afid, timer: time.NewTimer(pensive)}
	var refused refusal
	go func() { // it ends when the session cancels the read, which it does when Prove has returned
		defer in.Close()
		if q.wait(running) {
			_, err := io.Copy(in, afid)
			refused.take(err)
		}
	}()
	_, err = io.Copy(q, out)
	if err != nil {
		end() // nobody will take what else it says
	}
	if e := cmd.Wait(); err == nil {
		err = e
	}
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		err = ctx.Err()
	case refused.err() != nil:
		err = refused.err()
	}
	return c.failed(err, said)
}

func (c Command) failed(err error, said *tail) error {
	if line := said.lastLine(); line != "" {
		return fmt.Errorf("%v: %w: %s", c, err, line)
	}
	return fmt.Errorf("%v: %w", c, err)
}

// environment is ours and what t says. A user without a number has an empty n_uname.
func environment(t *lib9p.Tauth) []string {
	number := ""
	if t.Nuname != lib9p.NoUid {
		number = strconv.FormatUint(uint64(t.Nuname), 10)
	}
	return append(os.Environ(), "uname="+t.Uname, "aname="+t.Aname, "n_uname="+number)
}

// A quiet is where what the command says goes. Timer runs from when it said something last.
type quiet struct {
	io.Writer
	timer *time.Timer
}

func (q *quiet) Write(b []byte) (int, error) {
	n, err := q.Writer.Write(b)
	q.timer.Reset(pensive)
	return n, err
}

// wait waits until nothing has been said for a while. It returns false where ctx ended before that.
func (q *quiet) wait(ctx context.Context) bool {
	select {
	case <-q.timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// A refusal is what the server said to a read where that is a no, and not that there is nothing to be read.
type refusal struct {
	mu  sync.Mutex
	why error
}

func (r *refusal) take(err error) {
	if e, ok := errors.AsType[*lib9p.Error](err); ok && (e.Number() == lib9p.EPERM || e.Number() == lib9p.EACCES) {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.why = err
	}
}

func (r *refusal) err() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.why
}

// A tail keeps the end of what is written to it.
type tail struct {
	mu  sync.Mutex
	end []byte
}

// maxTail is as much of it as an error can be told with.
const maxTail = 1024

func (t *tail) Write(b []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.end = append(t.end, b...)
	t.end = t.end[max(0, len(t.end)-maxTail):]
	return len(b), nil
}

// lastLine returns the last line that is not empty.
func (t *tail) lastLine() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	all := bytes.TrimSpace(t.end)
	return string(bytes.TrimSpace(all[bytes.LastIndexByte(all, '\n')+1:]))
}
