// Package programs runs programs that people use on a mount whose server is killed every 2 seconds. None may see an
// error that it would not see on a local disk, but the honest one: an operation of which nobody can know whether it was done.
package programs

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/styxkit/styxkit/tests/internal/lab"
	"github.com/styxkit/styxkit/tests/internal/program"
)

var (
	full  = flag.Bool("full", false, "the whole amount of work, which takes some 20 minutes")
	every = flag.Duration("every", 2*time.Second, "how often the server is killed")
)

func TestMain(m *testing.M) {
	flag.Parse()
	os.Exit(lab.Main(m, nil, []string{"mount", "u9fs"}, nil))
}

// A job is a script and how much it has to do, as its argument.
type job struct {
	name       string
	some, full string
	long       bool // also the little work is much, so that one server is enough for it
}

var jobs = []job{
	{name: "git", some: "60", full: "400"},
	{name: "sqlite-journal", some: "200", full: "10000"},
	{name: "sqlite-wal", some: "200", full: "10000"},
	{name: "tar", some: "1500", full: "20000"},
	{name: "rsync", some: "400", full: "5000"},
	{name: "vim", some: "15", full: "200"},
	{name: "make", some: "25", full: "200"},
	{name: "gobuild", some: "./cmd/unmount", full: "./cmd/...", long: true},
}

func TestPrograms(t *testing.T) {
	for _, kind := range []string{"u9fs", "diod"} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			server := lab.Kinds[kind](t, "unix", t.TempDir())
			m := lab.MountAt(t, server, "-p", "-t", "fuse")
			kills, stop := server.KillEvery(*every)
			defer stop()
			for _, p := range jobs {
				if p.long && kind != "u9fs" && !*full {
					continue
				}
				t.Run(p.name, func(t *testing.T) { p.run(t, m, kills) })
			}
		})
	}
}

// run runs the script in a directory on the mount. Where it fails of an undecided operation it is run once more in
// another, a few times at most.
func (j job) run(t *testing.T, m *lab.Mount, kills *atomic.Int32) {
	p := program.Find(t, j.name)
	if !p.There() {
		t.Skipf("%s is not installed", p.Tool)
	}
	amount, limit := j.some, 5*time.Minute
	if *full {
		amount, limit = j.full, time.Hour
	}
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	start, before := time.Now(), kills.Load()
	undecided := 0
	for try := 1; ; try++ {
		out, err := p.Run(ctx, filepath.Join(m.Dir, fmt.Sprint(j.name, try)), t.TempDir(), amount)
		if err == nil {
			break
		}
		if !program.Honest(out) || try == 3 {
			t.Fatalf("%v after %d kills:\n%s\nthe mount says:\n%s", err, kills.Load()-before, out, program.Tail(m.Err(), 3000))
		}
		undecided++
		t.Logf("undecided: %s", program.Tail(out, 600))
	}
	t.Logf("%s %s: %v, %d kills, %d undecided", j.name, amount, time.Since(start).Round(time.Millisecond), kills.Load()-before, undecided)
}
