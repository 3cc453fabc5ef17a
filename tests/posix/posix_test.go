package posix_test

import (
	"errors"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/styxkit/styxkit/tests/internal/lab"
	"github.com/styxkit/styxkit/tests/posix"
)

func TestMain(m *testing.M) {
	flag.Parse()
	os.Exit(lab.Main(m, nil, []string{"mount", "u9fs"}, []string{"srv9pd"}))
}

// bridge is what no 9P server can do through FUSE; mount(1) has the table.
var bridge = posix.Lacks{"fallocate": unix.EOPNOTSUPP, "tmpfile": unix.EOPNOTSUPP, "rename flags": unix.EINVAL}

// diod locks whole files.
var diod = posix.Lacks{"lock ranges": unix.EAGAIN}

// unix9p is what 9P2000.u cannot say, and plain what 9P2000 cannot.
var (
	unix9p = posix.Lacks{"xattr": unix.EOPNOTSUPP, "rename between": unix.EXDEV, "nanoseconds": unix.EINVAL, "statfs": unix.EINVAL, "link counts": unix.EINVAL, "sticky": unix.EINVAL}
	plain  = with(unix9p, posix.Lacks{"link": unix.EOPNOTSUPP, "symlink": unix.EOPNOTSUPP, "mknod": unix.EOPNOTSUPP,
		"chown": unix.EPERM, "setuid": unix.EINVAL})
)

// with adds to what is lacking.
func with(l, more posix.Lacks) posix.Lacks {
	all := maps.Clone(l)
	maps.Copy(all, more)
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
	{"u9fs.u-p", "u9fs", []string{"-p", "-o", "dialect=9P2000.u"}, with(bridge, unix9p)},
	{"u9fs.2000-p", "u9fs", []string{"-p", "-o", "dialect=9P2000"}, with(bridge, plain)},
	{"srv9pd-p", "srv9pd", []string{"-p"}, with(bridge, plain)},
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
			runAll(t, m.Dir, "", s.lacks, false)
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
			kills, stop := server.KillEvery(time.Second)
			honest, rounds := 0, 0
			for ; kills.Load() < 12 && !t.Failed(); rounds++ {
				honest += runAll(t, m.Dir, fmt.Sprint("round", rounds), s.lacks, true)
			}
			stop()
			t.Logf("%d rounds, %d kills; cases in which an operation was undecided: %d", rounds, kills.Load(), honest)
			if honest > 0 {
				t.Log(m.Err())
			}
		})
	}
}

// runAll runs every case in a directory of its own below dir, and returns how often one failed honestly.
func runAll(t *testing.T, dir, round string, lacks posix.Lacks, killed bool) (honest int) {
	t.Helper()
	const tries = 4
	for _, c := range posix.All() {
		t.Run(round+c.Name(), func(t *testing.T) {
			for try := 1; ; try++ {
				sub := filepath.Join(dir, fmt.Sprint(round, c.Name(), try))
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
