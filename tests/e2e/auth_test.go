package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/styxkit/styxkit/tests/internal/lab"
	"github.com/styxkit/styxkit/tests/internal/load"
)

// diod as it comes wants a credential of munge's from whoever attaches. The mount shows it one, and another whenever diod or the
// line to it was away; what makes credentials, and what judges them, may be away longer than diod.
func TestMunge(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can give diod a munged of the test's own")
	}
	t.Parallel()
	dir := t.TempDir()
	sum, err := load.MakeData(filepath.Join(dir, "data"), 16<<20)
	if err != nil {
		t.Fatal(err)
	}
	theirs := lab.NewMunge(t, nil)
	ours := lab.NewMunge(t, theirs)
	var flags []string
	s := lab.DiodWith(t, "unix", dir, theirs, func() []string { return flags })
	option := "auth={" + ours.Command() + "}"
	for _, tt := range []struct{ option, says string }{
		{"sole", "-o auth={command}"}, // without
		{"auth={echo me}", "permission denied"},
		{"auth={echo it is locked >&2; exit 1}", "authentication failed: {echo it is locked >&2; exit 1}: exit status 1: it is locked"},
	} {
		out, err := lab.Run(t, lab.Bin("mount"), "-f", "-p", "-t", "fuse", "-o", tt.option, s.Addr, t.TempDir(), s.Aname)
		if err == nil || !strings.Contains(out, tt.says) || strings.Count(out, "\n") != 1 {
			t.Errorf("mount -o %s: %v: %s", tt.option, err, out)
		}
	}

	m := lab.MountAt(t, s, "-p", "-t", "fuse", "-o", option)
	w := work(t, "read", filepath.Join(m.Dir, "data"), sum)
	w.moves()
	for range 3 {
		s.Restart()
		w.moves()
	}

	// says waits until the mount has said more.
	says := func(what string) {
		t.Helper()
		n := strings.Count(m.Err(), what)
		lab.Until(t, lab.Patience, "the mount says: "+what, func() bool { return strings.Count(m.Err(), what) > n })
	}
	ours.Kill()
	s.Restart()
	says("cannot attach again yet")
	time.Sleep(3 * time.Second)
	ours.Start()
	w.moves()

	theirs.Kill()
	s.Restart()
	says("cannot attach again yet")
	theirs.Start()
	w.moves()

	flags = []string{"-n"} // it wants no credential any more
	s.Restart()
	w.moves()
	flags = nil
	s.Restart()
	w.moves()
	w.finish()
	for _, line := range []string{"cannot attach again yet", "attached again"} {
		if n := strings.Count(m.Err(), line); n != 2 {
			t.Errorf("%d lines say %q, and there were 2 reasons:\n%s", n, line, m.Err())
		}
	}
}

// Servers that have no authentication are mounted as they are, and the command is not run.
func TestNoAuthentication(t *testing.T) {
	for name, serve := range lab.Kinds {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			file := filepath.Join(dir, "file")
			if err := os.WriteFile(file, []byte("x"), 0o644); err != nil {
				t.Fatal(err)
			}
			s := serve(t, "unix", dir)
			ran := filepath.Join(t.TempDir(), "ran")
			m := lab.MountAt(t, s, "-p", "-t", "fuse", "-o", "auth={touch "+ran+"}")
			for range 2 {
				lab.Within(t, lab.Patience, "look at a file", func() error {
					b, err := os.ReadFile(filepath.Join(m.Dir, "file"))
					if err == nil && string(b) != "x" {
						t.Errorf("it has %q", b)
					}
					return err
				})
				s.Restart()
			}
			if _, err := os.Stat(ran); err == nil {
				t.Error("the command was run")
			}
		})
	}
}

// A server that is there is mounted in the background when a credential can be shown to it.
func TestMungeLater(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can give diod a munged of the test's own")
	}
	t.Parallel()
	dir, point := t.TempDir(), t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "file"), []byte("x"), 0o644); err != nil {
		t.Fatal(err)
	}
	theirs := lab.NewMunge(t, nil)
	ours := lab.NewMunge(t, theirs)
	ours.Kill()
	s := lab.DiodWith(t, "unix", dir, theirs, func() []string { return nil })
	m := lab.Start(t, exec.Command(lab.Bin("mount"), "-p", "-t", "fuse", "-o", "bg,auth={"+ours.Command()+"}", s.Addr, point, s.Aname))
	t.Cleanup(func() { lab.Detach(point) })
	if state := m.Wait(lab.Patience); !state.Success() {
		t.Fatalf("mount: %v: %s", state, m.Err())
	}
	lab.Until(t, lab.Patience, "the mount says what it waits for", func() bool {
		return strings.Contains(m.Err(), "when it can be shown who attaches") && strings.Contains(m.Err(), "exit status")
	})
	ours.Start()
	lab.Until(t, lab.Patience, "it is mounted", func() bool { return lab.Mounted(t, point) })
	lab.Within(t, lab.Patience, "read a file", func() error {
		_, err := os.ReadFile(filepath.Join(point, "file"))
		return err
	})
	if out, err := lab.Run(t, lab.Bin("unmount"), point); err != nil {
		t.Errorf("unmount: %v: %s", err, out)
	}
	if lines := strings.Count(m.Err(), "\n"); lines != 2 {
		t.Errorf("it says %d lines:\n%s", lines, m.Err())
	}
}
