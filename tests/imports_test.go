package tests

import (
	"encoding/json"
	"errors"
	"io"
	"maps"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/styxkit/styxkit"

// platforms are those for which everything below mount must build.
var platforms = []string{"linux", "darwin", "freebsd", "plan9"}

// mayImport says who may import what besides the standard library.  The key is
// a folder and holds for those below it that have no entry of their own; an
// element allows a package and those below it.  What is ours has no host name.
var mayImport = map[string][]string{
	"lib9p":        {"9fans.net/go/plan9"},
	"lib9p/client": {"9fans.net/go/plan9", "lib9p"},
	"lib9p/srv":    {"9fans.net/go/plan9", "lib9p", "golang.org/x/sys"},
	"styxpersist":  {"9fans.net/go/plan9", "lib9p"},
	"dial":         {},
	"man":          {},
	"mount": {"9fans.net/go/plan9", "lib9p", "mount", "golang.org/x/sys",
		"github.com/hanwen/go-fuse/v2", "github.com/u-root/u-root/pkg/mount"},
	"cmd": {"9fans.net/go", "lib9p", "styxpersist", "dial", "man", "mount", "golang.org/x/sys",
		"github.com/hanwen/go-fuse/v2", "github.com/u-root/u-root/pkg"},
}

// exceptIn takes back from an element of mayImport what is below it.
var exceptIn = map[string][]string{
	"lib9p/client": {"lib9p/srv"},
	"lib9p/srv":    {"lib9p/client"},
	"styxpersist":  {"lib9p/client", "lib9p/srv"},
	"mount":        {"lib9p/srv"},
}

type goPackage struct {
	ImportPath   string
	Standard     bool
	Imports      []string
	TestImports  []string
	XTestImports []string
	CgoFiles     []string
}

// list returns our packages and what they import, for one platform.
func list(t *testing.T, goos string) (ours []goPackage, standard map[string]bool) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", "list", "-e", "-deps", "-json=ImportPath,Standard,Imports,TestImports,XTestImports,CgoFiles", "./...")
	cmd.Dir = ".."
	cmd.Env = append(os.Environ(), "GOOS="+goos, "CGO_ENABLED=0")
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %v", cmd, err)
	}
	standard = map[string]bool{"C": false}
	for dec := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p goPackage
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			return ours, standard
		} else if err != nil {
			t.Fatalf("%v: %v", cmd, err)
		}
		standard[p.ImportPath] = p.Standard
		if under(p.ImportPath, module) {
			ours = append(ours, p)
		}
	}
}

func TestImports(t *testing.T) {
	for _, goos := range platforms {
		ours, standard := list(t, goos)
		if len(ours) == 0 {
			t.Errorf("%s: go list shows no package of %s", goos, module)
		}
		for _, p := range ours {
			folder := strings.TrimPrefix(p.ImportPath, module+"/")
			if len(p.CgoFiles) > 0 {
				t.Errorf("%s: %s: cgo in %v", goos, folder, p.CgoFiles)
			}
			rule := ruleFor(folder)
			if rule == "" {
				t.Errorf("%s: %s: no import rule for this folder", goos, folder)
				continue
			}
			for _, path := range p.Imports {
				if !standard[path] && !allowed(rule, folder, path) {
					t.Errorf("%s: %s: must not import %s", goos, folder, path)
				}
			}
			// Tests may use what they like, but no command and no other test.
			for _, path := range slices.Concat(p.TestImports, p.XTestImports) {
				if isOffLimits(folder, path) {
					t.Errorf("%s: %s: its tests must not import %s", goos, folder, path)
				}
			}
		}
	}
}

// A rule that allows everything would go unnoticed.
func TestImportRules(t *testing.T) {
	for _, tt := range []struct {
		folder, path string
		want         bool
	}{
		{"lib9p", "9fans.net/go/plan9", true},
		{"lib9p", "golang.org/x/sys/unix", false},
		{"lib9p/client", module + "/lib9p", true},
		{"lib9p/client", module + "/lib9p/srv", false},
		{"lib9p/srv/host", module + "/lib9p/srv", true},
		{"lib9p/srv", module + "/lib9p/client", false},
		{"styxpersist", module + "/dial", false},
		{"styxpersist", module + "/mount", false},
		{"styxpersist", module + "/lib9p", true},
		{"styxpersist", module + "/lib9p/client", false},
		{"dial", "golang.org/x/sys/unix", false},
		{"mount/fuse", module + "/lib9p/client", true},
		{"mount/fuse", module + "/dial", false},
		{"mount", module + "/styxpersist", false},
		{"cmd/mount", module + "/styxpersist", true},
		{"cmd/mount", module + "/cmd/mount/internal/x", true},
		{"cmd/mount", module + "/cmd/internal/x", true},
		{"cmd/mount", module + "/cmd/srv", false},
		{"mount", module + "/cmd/internal/x", false},
		{"cmd/mount", module + "/tests", false},
	} {
		if got := allowed(ruleFor(tt.folder), tt.folder, tt.path); got != tt.want {
			t.Errorf("%s may import %s: %v, want %v", tt.folder, tt.path, got, tt.want)
		}
	}
}

// ruleFor returns the key of mayImport that holds for folder.
func ruleFor(folder string) string {
	best := ""
	for _, k := range slices.Sorted(maps.Keys(mayImport)) {
		if under(folder, k) && len(k) > len(best) {
			best = k
		}
	}
	return best
}

func allowed(rule, folder, path string) bool {
	if isOffLimits(folder, path) {
		return false
	}
	short := strings.TrimPrefix(path, module+"/")
	if short != path && (under(short, folder) || under(short, "cmd")) {
		return true
	}
	ok := func(prefix string) bool { return under(short, prefix) }
	within := under(folder, rule) && under(short, rule)
	return (within || slices.ContainsFunc(mayImport[rule], ok)) && !slices.ContainsFunc(exceptIn[rule], ok)
}

// isOffLimits reports whether path is a command or a test of somebody else.
// Commands may share what is in cmd/internal.
func isOffLimits(folder, path string) bool {
	short, ok := strings.CutPrefix(path, module+"/")
	switch {
	case !ok || under(short, folder):
		return false
	case under(short, "cmd/internal"):
		return !under(folder, "cmd")
	}
	return under(short, "cmd") || under(short, "tests")
}

func under(path, folder string) bool {
	return path == folder || strings.HasPrefix(path, folder+"/")
}

// TestPlatforms type checks the libraries and their tests for every platform.
func TestPlatforms(t *testing.T) {
	for _, goos := range platforms {
		cmd := exec.CommandContext(t.Context(), "go", "vet", "./lib9p/...", "./styxpersist/...", "./dial/...", "./man/...")
		cmd.Dir = ".."
		cmd.Env = append(os.Environ(), "GOOS="+goos, "CGO_ENABLED=0")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%s: %v: %v\n%s", goos, cmd, err, out)
		}
	}
}
