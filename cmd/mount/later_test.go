package main

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/styxkit/styxkit/mount"
)

// A server that is away is mounted when it is there, and who mounts it need not wait.
func TestLater(t *testing.T) {
	t.Setenv("XDG_RUNTIME_DIR", t.TempDir())
	s := serve(t)
	s.stop()
	c := start(t, "-p", "-o", "bg", s.addr, t.TempDir())
	c.succeeds(t)
	says(t, c.dir, s.addr+" on "+c.dir+" (persist, pid ", "away since", "no such file", "not mounted yet")
	again := start(t, "-p", "-o", "bg", s.addr, c.dir)
	again.succeeds(t)
	if !strings.Contains(again.text(), "waits for the server already") {
		t.Errorf("a second one says %q", again.text())
	}
	s.start(t)
	c.mounted(t)
	says(t, c.dir, "connected since", "type fuse.styx", "-not mounted yet")
	if got := cat(t, c.dir, "file"); got != "contents" {
		t.Errorf("the file is %q", got)
	}
	must(t, mount.Unmount(c.dir, false))
	c.ended(t)
	if said := c.text(); strings.Count(said, "\n") != 2 || !strings.Contains(said, "server is away") || !strings.Contains(said, "mounted on "+c.dir+" after ") {
		t.Errorf("it says %q", said)
	}
}

// A server that takes calls and hangs up, as a proxy before one that is away, is away as well; one that refuses is not.
func TestLaterRefused(t *testing.T) {
	t.Setenv("XDG_RUNTIME_DIR", t.TempDir())
	s := serve(t)
	flag := filepath.Join(t.TempDir(), "there")
	c := start(t, "-p", "-o", "bg", "{[ -e "+flag+" ] && "+playVariable+"=serve exec /proc/"+fmt.Sprint(os.Getpid())+"/exe "+s.dir+"}", t.TempDir())
	c.succeeds(t)
	says(t, c.dir, "away since", "hangs up", "not mounted yet")
	must(t, os.WriteFile(flag, nil, 0o600))
	c.mounted(t)
	must(t, mount.Unmount(c.dir, false))
	c.ended(t)
	if said := c.text(); strings.Count(said, "\n") != 2 {
		t.Errorf("it says %q", said)
	}
	dir := t.TempDir()
	refused := start(t, "-p", "-o", "bg", s.addr, dir, "nothing")
	refused.dir = dir
	if err := refused.Wait(); err == nil || !strings.Contains(refused.text(), "attach") {
		t.Errorf("what is refused ends with %v: %s", err, refused.text())
	}
}

// Who waits for a server is ended by a signal, whether the server does not take calls or does not answer them; and in both
// cases whoever has started it can go on.
func TestLaterTerminated(t *testing.T) {
	t.Setenv("XDG_RUNTIME_DIR", t.TempDir())
	silent, err := net.Listen("unix", filepath.Join(t.TempDir(), "s"))
	must(t, err)
	defer silent.Close()
	for addr, why := range map[string]string{"unix!/none/there": "no such file", "unix!" + silent.Addr().String(): "does not answer"} {
		c := start(t, "-p", "-o", "bg", addr, t.TempDir())
		c.succeeds(t)
		says(t, c.dir, "not mounted yet")
		_, text, _ := strings.Cut(listed(t, c.dir)[0], " pid ")
		pid, err := strconv.Atoi(text[:strings.IndexAny(text, ",)")])
		must(t, err)
		must(t, syscall.Kill(pid, syscall.SIGTERM))
		c.ended(t)
		if got := listed(t, c.dir); len(got) > 0 {
			t.Errorf("it is listed: %q", got)
		}
		if said := c.text(); !strings.Contains(said, why) || strings.Count(said, "\n") != 1 {
			t.Errorf("it says %q, want %q", said, why)
		}
	}
}
