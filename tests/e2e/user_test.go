package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/styxkit/styxkit/tests/internal/lab"
)

// An ordinary user mounts in the background, uses the mount over a crash of the server, and unmounts.
func TestOrdinaryUser(t *testing.T) {
	u := ordinaryUser(t)
	openFuse(t)
	dir, point := t.TempDir(), t.TempDir()
	for _, d := range []string{dir, point} {
		must(t, os.Chown(d, int(u.Uid), int(u.Gid)))
		must(t, os.Chmod(filepath.Dir(d), 0o755))
	}
	as := func(name string, args ...string) *exec.Cmd {
		cmd := exec.Command(name, args...)
		cmd.SysProcAttr = &syscall.SysProcAttr{}
		if os.Geteuid() == 0 {
			cmd.SysProcAttr.Credential = u
		}
		return cmd
	}
	do := func(what string, cmd *exec.Cmd) *lab.Proc {
		t.Helper()
		p := lab.Start(t, cmd)
		if state := p.Wait(2 * lab.Patience); !state.Success() {
			t.Fatalf("%s ended with %v\n%s%s", what, state, p.Out(), p.Err())
		}
		return p
	}
	s := lab.U9fsAs(t, as, "tcp", dir)

	mount := do("mount", as(lab.Bin("mount"), "-p", s.Addr, point))
	t.Cleanup(func() { lab.Detach(point) })
	if !lab.Mounted(t, point) {
		t.Fatalf("mount returned and %s is not mounted:\n%s", point, mount.Err())
	}
	const script = `cd "$1" && echo one > a && mkdir d && mv a d/b && echo two >> d/b && cat d/b && ls -l d`
	if out := do("sh", as("/bin/sh", "-c", script, "sh", point)).Out(); !strings.HasPrefix(out, "one\ntwo\n") {
		t.Errorf("the script says %q", out)
	}
	s.Restart()
	if out := do("cat", as("cat", filepath.Join(point, "d/b"))).Out(); out != "one\ntwo\n" {
		t.Errorf("after a restart the file holds %q", out)
	}
	var st syscall.Stat_t
	must(t, syscall.Stat(filepath.Join(dir, "d/b"), &st))
	if st.Uid != u.Uid {
		t.Errorf("the file belongs to user %d, not %d", st.Uid, u.Uid)
	}
	if users := lab.Users(t, point); len(users) == 0 {
		t.Error("mount has left no process behind")
	}
	do("unmount", as(lab.Bin("unmount"), point))
	if lab.Mounted(t, point) {
		t.Error("still mounted after unmount")
	}
	lab.Until(t, lab.Patience, "the mount's process is gone", func() bool { return len(lab.Users(t, point)) == 0 })
}

// ordinaryUser returns the user who runs the test or, where that is root, a new one.
func ordinaryUser(t *testing.T) *syscall.Credential {
	t.Helper()
	if os.Geteuid() != 0 {
		return &syscall.Credential{Uid: uint32(os.Getuid()), Gid: uint32(os.Getgid()), NoSetGroups: true}
	}
	name := fmt.Sprintf("styx%d", os.Getpid())
	if out, err := exec.Command("useradd", "--no-create-home", "--shell", "/bin/sh", name).CombinedOutput(); err != nil {
		t.Fatalf("make a user: %v\n%s", err, out)
	}
	t.Cleanup(func() {
		if out, err := exec.Command("userdel", name).CombinedOutput(); err != nil {
			t.Errorf("remove the user again: %v\n%s", err, out)
		}
	})
	u, err := user.Lookup(name)
	must(t, err)
	uid, err := strconv.ParseUint(u.Uid, 10, 32)
	must(t, err)
	gid, err := strconv.ParseUint(u.Gid, 10, 32)
	must(t, err)
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
}

// openFuse lets everybody open /dev/fuse, as udev does where it runs.
func openFuse(t *testing.T) {
	t.Helper()
	const dev, all = "/dev/fuse", 0o666
	st, err := os.Stat(dev)
	must(t, err)
	if old := st.Mode().Perm(); old != all && os.Geteuid() == 0 {
		must(t, os.Chmod(dev, all))
		t.Cleanup(func() { os.Chmod(dev, old) })
	}
}
