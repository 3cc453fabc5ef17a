// Package programs runs programs that people use on a mount whose server is killed every 2 seconds. None may see an
// error that it would not see on a local disk, but the honest one: an operation of which nobody can know whether it was done.
package programs

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/styxkit/styxkit/tests/internal/lab"
)

var (
	full  = flag.Bool("full", false, "the whole amount of work, which takes some 20 minutes")
	every = flag.Duration("every", 2*time.Second, "how often the server is killed")
)

func TestMain(m *testing.M) {
	flag.Parse()
	os.Exit(run(m))
}

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "styxbin")
	if err == nil {
		defer os.RemoveAll(dir)
		err = lab.Build(dir, nil, []string{"mount", "u9fs"}, nil)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "programs:", err)
		return 1
	}
	return m.Run()
}

// A program is a script in testdata and how much it has to do, as its argument.
type program struct {
	name       string
	tool       string // without which it cannot run
	some, full string
	long       bool // also the little work is much, so that one server is enough for it
}

var programs = []program{
	{name: "git", tool: "git", some: "60", full: "400"},
	{name: "sqlite-journal", tool: "sqlite3", some: "200", full: "10000"},
	{name: "sqlite-wal", tool: "sqlite3", some: "200", full: "10000"},
	{name: "tar", tool: "tar", some: "1500", full: "20000"},
	{name: "rsync", tool: "rsync", some: "400", full: "5000"},
	{name: "vim", tool: "vim.tiny", some: "15", full: "200"},
	{name: "gobuild", tool: "go", some: "./cmd/unmount", full: "./cmd/...", long: true},
}

func TestPrograms(t *testing.T) {
	for _, kind := range []string{"u9fs", "diod"} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			server := lab.Kinds[kind](t, "unix", t.TempDir())
			m := lab.MountAt(t, server, "-p", "-t", "fuse")
			kills := kill(t, server)
			for _, p := range programs {
				if p.long && kind != "u9fs" && !*full {
					continue
				}
				t.Run(p.name, func(t *testing.T) { p.run(t, m, kills) })
			}
		})
	}
}

// kill kills the server again and again until the test ends, and returns the count.
func kill(t *testing.T, server *lab.Server) *atomic.Int32 {
	var kills atomic.Int32
	var killer sync.WaitGroup
	stop := make(chan struct{})
	t.Cleanup(func() {
		close(stop)
		killer.Wait()
	})
	killer.Go(func() {
		for {
			select {
			case <-stop:
				return
			case <-time.After(*every):
				server.Restart()
				kills.Add(1)
			}
		}
	})
	return &kills
}

// honest is what a program says of an operation that is undecided.
var honest = regexp.MustCompile(`(?i)input/output error|disk I/O error|E72:|E514:`)

// run runs the script in a directory on the mount. Where it fails of an undecided operation it is run once more in
// another, a few times at most.
func (p program) run(t *testing.T, m *lab.Mount, kills *atomic.Int32) {
	if _, err := exec.LookPath(p.tool); err != nil {
		t.Skipf("%s is not installed", p.tool)
	}
	script, err := filepath.Abs(filepath.Join("testdata", p.name+".sh"))
	if err != nil {
		t.Fatal(err)
	}
	amount := p.some
	if *full {
		amount = p.full
	}
	start, before := time.Now(), kills.Load()
	undecided := 0
	for try := 1; ; try++ {
		out, err := p.once(t, script, filepath.Join(m.Dir, fmt.Sprint(p.name, try)), amount)
		if err == nil {
			break
		}
		if !honest.MatchString(out) || try == 3 {
			t.Fatalf("%v after %d kills:\n%s\nthe mount says:\n%s", err, kills.Load()-before, out, tail(m.Err(), 3000))
		}
		undecided++
		t.Logf("undecided: %s", tail(out, 600))
	}
	t.Logf("%s %s: %v, %d kills, %d undecided", p.name, amount, time.Since(start).Round(time.Millisecond), kills.Load()-before, undecided)
}

// once runs the script in dir, with a local directory beside.
func (p program) once(t *testing.T, script, dir, amount string) (string, error) {
	local := t.TempDir()
	cmd := exec.Command("bash", "-euo", "pipefail", "-c", `mkdir "$1" && cd "$1" && . "$2"`, "bash", dir, script)
	cmd.Env = append(os.Environ(), "LOCAL="+local, "AMOUNT="+amount, "HOME="+local, "LC_ALL=C.UTF-8", "TREE="+tree(t))
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	limit := 5 * time.Minute
	if *full {
		limit = time.Hour
	}
	timer := time.AfterFunc(limit, func() { syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) })
	defer timer.Stop()
	err := cmd.Run()
	return tail(out.String(), 4000), err
}

// tree is the source that is there to be worked with.
func tree(t *testing.T) string {
	t.Helper()
	dir, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

func tail(s string, n int) string {
	if s = strings.TrimSpace(s); len(s) > n {
		return "..." + s[len(s)-n:]
	}
	return s
}
