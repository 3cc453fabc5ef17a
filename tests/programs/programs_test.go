// Package programs runs programs that people use on mounts whose server is killed every 2 seconds. None may see an
// error that it would not see on a local disk. Only where the mount is not told that nobody else makes names may it see the honest
// one: an operation of which nobody can know whether it was done.
package programs

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
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
	// Programs wait for much of the time, while their server is away.
	flag.Set("test.parallel", "4")
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
	{name: "tar", some: "1200", full: "20000"},
	{name: "rsync", some: "300", full: "5000"},
	{name: "vim", some: "15", full: "200"},
	{name: "make", some: "25", full: "200"},
	{name: "gobuild", some: "./cmd/unmount", full: "./cmd/...", long: true},
}

// Nobody else makes names on these mounts, so it is always known what was done.
func TestPrograms(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"u9fs", "diod"} {
		for _, j := range jobs {
			if j.long && kind != "u9fs" && !*full {
				continue
			}
			t.Run(kind+"/"+j.name, func(t *testing.T) {
				t.Parallel()
				tormented(t, kind, "-o", "sole").once(t, j)
			})
		}
	}
}

// As far as this mount knows somebody else may make names: a program that makes many is told now and then that nobody
// knows whether one was made. It is told the truth, and does its work when it is run again.
func TestHonest(t *testing.T) {
	t.Parallel()
	tormented(t, "diod").again(t, job{name: "tar", some: "300", full: "1500"})
}

// An estate is a mount whose server is killed all the time.
type estate struct {
	*lab.Mount
	kills *atomic.Int32
}

func tormented(t *testing.T, kind string, options ...string) *estate {
	t.Helper()
	server := lab.Kinds[kind](t, "unix", t.TempDir())
	m := lab.MountAt(t, server, append([]string{"-p", "-t", "fuse"}, options...)...)
	kills, stop := server.KillEvery(*every)
	t.Cleanup(stop)
	return &estate{m, kills}
}

// undecided returns how many requests the mount has called undecided.
func (e *estate) undecided() int { return strings.Count(e.Err(), "may or may not have been done") }

// once runs a job, which must do its work without an error.
func (e *estate) once(t *testing.T, j job) {
	p, amount, limit := j.find(t)
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	start := time.Now()
	out, err := p.Run(ctx, filepath.Join(e.Dir, j.name), t.TempDir(), amount)
	kills, undecided := e.kills.Load(), e.undecided()
	if err != nil || undecided > 0 {
		t.Fatalf("%v after %d kills, %d undecided:\n%s\nthe mount says:\n%s", err, kills, undecided, out, program.Tail(e.Err(), 3000))
	}
	t.Logf("%s %s: %v, %d kills", j.name, amount, time.Since(start).Round(time.Millisecond), kills)
}

// again runs a job until it has done its work, each time in another directory. The only error that it may have is the honest one.
func (e *estate) again(t *testing.T, j job) {
	p, amount, limit := j.find(t)
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	start, tries := time.Now(), 0
	for {
		tries++
		doubts := e.undecided()
		out, err := p.Run(ctx, filepath.Join(e.Dir, fmt.Sprint(j.name, tries)), t.TempDir(), amount)
		if err == nil {
			break
		}
		if !program.Honest(out) || e.undecided() == doubts {
			t.Fatalf("%v after %d kills:\n%s\nthe mount says:\n%s", err, e.kills.Load(), out, program.Tail(e.Err(), 3000))
		}
		t.Logf("undecided: %s", program.Tail(out, 600))
	}
	t.Logf("%s %s: %v, %d kills, %d tries, %d undecided", j.name, amount, time.Since(start).Round(time.Millisecond), e.kills.Load(), tries, e.undecided())
}

// find returns what a job runs, how much it is to do, and for how long it may take.
func (j job) find(t *testing.T) (p program.Program, amount string, limit time.Duration) {
	t.Helper()
	p = program.Find(t, j.name)
	if !p.There() {
		t.Skipf("%s is not installed", p.Tool)
	}
	if *full {
		return p, j.full, time.Hour
	}
	return p, j.some, 5 * time.Minute
}
