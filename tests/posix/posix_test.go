package posix_test

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/styxkit/styxkit/tests/internal/lab"
	"github.com/styxkit/styxkit/tests/posix"
)

func TestMain(m *testing.M) {
	flag.Parse()
	os.Exit(run(m))
}

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "styxbin")
	if err == nil {
		defer os.RemoveAll(dir)
		err = lab.Build(dir, nil, []string{"mount", "u9fs"}, []string{"srv9pd"})
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "posix:", err)
		return 1
	}
	return m.Run()
}

// bridge is what no 9P server can do through FUSE; mount(1) has the table.
var bridge = posix.Lacks{"fallocate": unix.EOPNOTSUPP, "tmpfile": unix.EOPNOTSUPP, "rename flags": unix.EINVAL}

// diod locks whole files.
var diod = posix.Lacks{"lock ranges": unix.EAGAIN}

// with adds to what is lacking.
func with(l posix.Lacks, more posix.Lacks) posix.Lacks {
	all := posix.Lacks{}
	for _, m := range []posix.Lacks{l, more} {
		for feature, errno := range m {
			all[feature] = errno
		}
	}
	return all
}

// settings are what the cases are run on.
var settings = []struct {
	name, server string
	flags        []string
	lacks        posix.Lacks
}{
	{"u9fs", "u9fs", nil, bridge},
	{"u9fs-p", "u9fs", []string{"-p"}, bridge},
	{"diod", "diod", nil, with(bridge, diod)},
	{"diod-p", "diod", []string{"-p"}, with(bridge, diod)},
}

func TestLocal(t *testing.T) {
	dir := t.TempDir()
	for _, c := range posix.All() {
		t.Run(c.Name(), func(t *testing.T) {
			sub := filepath.Join(dir, c.Name())
			if err := os.Mkdir(sub, 0o755); err != nil {
				t.Fatal(err)
			}
			if err := c.Run(sub, nil); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestMounted(t *testing.T) {
	for _, s := range settings {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			server := lab.Kinds[s.server](t, "unix", t.TempDir())
			m := lab.MountAt(t, server, append(s.flags, "-t", "fuse")...)
			runAll(t, m.Dir, s.lacks, false)
		})
	}
}

// The server is killed every second, and the cases hold all the same. An operation of which nobody can know whether it was
// done fails with EIO; such a case is counted, and run again.
func TestKilled(t *testing.T) {
	for _, s := range settings {
		if len(s.flags) == 0 {
			continue
		}
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			server := lab.Kinds[s.server](t, "unix", t.TempDir())
			m := lab.MountAt(t, server, append(s.flags, "-t", "fuse")...)
			stop := make(chan struct{})
			var killer sync.WaitGroup
			killer.Go(func() {
				for {
					select {
					case <-stop:
						return
					case <-time.After(time.Second):
						server.Restart()
					}
				}
			})
			honest := runAll(t, m.Dir, s.lacks, true)
			close(stop)
			killer.Wait()
			t.Logf("cases in which an operation was undecided: %d of %d runs", honest, len(posix.All()))
		})
	}
}

// runAll runs every case in a directory of its own below dir, and returns how often one failed honestly.
func runAll(t *testing.T, dir string, lacks posix.Lacks, killed bool) (honest int) {
	t.Helper()
	const tries = 4
	for _, c := range posix.All() {
		t.Run(c.Name(), func(t *testing.T) {
			for try := 1; ; try++ {
				sub := filepath.Join(dir, fmt.Sprint(c.Name(), try))
				if err := os.Mkdir(sub, 0o755); err != nil && !(killed && errors.Is(err, unix.EIO)) {
					t.Fatal(err)
				}
				err := c.Run(sub, lacks)
				switch {
				case err == nil:
					return
				case killed && errors.Is(err, unix.EIO) && try < tries:
					honest++
					t.Logf("undecided: %v", err)
				default:
					t.Error(err)
					return
				}
			}
		})
	}
	return honest
}

// A case that fails must say so, and one that is told of a lack must look for it.
func TestFailures(t *testing.T) {
	failing := posix.Case(posix.MakeRemove)
	if err := failing.Run(filepath.Join(t.TempDir(), "none"), nil); err == nil || !strings.Contains(err.Error(), "name.go:") {
		t.Errorf("in a directory that is not there: %v", err)
	}
	lacking := posix.Case(posix.HardLinks)
	if err := lacking.Run(t.TempDir(), posix.Lacks{"link": unix.EPERM}); !strings.Contains(fmt.Sprint(err), "wanted") {
		t.Errorf("links that work where they should not: %v", err)
	}
}
