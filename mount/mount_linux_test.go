package mount

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestPoints(t *testing.T) {
	asRoot(t, "mounts")
	dir := filepath.Join(t.TempDir(), "a\tname with\\all\n")
	must(t, os.Mkdir(dir, 0o755))
	must(t, unix.Mount("first source", dir, "tmpfs", 0, ""))
	must(t, unix.Mount("second", dir, "tmpfs", 0, ""))
	p, ok, err := At(dir)
	if !ok || err != nil || p.Source != "second" || p.Type != "tmpfs" || p.Dir != dir || !strings.Contains(p.Device, ":") {
		t.Errorf("on it is %+v, %v, %v", p, ok, err)
	}
	must(t, Unmount(dir, false))
	if p, _, _ := At(dir); p.Source != "first source" {
		t.Errorf("below it was %+v", p)
	}
	f, err := os.Create(filepath.Join(dir, "f"))
	must(t, err)
	if err := Unmount(dir, false); !errors.Is(err, ErrBusy) {
		t.Errorf("in use: %v", err)
	}
	must(t, Unmount(dir, true))
	must(t, f.Close())
	if err := Unmount(dir, false); err == nil || !strings.Contains(err.Error(), "not a mount point") {
		t.Errorf("nothing there: %v", err)
	}
}

func TestAwaitEnd(t *testing.T) {
	asRoot(t, "mounts")
	dir := t.TempDir()
	must(t, unix.Mount("s", dir, "tmpfs", 0, ""))
	ended := make(chan error, 1)
	go func() { ended <- AwaitEnd(dir, "s", nil) }()
	select {
	case err := <-ended:
		t.Errorf("ended while mounted: %v", err)
	case <-time.After(10 * time.Millisecond):
	}
	must(t, Unmount(dir, false))
	must(t, <-ended)
}

// TestApart: a thread that waits in the kernel is none that a signal is given to.
func TestApart(t *testing.T) {
	blocked := func() string {
		b, err := os.ReadFile("/proc/thread-self/status")
		must(t, err)
		_, line, _ := strings.Cut(string(b), "\nSigBlk:")
		line, _, _ = strings.Cut(line, "\n")
		return strings.TrimSpace(line)
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	before, failure := blocked(), errors.New("failure")
	err := apart(func() error {
		if mask, err := strconv.ParseUint(blocked(), 16, 64); err != nil || mask&(1<<(unix.SIGTERM-1)) == 0 || mask&(1<<(unix.SIGINT-1)) == 0 {
			t.Errorf("blocked are %x, %v", mask, err)
		}
		return failure
	})
	if after := blocked(); err != failure || after != before {
		t.Errorf("%v; blocked are %s, and were %s", err, after, before)
	}
}

func TestUnescape(t *testing.T) {
	for in, want := range map[string]string{
		"":                "",
		`/plain`:          "/plain",
		`/a\040b\134\011`: "/a b\\\t",
		`/end\04`:         `/end\04`,
		`/no\999x`:        `/no\999x`,
	} {
		if got := unescape(in); got != want {
			t.Errorf("%s is %q, want %q", in, got, want)
		}
	}
}

// asRoot skips a test for anybody who may not do what it does.
func asRoot(t *testing.T, what string) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("only root can run this test: it " + what)
	}
}
