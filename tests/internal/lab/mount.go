package lab

import (
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
)

// A Mount is a mounted 9P server and the process that keeps it.
type Mount struct {
	*Proc
	Dir string // the mount point
}

// MountAt runs "mount -f flags addr dir spec" and waits until dir is a mount and answers.
func MountAt(t testing.TB, s *Server, flags ...string) *Mount {
	t.Helper()
	dir := t.TempDir()
	args := append([]string{"-f"}, flags...)
	args = append(args, s.Addr, dir)
	if s.Aname != "" {
		args = append(args, s.Aname)
	}
	m := &Mount{Dir: dir}
	// Started first so that the unmount below comes before its kill.
	m.Proc = Start(t, exec.Command(Bin("mount"), args...))
	t.Cleanup(func() { Detach(dir) })
	Until(t, Patience, dir+" is mounted", func() bool {
		if m.Exited() {
			t.Fatalf("mount ended: %v\n%s", m.Cmd.ProcessState, m.Err())
		}
		return Mounted(t, dir)
	})
	Within(t, Patience, "look at the new mount", func() error {
		_, err := os.Stat(dir)
		return err
	})
	return m
}

// Mounted reports whether dir is a mount point. It does not touch the mount.
func Mounted(t testing.TB, dir string) bool {
	t.Helper()
	b, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(b)) {
		if f := strings.Fields(line); len(f) > 4 && f[4] == dir {
			return true
		}
	}
	return false
}

// Detach takes the mount away from dir, also where it is busy or its server away.
func Detach(dir string) error {
	if os.Geteuid() == 0 {
		return syscall.Unmount(dir, syscall.MNT_DETACH)
	}
	return exec.Command("fusermount3", "-u", "-z", dir).Run()
}

// Users returns the ids of the processes whose command line has arg, the test itself aside.
func Users(t testing.TB, arg string) (pids []string) {
	t.Helper()
	dirs, err := os.ReadDir("/proc")
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range dirs {
		if d.Name()[0] < '0' || d.Name()[0] > '9' {
			continue
		}
		b, err := os.ReadFile("/proc/" + d.Name() + "/cmdline")
		if err != nil {
			continue // it has just ended
		}
		for _, a := range strings.Split(string(b), "\x00") {
			if a == arg {
				pids = append(pids, d.Name())
				break
			}
		}
	}
	return pids
}
