package guest

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/styxkit/styxkit/lib9p"
	"github.com/styxkit/styxkit/tests/internal/lab"
	"github.com/styxkit/styxkit/tests/internal/load"
)

// TestRemovedWhileOpen: the kernel's client goes on with a file that was removed while it is open, also when the server is killed; then
// nothing is left of it.
func TestRemovedWhileOpen(t *testing.T) {
	t.Parallel()
	v := use(t)
	for _, s := range []setting{{"u9fs", lib9p.L, persistent}, {"diod", lib9p.L, persistent}, {"u9fs", lib9p.P2000, persistent}} {
		t.Run(s.String(), func(t *testing.T) {
			t.Parallel()
			v.enter(t)
			c := newScene(t, v, s)
			c.keep(c.Restart)
		})
	}
}

// TestNumberedAnew: programs go on when the server gives its files other qids each time that it starts: because it draws them, or because
// the tree is a copy.
func TestNumberedAnew(t *testing.T) {
	t.Parallel()
	v := use(t)
	t.Run("drawn", func(t *testing.T) {
		t.Parallel()
		v.enter(t)
		server := lab.Srv9pdWith(t, "tcp", t.TempDir(), func() []string { return []string{"-n"} })
		c := playScene(t, v, setting{"srv9pd", lib9p.P2000, persistent}, server)
		c.keep(c.Restart)
	})
	t.Run("copied", func(t *testing.T) {
		t.Parallel()
		v.enter(t)
		dir := filepath.Join(t.TempDir(), "served")
		if err := os.Mkdir(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		c := playScene(t, v, setting{"u9fs", lib9p.L, persistent}, lab.U9fs(t, "tcp", dir))
		c.keep(c.restartCopy)
	})
}

// restartCopy starts the server again with a copy of its tree in the place of it.
func (c *scene) restartCopy() {
	c.t.Helper()
	c.Kill()
	old := filepath.Join(c.t.TempDir(), "old")
	if err := os.Rename(c.Dir, old); err != nil {
		c.t.Fatal(err)
	}
	if out, err := exec.Command("cp", "-a", old, c.Dir).CombinedOutput(); err != nil {
		c.t.Fatalf("cp: %v\n%s", err, out)
	}
	c.Start()
}

// keep lets programs work over restarts of the server: one on a removed file, one on a file that it reads, one on a file that it writes.
func (c *scene) keep(restart func()) {
	t := c.t
	t.Helper()
	sum, err := load.MakeData(filepath.Join(c.Dir, "data"), 1<<16)
	if err != nil {
		t.Fatal(err)
	}
	scratch := filepath.Join(c.Dir, "scratch")
	if err := os.Mkdir(scratch, 0o755); err != nil {
		t.Fatal(err)
	}
	workers := []*worker{
		{proc: c.vm.start(t, "load", "keep", c.at+"/scratch/file")},
		{proc: c.vm.start(t, "load", "read", c.at+"/data", sum)},
		{proc: c.vm.start(t, "load", "append", c.at+"/log")},
	}
	var h history
	for range 2 {
		c.move(&h, workers)
		restart()
	}
	c.move(&h, workers)
	var reports [3]load.Report
	for i, w := range workers {
		w.signal(0)
		h.add(&reports[i], h.end(w))
	}
	b, err := os.ReadFile(filepath.Join(c.Dir, "log"))
	if err == nil {
		err = load.CheckLines(b, reports[2].Ops)
	}
	if err != nil || h.honest > 0 || len(h.faults) > 0 {
		t.Errorf("%v, %d undecided, %s\n%s", err, h.honest, strings.Join(h.faults, "\n"), c.log())
	}
	c.until("nothing is left of the removed file", func() bool {
		list, err := os.ReadDir(scratch)
		return err == nil && len(list) == 0
	})
	t.Logf("%d operations, slowest %v; %s", h.ops, h.slowest, c.line())
}
