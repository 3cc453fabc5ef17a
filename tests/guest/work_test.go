package guest

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/styxkit/styxkit/lib9p"
	"github.com/styxkit/styxkit/tests/internal/guest"
	"github.com/styxkit/styxkit/tests/internal/lab"
	"github.com/styxkit/styxkit/tests/internal/load"
)

//go:embed testdata/work.sh
var workScript string

// restarts is how often the server is killed under the programs.
const restarts = 4

// A worker is a program in the guest that works on the mount.
type worker struct {
	*proc
	seen int // how much it had said
	over bool
}

// A history is what programs have seen of a server that was killed again and again.
type history struct {
	ops      int64 // done with success
	honest   int64 // errors that say that nobody knows
	faults   []string
	slowest  time.Duration
	restored string // what the list of mounts says
}

// work lets programs work while the server is killed and started again, and compares what the host has in the end.
func (c *scene) work() (h history) {
	t := c.t
	t.Helper()
	sum, err := load.MakeData(filepath.Join(c.Dir, "data"), 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{"churn", "shell"} {
		if err := os.Mkdir(filepath.Join(c.Dir, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	stop := "/tmp/stop" + filepath.Base(c.at)
	churn := []string{"load", "churn", c.at + "/churn", strconv.FormatUint(*seed, 10)}
	if c.dialect != lib9p.L {
		churn = append(churn, "plain")
	}
	workers := []*worker{
		{proc: c.vm.start(t, "load", "append", c.at+"/log")},
		{proc: c.vm.start(t, "load", "read", c.at+"/data", sum)},
		{proc: c.vm.start(t, churn...)},
		{proc: c.vm.start(t, "gosh", "-c", fmt.Sprintf("dir=%s/shell stop=%s\n%s", c.at, stop, workScript))},
	}
	for range restarts {
		if c.move(&h, workers); over(workers) {
			break
		}
		c.Restart()
	}
	c.move(&h, workers)
	h.restored = c.line()
	c.vm.call(t, "touch", stop)
	var reports [3]load.Report
	for i := range reports {
		workers[i].signal(0)
		h.add(&reports[i], h.end(workers[i]))
	}
	h.addShell(h.end(workers[3]))
	h.check(c.Dir, reports[0].Ops, reports[2].Tree)
	return h
}

// move waits until every program has got on, or has ended, or has had its time.
func (c *scene) move(h *history, workers []*worker) {
	c.t.Helper()
	patience := 2 * lab.Patience
	if !c.persist() {
		patience = soon
	}
	for _, w := range workers {
		if w.over {
			continue
		}
		s := w.wait(0)
		for end := time.Now().Add(patience); !s.Exited && len(s.Output) <= w.seen; s = w.wait(10 * time.Millisecond) {
			if time.Now().After(end) {
				h.faults = append(h.faults, fmt.Sprintf("%v does not get on: it is in %q, and the mount is %q and says\n%s", w.args[:2], s.Where, c.line(), c.log()))
				w.over = true
				break
			}
		}
		w.over, w.seen = w.over || s.Exited, len(s.Output)
	}
}

// over reports whether all programs have given up.
func over(workers []*worker) bool {
	return !slices.ContainsFunc(workers, func(w *worker) bool { return !w.over })
}

// end waits for the end of a program.
func (h *history) end(w *worker) guest.Status {
	w.t.Helper()
	s := w.wait(lab.Patience)
	if !s.Exited {
		h.faults = append(h.faults, fmt.Sprintf("%v does not end: it is in %q", w.args[:2], s.Where))
	}
	return s
}

// add takes in what a program reports in its last line.
func (h *history) add(r *load.Report, s guest.Status) {
	lines := strings.Split(strings.TrimSpace(s.Output), "\n")
	if err := json.Unmarshal([]byte(lines[len(lines)-1]), r); err != nil {
		h.faults = append(h.faults, fmt.Sprintf("no report: %v: %s", err, lines[len(lines)-1]))
		return
	}
	h.ops += r.Ops
	h.honest += r.Honest
	for _, f := range r.Faults {
		h.faults = append(h.faults, r.Kind+": "+f)
	}
	h.slowest = max(h.slowest, r.Slowest)
}

// addShell takes in what the script says.
func (h *history) addShell(s guest.Status) {
	lines := strings.Split(strings.TrimSpace(s.Output), "\n")
	var passes, failures int64
	if _, err := fmt.Sscanf(lines[len(lines)-1], "passes %d failures %d", &passes, &failures); err != nil {
		h.faults = append(h.faults, fmt.Sprintf("shell: %v: %s", err, s.Output))
	}
	h.ops += passes
	for _, line := range lines[:len(lines)-1] {
		if line != "done" {
			h.faults = append(h.faults, "shell: "+line)
		}
	}
}

// check looks at what the server has in the end: no line is lost or there twice.
func (h *history) check(dir string, appended int64, tree map[string]string) {
	b, err := os.ReadFile(filepath.Join(dir, "log"))
	if err == nil {
		err = load.CheckLines(b, appended)
	}
	if err != nil {
		h.faults = append(h.faults, "appended file: "+err.Error())
	}
	if b, err = os.ReadFile(filepath.Join(dir, "shell", "lines")); err != nil {
		h.faults = append(h.faults, err.Error())
	}
	for i, line := range strings.Split(strings.TrimSpace(string(b)), "\n") {
		if line != fmt.Sprintf("line %d", i+1) {
			h.faults = append(h.faults, fmt.Sprintf("line %d of the shell's is %q", i+1, line))
			break
		}
	}
	got, err := load.Scan(filepath.Join(dir, "churn"))
	if err == nil {
		err = load.Differ(got, tree)
	}
	if err != nil {
		h.faults = append(h.faults, "churned directory: "+err.Error())
	}
}
