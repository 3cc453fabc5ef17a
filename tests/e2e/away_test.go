package e2e

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/styxkit/styxkit/tests/internal/lab"
)

// restored is the line that says how long the server was away and what was restored.
var restored = regexp.MustCompile(`(?m)^.*server is back after [0-9.]+(ms|s|µs): .*1 open file restored.*$`)

// While the server is away programs wait and can be interrupted or killed, and the
// mount can be taken away. When it is back they go on.
//
// It measures times, so nothing runs beside it.
func TestServerAway(t *testing.T) {
	dir := t.TempDir()
	must(t, os.WriteFile(filepath.Join(dir, "file"), []byte("here"), 0o644))
	s := lab.U9fs(t, "tcp", dir)
	m := lab.MountAt(t, s, "-p")
	unmounted, lazily := lab.MountAt(t, s, "-p"), lab.MountAt(t, s, "-p")
	ls := func() *lab.Proc { return lab.Start(t, exec.Command("ls", m.Dir)) }
	if p := ls(); !p.Wait(lab.Patience).Success() {
		t.Fatalf("ls before the crash: %s", p.Err())
	}
	open, err := os.Open(filepath.Join(m.Dir, "file"))
	must(t, err)
	defer open.Close()
	s.Kill()

	t.Run("interrupt", func(t *testing.T) { interrupt(t, ls) })
	t.Run("kill", func(t *testing.T) {
		p := ls()
		lab.InFuse(t, p)
		start := time.Now()
		p.Signal(syscall.SIGKILL)
		p.Wait(lab.Patience)
		soon(t, "kill -9 of a waiting ls", time.Since(start))
	})
	t.Run("unmount", func(t *testing.T) {
		gone(t, unmounted, func() (string, error) { return lab.Run(t, lab.Bin("unmount"), unmounted.Dir) })
	})
	t.Run("umount -l", func(t *testing.T) {
		p := lab.Start(t, exec.Command("ls", lazily.Dir))
		lab.InFuse(t, p)
		lazy := []string{"umount", "-l", lazily.Dir}
		if os.Geteuid() != 0 {
			lazy = []string{"fusermount3", "-u", "-z", lazily.Dir}
		}
		if out, err := lab.Run(t, lazy[0], lazy[1:]...); err != nil {
			t.Fatalf("%s: %v\n%s", lazy[0], err, out)
		}
		if lab.Mounted(t, lazily.Dir) {
			t.Error("still mounted after umount -l")
		}
		// The program that waits holds the mount until it is gone itself.
		p.Signal(syscall.SIGKILL)
		p.Wait(lab.Patience)
		lazily.Wait(lab.Patience)
	})
	t.Run("back", func(t *testing.T) {
		p := ls()
		lab.InFuse(t, p)
		if restored.MatchString(m.Err()) {
			t.Errorf("said to be restored while the server is away:\n%s", m.Err())
		}
		s.Start()
		if !p.Wait(lab.Patience).Success() {
			t.Errorf("the waiting ls: %s", p.Err())
		}
		lab.Until(t, lab.Patience, "the mount says what was restored", func() bool { return restored.MatchString(m.Err()) })
		if lines := restored.FindAllString(m.Err(), -1); len(lines) != 1 {
			t.Errorf("one restart is told in %d lines: %q", len(lines), lines)
		} else {
			t.Log(lines[0])
		}
		lab.Within(t, lab.Patience, "read what was open", func() error {
			b, err := io.ReadAll(open)
			if err == nil && string(b) != "here" {
				err = fmt.Errorf("it holds %q", b)
			}
			return err
		})
	})
}

// interrupt sends SIGINT to waiting programs and measures how long they take to end.
func interrupt(t *testing.T, program func() *lab.Proc) {
	var took []time.Duration
	for range 5 {
		p := program()
		lab.InFuse(t, p)
		start := time.Now()
		p.Signal(syscall.SIGINT)
		state := p.Wait(lab.Patience)
		took = append(took, time.Since(start))
		if sys := state.Sys().(syscall.WaitStatus); !sys.Signaled() || sys.Signal() != syscall.SIGINT {
			t.Errorf("the interrupted %s ended with %v", p.Name, state)
		}
	}
	slices.Sort(took)
	t.Logf("from SIGINT to the end: %v", took)
	soon(t, "SIGINT to a waiting ls, the median of five,", took[len(took)/2])
}

// soon checks a time against what a person takes for at once.
func soon(t *testing.T, what string, took time.Duration) {
	t.Helper()
	if took > 100*time.Millisecond {
		t.Errorf("%s took %v, more than 100 ms", what, took)
	}
}

// gone runs an unmount and checks that mount and process are gone after it.
func gone(t *testing.T, m *lab.Mount, unmount func() (string, error)) {
	t.Helper()
	start := time.Now()
	if out, err := unmount(); err != nil {
		t.Fatalf("unmount: %v\n%s", err, out)
	}
	if lab.Mounted(t, m.Dir) {
		t.Error("still mounted after unmount")
	}
	if state := m.Wait(lab.Patience); !state.Success() {
		t.Errorf("mount ended with %v after unmount:\n%s", state, m.Err())
	}
	t.Logf("unmounted in %v", time.Since(start).Round(time.Millisecond))
}

// A server that never comes back costs neither time nor memory, and the mount can still be left.
func TestServerGone(t *testing.T) {
	s := lab.U9fs(t, "tcp", t.TempDir())
	m := lab.MountAt(t, s, "-p")
	p, socket := post(t, s, "-p")
	call := attached(t, socket)
	s.Kill()

	waiting := make(chan error, 1)
	go func() { waiting <- call() }()
	var programs []*lab.Proc
	for i := range 8 {
		c := lab.Start(t, exec.Command("cat", filepath.Join(m.Dir, fmt.Sprint("file", i))))
		lab.InFuse(t, c)
		programs = append(programs, c)
	}
	interrupted := func() {
		for range 50 {
			c := lab.Start(t, exec.Command("ls", m.Dir))
			lab.InFuse(t, c)
			c.Signal(syscall.SIGINT)
			c.Wait(lab.Patience)
		}
	}
	interrupted() // so that what grows once has grown

	procs := map[string]int{"mount -p": m.Pid(), "srv -p": p.Pid()}
	cpu, rss := make(map[string]time.Duration), make(map[string]int64)
	for name, pid := range procs {
		cpu[name], rss[name] = lab.CPU(t, pid), lab.RSS(t, pid)
	}
	const window = 10 * time.Second
	time.Sleep(window)
	for name, pid := range procs {
		used := lab.CPU(t, pid) - cpu[name]
		t.Logf("%s used %v of processor time in %v", name, used, window)
		if used > window/100 {
			t.Errorf("%s used %v of processor time in %v without a server", name, used, window)
		}
	}
	interrupted()
	for name, pid := range procs {
		grown := lab.RSS(t, pid) - rss[name]
		t.Logf("%s has grown by %d KiB from %d", name, grown>>10, rss[name]>>10)
		if grown > 8<<20 {
			t.Errorf("%s has grown by %d KiB while it waits for its server", name, grown>>10)
		}
	}
	select {
	case err := <-waiting:
		t.Errorf("a call through srv -p did not wait: %v", err)
	default:
	}
	for _, c := range programs {
		c.Signal(syscall.SIGKILL)
		c.Wait(lab.Patience)
	}
	gone(t, m, func() (string, error) { return lab.Run(t, lab.Bin("unmount"), m.Dir) })
	if n := strings.Count(m.Err(), "\n"); n > 20 {
		t.Errorf("%d lines on standard error about one crash:\n%s", n, m.Err())
	}
}
