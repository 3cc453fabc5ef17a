package guest

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/styxkit/styxkit/lib9p"
	"github.com/styxkit/styxkit/tests/internal/load"
)

// TestUnmountInUse: a program that uses a mount keeps it, also over a restart of the server, when it is taken out of the name space; the mount's
// process ends with it.
func TestUnmountInUse(t *testing.T) {
	v := use(t)
	c := newScene(t, v, setting{"u9fs", lib9p.L, persistent})
	var h history
	w := []*worker{{proc: v.start(t, "load", "append", c.at+"/log")}}
	c.move(&h, w)
	if said := v.must(t, "unmount "+c.at); !strings.Contains(said, "in use") {
		t.Errorf("unmount says %q", said)
	}
	c.Restart()
	c.move(&h, w)
	var r load.Report
	w[0].signal(0)
	h.add(&r, h.end(w[0]))
	if b, err := os.ReadFile(filepath.Join(c.Dir, "log")); err != nil {
		t.Error(err)
	} else if err := load.CheckLines(b, r.Ops); err != nil || len(h.faults) > 0 {
		t.Error(err, h.faults)
	}
	c.until("mount has ended", func() bool { return !c.served() })
}

// TestTerminate: a termination signal unmounts, and the process of the mount ends.
func TestTerminate(t *testing.T) {
	v := use(t)
	c := newScene(t, v, setting{"u9fs", lib9p.L, persistent})
	c.Kill()
	v.must(t, "kill "+c.pid)
	c.until("mount has ended", func() bool { return !c.served() })
	if line := c.line(); line != "" {
		t.Errorf("still mounted: %s", line)
	}
}

// TestLater: a server that is away is mounted when it is there.
func TestLater(t *testing.T) {
	v := use(t)
	c := serve(t, v, "u9fs")
	c.Kill()
	c.mount(persistent + " -o bg")
	if line := c.line(); !strings.Contains(line, "away since") || !strings.Contains(line, "not mounted yet") {
		t.Errorf("before the server is there: %q", line)
	}
	c.Start()
	c.until("it is mounted", func() bool { return strings.Contains(c.line(), " type 9p ") })
	v.must(t, "echo hello >"+c.at+"/hello && cat "+c.at+"/hello && unmount "+c.at)
	c.until("mount has ended", func() bool { return !c.served() })
}

// TestInterruptMount: a mount of a server that says nothing can be given up, by whichever thread of its process the kernel asks it.
func TestInterruptMount(t *testing.T) {
	v := use(t)
	for _, flags := range []string{persistent, plain} {
		c := serve(t, v, "u9fs")
		c.Proc().Signal(syscall.SIGSTOP)
		var mounts [8]*proc
		for i := range mounts {
			mounts[i] = v.start(t, append(strings.Fields("mount -f "+flags), c.addr(), c.at)...)
		}
		for _, p := range mounts {
			c.until("mount waits for the server", func() bool {
				s := p.wait(0)
				if s.Exited {
					t.Fatalf("mount %s of a silent server: %+v", flags, s)
				}
				return strings.Contains(s.Where, "p9_client_rpc")
			})
			p.signal(syscall.SIGTERM)
		}
		for _, p := range mounts {
			if s := p.wait(soon); !s.Exited || s.Code == 0 {
				t.Errorf("mount %s after a termination signal: %+v", flags, s)
			}
		}
	}
}
