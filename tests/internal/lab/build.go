// Package lab starts real processes for a test: the commands of the tree, servers
// that are not ours, mounts and the programs that work on them.
//
// Everything that a test starts here ends with the test. What a process wrote is shown when
// the test has failed, and a process that panicked or raced fails its test in any case.
package lab

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// Module is the module that the commands under test are in.
const Module = "github.com/styxkit/styxkit"

// bin is the folder that Build filled.
var bin string

// Bin returns the path of a command that Build has built.
func Bin(name string) string { return filepath.Join(bin, name) }

// Build builds the named commands of the tree and those of tests/cmd into dir, with the
// given flags of go build, and makes them known to Bin. Any user can run them there.
func Build(dir string, flags []string, tree, own []string) error {
	top, err := moduleDir(Module)
	if err != nil {
		return err
	}
	tests, err := moduleDir(Module + "/tests")
	if err != nil {
		return err
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		return err
	}
	bin = dir
	if err := build(top, flags, tree); err != nil {
		return err
	}
	return build(tests, flags, own)
}

// Main is what a TestMain does: it builds as Build does, into a folder of its own, and runs the tests. It returns the exit status.
func Main(m *testing.M, flags, tree, own []string) int {
	dir, err := os.MkdirTemp("", "styxbin")
	if err == nil {
		defer os.RemoveAll(dir)
		err = Build(dir, flags, tree, own)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, filepath.Base(os.Args[0])+":", err)
		return 1
	}
	return m.Run()
}

func build(module string, flags, names []string) error {
	if len(names) == 0 {
		return nil
	}
	args := append([]string{"build", "-o", bin + "/"}, flags...)
	for _, name := range names {
		args = append(args, "./cmd/"+name)
	}
	cmd := exec.Command("go", args...)
	cmd.Dir = module
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("build %s in %s: %w\n%s", strings.Join(names, ", "), module, err, out)
	}
	return nil
}

func moduleDir(path string) (string, error) {
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", path).Output()
	if err != nil {
		return "", fmt.Errorf("find module %s: %w", path, err)
	}
	return strings.TrimSpace(string(out)), nil
}
