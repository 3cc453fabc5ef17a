//go:build linux

package status

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// here makes the user's folder one of the test's own.
func here(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	t.Setenv("XDG_RUNTIME_DIR", dir)
	return filepath.Join(dir, "styxkit")
}

// find returns the status of the mount on dir.
func find(t *testing.T, dir string, keep func(Status) bool) (Status, bool) {
	t.Helper()
	list, err := List(keep)
	must(t, err)
	for _, s := range list {
		if s.Dir == dir {
			return s, true
		}
	}
	return Status{}, false
}

func never(Status) bool { return false }

func TestFile(t *testing.T) {
	here(t)
	want := Status{Addr: "tcp!h!564", Dir: t.TempDir(), Spec: "/srv", Backend: "fuse", Persist: true, State: Connected, Undecided: 3}
	f, err := Create(Status{Dir: want.Dir, State: Away})
	must(t, err)
	if s, ok := find(t, want.Dir, never); !ok || s.State != Away {
		t.Errorf("at the beginning there is %+v", s)
	}
	f.Set(Status{Dir: want.Dir, State: Restoring})
	f.Set(want)
	deadline := time.Now().Add(10 * time.Second)
	for {
		got, ok := find(t, want.Dir, never)
		got.Started, got.Pid = 0, 0
		if ok && got == want {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("the status is %+v", got)
		}
		time.Sleep(time.Millisecond)
	}
	must(t, f.Close())
	if s, ok := find(t, want.Dir, never); ok {
		t.Errorf("after the end there is %+v", s)
	}
}

// What a process has left that was killed stays for as long as its mount is there.
func TestSwept(t *testing.T) {
	dir := here(t)
	must(t, prepare(dir))
	cmd := exec.Command("sleep", "1000")
	must(t, cmd.Start())
	at, err := started(cmd.Process.Pid)
	must(t, err)
	f := &File{path: filepath.Join(dir, "x"+suffix)}
	must(t, f.write(Status{Pid: cmd.Process.Pid, Started: at, Dir: dir, State: Connected}))
	if s, ok := find(t, dir, never); !ok || s.State != Connected {
		t.Errorf("while it lives: %+v, %v", s, ok)
	}
	must(t, cmd.Process.Kill())
	cmd.Wait()
	if s, ok := find(t, dir, func(Status) bool { return true }); !ok || s.State != Dead {
		t.Errorf("while its mount is there: %+v, %v", s, ok)
	}
	if s, ok := find(t, dir, never); ok {
		t.Errorf("afterwards: %+v", s)
	}
	if names, _ := filepath.Glob(filepath.Join(dir, "*")); len(names) > 0 {
		t.Errorf("left are %v", names)
	}
}

// A number that another process has got by now is not the process.
func TestOtherProcess(t *testing.T) {
	dir := here(t)
	must(t, prepare(dir))
	f := &File{path: filepath.Join(dir, "x"+suffix)}
	must(t, f.write(Status{Pid: os.Getpid(), Started: 1, Dir: dir, State: Connected}))
	if s, ok := find(t, dir, never); ok {
		t.Errorf("it is taken for %+v", s)
	}
}

func TestFolder(t *testing.T) {
	for name, make := range map[string]func(dir string) error{
		"a link":              func(dir string) error { return os.Symlink(t.TempDir(), dir) },
		"a file":              func(dir string) error { return os.WriteFile(dir, nil, 0o600) },
		"writable for others": func(dir string) error { return os.Mkdir(dir, 0o700) },
	} {
		dir := here(t)
		must(t, make(dir))
		if name == "writable for others" {
			must(t, os.Chmod(dir, 0o777))
		}
		if err := prepare(dir); err == nil {
			t.Errorf("%s is taken", name)
		}
	}
	dir := here(t)
	must(t, prepare(dir))
	if fi, err := os.Stat(dir); err != nil || fi.Mode().Perm() != 0o700 {
		t.Errorf("the folder is %v, %v", fi, err)
	}
}
