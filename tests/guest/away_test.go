package guest

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/styxkit/styxkit/tests/internal/guest"
	"github.com/styxkit/styxkit/tests/internal/lab"
)

const (
	soon     = 10 * time.Second // for what needs no server
	silence  = 80 * time.Second // after which a connection on which nothing is heard has been given up
	never    = "never"
	inUse    = "in use"
	unserved = "-"
)

// An absence is what a user sees while the server is away.
type absence struct {
	read    string // of a file: waits, or an error
	killed  string // by SIGKILL: after how long
	unmount string // after how long, or what it says
	ended   bool   // the process of mount has
}

// awayWith takes the server away, and looks at what a program and the user can do then.
func (v *vm) awayWith(t *testing.T, s setting, sig syscall.Signal) (a absence) {
	t.Helper()
	v.stage <- struct{}{}
	leave := sync.OnceFunc(func() { <-v.stage })
	defer leave()
	c := newScene(t, v, s)
	file := filepath.Join(c.Dir, "file")
	if err := os.WriteFile(file, []byte("hello\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	c.vm.call(t, "cat", c.at+"/file")
	patience := soon
	if sig == syscall.SIGKILL {
		c.Kill()
		// What the host has seen the guest need not have.
		if c.persist() {
			c.until("the mount knows that its server is away", func() bool { return strings.Contains(c.line(), "away since") })
		}
	} else {
		patience = silence
		c.Proc().Signal(sig)
		defer c.Proc().Signal(syscall.SIGCONT)
	}
	p := c.vm.start(t, "cat", c.at+"/file")
	if s := p.stuck(); s.Exited {
		a.read, a.killed = reason(s.Output), unserved
	} else {
		a.read = "waits"
		p.signal(syscall.SIGKILL)
		leave() // it may take its time
		s, d := took(p, patience)
		a.killed = after(s.Exited, d)
	}
	if !c.persist() {
		patience = soon // enough has been waited for
	}
	u, d := took(c.vm.start(t, "unmount", c.at), patience)
	a.unmount = after(u.Exited, d)
	if u.Exited && u.Output != "" {
		a.unmount = inUse
		if u.Code != 0 {
			a.unmount = reason(u.Output)
		}
	}
	if u.Exited && c.persist() {
		end := time.Now().Add(soon)
		for !a.ended && time.Now().Before(end) {
			a.ended = !c.served()
		}
	}
	return a
}

// stuck waits until the process has waited for the mount for a second, or has ended.
func (p *proc) stuck() guest.Status {
	p.t.Helper()
	var waits int
	for end := time.Now().Add(lab.Patience); ; {
		s := p.wait(100 * time.Millisecond)
		waits++
		if !strings.Contains(s.Where, "p9_") && !strings.Contains(s.Where, "request_wait_answer") {
			waits = 0
		}
		switch {
		case s.Exited || waits == 10:
			return s
		case time.Now().After(end):
			p.t.Fatalf("%v does not come to wait for the mount: it is in %q", p.args, s.Where)
		}
	}
}

func after(done bool, d time.Duration) string {
	if !done {
		return never
	}
	return fmt.Sprintf("%.1fs", d.Seconds())
}

// reason is the last part of an error.
func reason(output string) string {
	s := strings.TrimSpace(output)
	if s == "" {
		return "ok"
	}
	return strings.TrimSpace(s[strings.LastIndex(s, ": ")+1:])
}
