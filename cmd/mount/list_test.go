package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/styxkit/styxkit/mount"
)

// listed returns the lines that mount without arguments writes of a mount point.
func listed(t *testing.T, dir string) (lines []string) {
	t.Helper()
	cmd := exec.Command("/proc/self/exe")
	cmd.Args[0] = "mount"
	cmd.Env = append(os.Environ(), playVariable+"=mount")
	out, err := cmd.Output()
	must(t, err)
	for line := range strings.Lines(string(out)) {
		if strings.Contains(line, " on "+dir+" ") {
			lines = append(lines, strings.TrimSpace(line))
		}
	}
	return lines
}

// says waits until the one line of a mount point has all of the words, and none that begins with a minus.
func says(t *testing.T, dir string, words ...string) {
	t.Helper()
	var lines []string
	until(t, strings.Join(words, " "), func() bool {
		if lines = listed(t, dir); len(lines) != 1 {
			return false
		}
		for _, word := range words {
			not := strings.HasPrefix(word, "-")
			if strings.Contains(lines[0], strings.TrimPrefix(word, "-")) == not {
				return false
			}
		}
		return true
	})
}

func TestList(t *testing.T) {
	t.Setenv("XDG_RUNTIME_DIR", t.TempDir())
	s := serve(t)
	c := start(t, "-p", s.addr, t.TempDir())
	c.succeeds(t)
	if got := listed(t, c.dir); len(got) != 1 || !strings.HasPrefix(got[0], s.addr+" on "+c.dir+" type fuse.styx (persist, 9P2000.L, pid ") {
		t.Fatalf("as soon as it is mounted: %q", got)
	}
	f, err := os.Open(filepath.Join(c.dir, "file"))
	must(t, err)
	defer f.Close()
	says(t, c.dir, "connected since", "restored 0, lost 0, undecided 0")
	s.stop()
	says(t, c.dir, "away since", "no such file or directory", "restored 0")
	s.start(t)
	says(t, c.dir, "connected since", "restored 1, lost 0, undecided 0", "-away")
	must(t, f.Close())
	must(t, mount.Unmount(c.dir, false))
	c.ended(t)
	if got := listed(t, c.dir); len(got) > 0 {
		t.Errorf("after the end: %q", got)
	}
}

func TestListPlain(t *testing.T) {
	t.Setenv("XDG_RUNTIME_DIR", t.TempDir())
	s := serve(t)
	c := start(t, s.addr, t.TempDir())
	c.succeeds(t)
	says(t, c.dir, "(9P2000.L, pid ", "connected since", "-restored")
}

// A process that was killed leaves a mount, which is listed until it is unmounted, and its file, which is then swept.
func TestListKilled(t *testing.T) {
	run := t.TempDir()
	t.Setenv("XDG_RUNTIME_DIR", run)
	s := serve(t)
	c := start(t, "-f", "-p", s.addr, t.TempDir())
	c.mounted(t)
	says(t, c.dir, "connected since")
	must(t, c.Process.Signal(syscall.SIGKILL))
	c.Wait()
	says(t, c.dir, "its process has died: unmount it")
	must(t, mount.Unmount(c.dir, true))
	if got := listed(t, c.dir); len(got) > 0 {
		t.Errorf("after the unmount: %q", got)
	}
	left, _ := filepath.Glob(filepath.Join(run, "styxkit", "*"))
	if len(left) > 0 {
		t.Errorf("left are %q", left)
	}
}

// A mount that nobody keeps a file of is listed all the same.
func TestListUnknown(t *testing.T) {
	run := t.TempDir()
	t.Setenv("XDG_RUNTIME_DIR", run)
	s := serve(t)
	c := start(t, "-f", s.addr, t.TempDir())
	c.mounted(t)
	says(t, c.dir, "connected since")
	for _, folder := range []string{"/run", run} {
		os.Remove(filepath.Join(folder, "styxkit", fmt.Sprint(c.Process.Pid)+".mount"))
	}
	says(t, c.dir, s.addr, "no process of yours serves it")
}

// A mount can be ended while its server is away, and nothing waits for that.
func TestTerminatedAway(t *testing.T) {
	s := serve(t)
	c := start(t, "-f", "-p", s.addr, t.TempDir())
	c.mounted(t)
	f, err := os.Open(filepath.Join(c.dir, "file"))
	must(t, err)
	defer f.Close()
	s.stop()
	says(t, c.dir, "away since")
	must(t, c.Process.Signal(syscall.SIGTERM))
	c.succeeds(t)
	if _, ok, _ := mount.At(c.dir); ok {
		t.Error("it is still mounted")
	}
	if got := listed(t, c.dir); len(got) > 0 {
		t.Errorf("it is listed: %q", got)
	}
	s.start(t)
}
