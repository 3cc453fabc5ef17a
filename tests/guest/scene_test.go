package guest

import (
	"fmt"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/styxkit/styxkit/lib9p"
	"github.com/styxkit/styxkit/tests/internal/guest"
	"github.com/styxkit/styxkit/tests/internal/lab"
)

// A setting is a way to mount a server in the guest.
type setting struct {
	server  string
	dialect lib9p.Dialect
	client  string // the options of mount that choose it
}

const (
	persistent = "-p -t v9fs"
	plain      = "-t v9fs"
	bridge     = "-p -t fuse"
)

// settings are what the table has lines for.
var settings = []setting{
	{"u9fs", lib9p.L, persistent}, {"diod", lib9p.L, persistent}, {"u9fs", lib9p.U, persistent}, {"u9fs", lib9p.P2000, persistent},
	{"u9fs", lib9p.L, bridge},
	{"u9fs", lib9p.L, plain}, {"diod", lib9p.L, plain}, {"u9fs", lib9p.U, plain}, {"u9fs", lib9p.P2000, plain},
}

// persist reports whether the connection outlives its server.
func (s setting) persist() bool { return s.client != plain }

func (s setting) String() string { return fmt.Sprintf("%s %s %s", s.server, s.dialect, s.client) }

// A scene is a server on the host that the guest has mounted.
type scene struct {
	setting
	*lab.Server
	vm  *vm
	t   *testing.T
	at  string // in the guest
	pid string // of mount, there
}

var scenes atomic.Int32

// enter takes a place on the stage until the test ends.
func (v *vm) enter(t *testing.T) {
	v.stage <- struct{}{}
	t.Cleanup(func() { <-v.stage })
}

// newScene starts a server for a new folder and mounts it.
func newScene(t *testing.T, v *vm, s setting) *scene {
	t.Helper()
	return playScene(t, v, s, lab.Kinds[s.server](t, "tcp", t.TempDir()))
}

// playScene mounts a server.
func playScene(t *testing.T, v *vm, s setting, server *lab.Server) *scene {
	t.Helper()
	c := setScene(t, v, server)
	c.setting = s
	c.mount(s.client + " -o dialect=" + s.dialect.String())
	return c
}

// serve starts a server for a new folder, and makes a mount point for it.
func serve(t *testing.T, v *vm, server string) *scene {
	t.Helper()
	return setScene(t, v, lab.Kinds[server](t, "tcp", t.TempDir()))
}

func setScene(t *testing.T, v *vm, server *lab.Server) *scene {
	t.Helper()
	c := &scene{Server: server, vm: v, t: t, at: fmt.Sprintf("/n/%d", scenes.Add(1))}
	v.call(t, "mkdir", "-p", c.at)
	return c
}

// addr is the server's address in the guest.
func (c *scene) addr() string { return strings.Replace(c.Addr, "127.0.0.1", host, 1) }

// mount mounts the server, and unmounts it when the test ends.
func (c *scene) mount(flags string) {
	c.t.Helper()
	before, options, _ := strings.Cut(flags, "-o ")
	args := append([]string{"mount", "-v", "-o", "log=" + c.logFile() + "," + options}, strings.Fields(before)...)
	args = append(args, c.addr(), c.at)
	if c.Aname != "" {
		args = append(args, c.Aname)
	}
	if code, said := c.vm.call(c.t, args...); code != 0 {
		c.t.Fatalf("in the guest: %q: exit %d\n%s", args, code, said)
	}
	c.t.Cleanup(func() {
		c.vm.start(c.t, "umount", "-l", c.at).wait(lab.Patience)
	})
	line := c.line()
	if _, pid, ok := strings.Cut(line, " pid "); ok {
		c.pid = pid[:strings.IndexAny(pid, ",)")]
	} else {
		c.t.Fatalf("no process serves the mount: %q", line)
	}
}

// logFile is where mount writes what it has to say.
func (c *scene) logFile() string { return "/tmp/mount" + filepath.Base(c.at) }

// log is what mount has had to say.
func (c *scene) log() string {
	c.t.Helper()
	_, text := c.vm.call(c.t, "cat", c.logFile())
	return text
}

// line is what the list of mounts says of the scene's.
func (c *scene) line() string {
	c.t.Helper()
	_, list := c.vm.call(c.t, "mount")
	for line := range strings.Lines(list) {
		if strings.Contains(line, " on "+c.at+" ") {
			return line
		}
	}
	return ""
}

// served reports whether the process that serves the mount is there.
func (c *scene) served() bool {
	c.t.Helper()
	// U-root's init leaves what has ended as a zombie, which has no command line.
	code, line := c.vm.call(c.t, "cat", "/proc/"+c.pid+"/cmdline")
	return code == 0 && line != ""
}

// until waits until cond holds, which asks the guest.
func (c *scene) until(what string, cond func() bool) {
	c.t.Helper()
	lab.Until(c.t, lab.Patience, what, cond)
}

// took runs something for at most d, and tells how long it took or how it ended.
func took(p *proc, d time.Duration) (s guest.Status, t time.Duration) {
	start := time.Now()
	s = p.wait(d)
	return s, time.Since(start)
}
