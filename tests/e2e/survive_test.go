package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/styxkit/styxkit/tests/internal/lab"
	"github.com/styxkit/styxkit/tests/internal/load"
)

// Three programs work on a mount while its server is killed and started again, twenty times.
// They see nothing of it but the honest error of an interrupted create, rename or remove.
func TestSurvive(t *testing.T) {
	for _, c := range []struct {
		server, network string
		plain           bool // speaks 9P2000
	}{
		{"u9fs", "tcp", false},
		{"diod", "unix", false},
		{"srv9pd", "tcp", true},
	} {
		t.Run(c.server, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			sum, err := load.MakeData(filepath.Join(dir, "data"), 64<<20)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.Mkdir(filepath.Join(dir, "churn"), 0o755); err != nil {
				t.Fatal(err)
			}
			s := lab.Kinds[c.server](t, c.network, dir)
			m := lab.MountAt(t, s, "-p")
			survive(t, s, m, sum, c.plain)
		})
	}
}

func survive(t *testing.T, s *lab.Server, m *lab.Mount, sum string, plain bool) {
	churn := []string{"churn", filepath.Join(m.Dir, "churn"), strconv.FormatUint(*seed, 10)}
	if plain {
		churn = append(churn, "plain")
	}
	workers := []*worker{
		work(t, "append", filepath.Join(m.Dir, "log")),
		work(t, "read", filepath.Join(m.Dir, "data"), sum),
		work(t, churn...),
	}
	for _, w := range workers {
		w.moves()
	}
	crash(t, s, 20, workers...)
	for _, w := range workers {
		w.moves()
	}
	appended, read, churned := workers[0].finish(), workers[1].finish(), workers[2].finish()

	if took := lab.BytesRead(t, m.Pid()); took < read.Bytes {
		t.Errorf("the reader read %d bytes and the mount took only %d: the rest came from a cache", read.Bytes, took)
	}
	lines, err := os.ReadFile(filepath.Join(s.Dir, "log"))
	if err == nil {
		err = load.CheckLines(lines, appended.Ops)
	}
	if err != nil {
		t.Errorf("appended file: %v", err)
	}
	tree, err := load.Scan(filepath.Join(s.Dir, "churn"))
	if err == nil {
		err = load.Differ(tree, churned.Tree)
	}
	if err != nil {
		t.Errorf("churned directory: %v", err)
	}
}

// A {command} that dies is run again.
func TestSurviveCommand(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := &lab.Server{Addr: fmt.Sprintf("{%s %s}", lab.Bin("u9fs"), dir), Dir: dir}
	m := lab.MountAt(t, s, "-p")
	w := work(t, "append", filepath.Join(m.Dir, "log"))
	for range 3 {
		w.moves()
		killChildren(t, m.Pid())
	}
	w.moves()
	n := w.finish().Ops
	b, err := os.ReadFile(filepath.Join(dir, "log"))
	if err == nil {
		err = load.CheckLines(b, n)
	}
	if err != nil {
		t.Error(err)
	}
}

// killChildren kills the processes that pid has started, and what those have, and waits until they are gone.
func killChildren(t *testing.T, pid int) {
	t.Helper()
	var tree []string
	lab.Until(t, lab.Patience, "the mount runs its command", func() bool {
		tree = lab.Descendants(pid)
		return len(tree) > 0
	})
	if out, err := exec.Command("kill", append([]string{"-9"}, tree...)...).CombinedOutput(); err != nil {
		t.Fatalf("kill %s: %v\n%s", strings.Join(tree, " "), err, out)
	}
	lab.Until(t, lab.Patience, "the command is gone", func() bool {
		now := strings.Join(lab.Descendants(pid), " ") + " "
		for _, p := range tree {
			if strings.Contains(now, p+" ") {
				return false
			}
		}
		return true
	})
}
