package guest

import (
	"strings"
	"testing"

	"github.com/styxkit/styxkit/tests/internal/lab"
)

// TestBackends: mount loads the modules that it needs, takes the best that there is, and says what is missing.
// It comes first, when no module of a file system is loaded yet.
func TestBackends(t *testing.T) {
	v := use(t)
	c := serve(t, v, "u9fs")
	if loaded := v.must(t, "cat /proc/modules"); strings.Contains(loaded, "9p") || strings.Contains(loaded, "fuse ") {
		t.Fatalf("there are modules already:\n%s", loaded)
	}
	c.refuses(1000, "-t v9fs", "only root")
	c.refuses(1000, "-t fuse", "install the package fuse3")
	modules := "/lib/modules/" + v.kernel.release + "/kernel/fs/"
	v.must(t, "mv "+modules+"fuse "+modules+"9p /lib")
	c.refuses(0, "-t v9fs", "modprobe 9p")
	c.refuses(0, "-t fuse", "modprobe fuse")
	c.refuses(0, "", "modprobe fuse")

	v.must(t, "mv /lib/fuse "+modules)
	c.mounts("-p", "fuse.styx")
	v.must(t, "mv /lib/9p "+modules)
	c.mounts("-p", "9p")
	c.mounts("-p -o uid=7", "fuse.styx")
	c.mounts("-p -t fuse", "fuse.styx")
	c.refuses(0, "-t v9fs -o uid=7", "-t fuse")
}

// refuses checks that a user cannot mount, and is told why.
func (c *scene) refuses(user uint32, flags, why string) {
	c.t.Helper()
	args := append(strings.Fields("mount "+flags), c.addr(), c.at)
	s := c.vm.startAs(c.t, user, args...).wait(lab.Patience)
	if !s.Exited || s.Code == 0 || !strings.Contains(s.Output, why) {
		c.t.Errorf("user %d: %v: %+v, want %q", user, args, s, why)
	}
}

// mounts checks of what type a mount is, and that it works.
func (c *scene) mounts(flags, typ string) {
	c.t.Helper()
	c.mount(flags)
	if line := c.line(); !strings.Contains(line, " type "+typ+" ") {
		c.t.Errorf("mount %s: %q, want %s", flags, line, typ)
	}
	c.vm.must(c.t, "echo hello >"+c.at+"/hello && cat "+c.at+"/hello && unmount "+c.at)
	c.until("mount has ended", func() bool { return !c.served() })
}

// TestDialects: the kernel and the server agree on the best dialect that both know.
func TestDialects(t *testing.T) {
	v := use(t)
	for server, want := range map[string]string{"u9fs": "9P2000.L", "srv9pd": "9P2000,"} {
		for _, flags := range []string{"-p -t v9fs", "-t v9fs"} {
			c := serve(t, v, server)
			c.mount(flags)
			if line := c.line(); !strings.Contains(line, want) {
				t.Errorf("%s: %q, want %s", server, line, want)
			}
			c.mustRefuseRicher(server)
			v.must(t, "ls -l "+c.at+" && unmount "+c.at)
		}
	}
}

// mustRefuseRicher checks that a dialect that was asked for is what is spoken.
func (c *scene) mustRefuseRicher(server string) {
	c.t.Helper()
	if server != "srv9pd" {
		return
	}
	at := c.at
	c.at += "x"
	c.vm.must(c.t, "mkdir -p "+c.at)
	c.refuses(0, "-p -t v9fs -o dialect=9P2000.u", "9P2000")
	c.at = at
}

// TestOthers: without allow_other nobody but the mounter can use the mount.
func TestOthers(t *testing.T) {
	v := use(t)
	for flags, want := range map[string]string{"-p -t v9fs": "not permitted", "-p -t v9fs -o allow_other": "hello"} {
		c := serve(t, v, "u9fs")
		c.mount(flags)
		v.must(t, "echo hello >"+c.at+"/file")
		s := v.startAs(t, 1000, "cat", c.at+"/file").wait(lab.Patience)
		if !s.Exited || !strings.Contains(s.Output, want) {
			t.Errorf("mount %s: another user gets %+v, want %q", flags, s, want)
		}
	}
}
