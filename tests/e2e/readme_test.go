package e2e

import (
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/styxkit/styxkit/tests/internal/lab"
)

// What the README tells a newcomer to type works to the letter, in a copy of the tree where
// nothing is built yet; only the mount point is another.
func TestReadme(t *testing.T) {
	t.Parallel()
	top, err := filepath.Abs("../..")
	must(t, err)
	clone, point := t.TempDir(), filepath.Join(t.TempDir(), "n")
	must(t, copyTree(clone, top))
	readme, err := os.ReadFile(filepath.Join(clone, "README.md"))
	must(t, err)

	typed := func(begins string) {
		t.Helper()
		line := command(string(readme), begins)
		if line == "" {
			t.Fatalf("README.md has no command that begins with %q", begins)
		}
		cmd := exec.Command("/bin/sh", "-c", strings.ReplaceAll(line, "/tmp/n", point))
		cmd.Dir = clone
		p := lab.Start(t, cmd)
		if state := p.Wait(10 * lab.Patience); !state.Success() {
			t.Fatalf("%s: %v\n%s%s", line, state, p.Out(), p.Err())
		}
	}
	t.Cleanup(func() { lab.Detach(point) })
	typed("mkdir -p /tmp/n && ")
	same := func() {
		t.Helper()
		lab.Within(t, lab.Patience, "read the mounted README", func() error {
			got, err := os.ReadFile(filepath.Join(point, "README.md"))
			if err == nil && string(got) != string(readme) {
				t.Error("the mounted README is not the README")
			}
			return err
		})
	}
	same()
	pids := lab.Users(t, point)
	if len(pids) != 1 {
		t.Fatalf("the mount is kept by processes %v, not one", pids)
	}
	pid, err := strconv.Atoi(pids[0])
	must(t, err)
	killChildren(t, pid)
	same()
	typed("./styx unmount /tmp/n")
	if lab.Mounted(t, point) {
		t.Error("still mounted after unmount")
	}
	lab.Until(t, lab.Patience, "the mount's process is gone", func() bool { return len(lab.Users(t, point)) == 0 })
}

// command returns the first command of a text in Markdown, indented or in backquotes, that begins with begins.
func command(text, begins string) string {
	for line := range strings.Lines(text) {
		if code, ok := strings.CutPrefix(line, "    "); ok && strings.HasPrefix(code, begins) {
			return strings.TrimSpace(code)
		}
		if _, code, ok := strings.Cut(line, "`"+begins); ok {
			code, _, _ = strings.Cut(code, "`")
			return begins + code
		}
	}
	return ""
}

// copyTree copies what a clone has: neither built commands nor the history.
func copyTree(to, from string) error {
	return filepath.WalkDir(from, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(from, p)
		if err != nil {
			return err
		}
		dst := filepath.Join(to, rel)
		switch {
		case rel == ".":
			return nil
		case rel == ".git" || rel == "bin":
			if d.IsDir() {
				return filepath.SkipDir
			}
			return nil
		case d.IsDir():
			return os.Mkdir(dst, 0o755)
		case !d.Type().IsRegular():
			return nil
		}
		st, err := d.Info()
		if err != nil {
			return err
		}
		b, err := os.ReadFile(p)
		if err != nil {
			return err
		}
		return os.WriteFile(dst, b, st.Mode().Perm())
	})
}
