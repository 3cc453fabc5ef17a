package guest

import (
	"strings"
	"syscall"
	"testing"

	"github.com/styxkit/styxkit/lib9p"
)

// An outcome is a line of the table.
type outcome struct {
	setting
	history
	dead, silent absence
}

// TestAway: while there is no server, or one that is silent, a program can be killed and the mount taken away.
// It begins before the other, which works while this one waits.
func TestAway(t *testing.T) {
	t.Parallel()
	v := use(t)
	for _, s := range settings {
		t.Run(s.String(), func(t *testing.T) {
			t.Parallel()
			silent := v.awayWith(t, s, syscall.SIGSTOP)
			dead := v.awayWith(t, s, syscall.SIGKILL)
			record(s, func(o *outcome) { o.dead, o.silent = dead, silent })
			t.Logf("dead %+v, silent %+v", dead, silent)
			if s.persist() {
				dead.check(t, "dead")
				silent.check(t, "silent")
			} else if dead.read == "waits" || silent.killed != never {
				t.Error("a client that cannot recover can do it too")
			}
		})
	}
}

// check holds an absence to what a mount with -p promises.
func (a absence) check(t *testing.T, server string) {
	t.Helper()
	if a.read != "waits" || a.killed == never || a.unmount == never || a.unmount == inUse || !a.ended {
		t.Errorf("with a server that is %s: %+v", server, a)
	}
}

// TestRestarts: programs in the guest see nothing of it that the server on the host is killed and started again; with the plain
// client all of them fail, which shows that they can.
func TestRestarts(t *testing.T) {
	t.Parallel()
	v := use(t)
	for _, s := range settings {
		t.Run(s.String(), func(t *testing.T) {
			t.Parallel()
			v.enter(t)
			h := newScene(t, v, s).work()
			record(s, func(o *outcome) { o.history = h })
			t.Logf("%d operations, %d undecided, slowest %v; %s", h.ops, h.honest, h.slowest, h.restored)
			if !s.persist() {
				if len(h.faults) == 0 {
					t.Error("the programs saw no error with a client that cannot recover")
				}
				t.Log(strings.Join(h.faults, "\n"))
				return
			}
			for _, f := range h.faults {
				t.Error(f)
			}
			if s.dialect == lib9p.L && h.honest > 0 {
				t.Errorf("%d operations ended with EIO", h.honest)
			}
		})
	}
}
