// Package host tests how the toolkit fits into a Linux host: its Debian package, mount(8) and fstab, systemd's units,
// and the completions of shells.
package host

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/styxkit/styxkit/tests/internal/lab"
)

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// top is the tree that is tested.
func top(t *testing.T) string {
	t.Helper()
	dir, err := filepath.Abs("../..")
	must(t, err)
	return dir
}

// mk runs a target of the mkfile. Variables come first, as in PREFIX=/usr.
func mk(t *testing.T, args ...string) string {
	t.Helper()
	name := ""
	for _, n := range []string{"mk", "/usr/lib/plan9/bin/mk", "/usr/local/plan9/bin/mk"} {
		if p, err := exec.LookPath(n); err == nil {
			name = p
			break
		}
	}
	if name == "" {
		t.Skip("there is no mk: install the package 9base")
	}
	cmd := exec.Command(name, args...)
	cmd.Dir = top(t)
	cmd.Env = append(os.Environ(), "PATH="+os.Getenv("PATH")+":"+filepath.Dir(name))
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("mk %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

// files lists what is not a directory below dir.
func files(t *testing.T, dir string) (list []string) {
	t.Helper()
	must(t, filepath.WalkDir(dir, func(p string, d os.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			list = append(list, strings.TrimPrefix(p, dir))
		}
		return err
	}))
	return list
}

// What is installed works without the tree, and goes away again.
func TestInstall(t *testing.T) {
	to := t.TempDir()
	mk(t, "PREFIX=/opt/styx", "DESTDIR="+to, "install")
	styx := filepath.Join(to, "opt/styx/bin/styx")
	out, err := exec.Command(styx, "man", "5", "recover").CombinedOutput()
	if err != nil || !strings.Contains(string(out), "what becomes of each message") {
		t.Errorf("styx man 5 recover: %v\n%s", err, out)
	}
	if link, err := os.Readlink(filepath.Join(to, "sbin/mount.styx")); err != nil || link != "/opt/styx/lib/styxkit/bin/mount" {
		t.Errorf("mount.styx leads to %q, %v", link, err)
	}
	mk(t, "PREFIX=/opt/styx", "DESTDIR="+to, "uninstall")
	if left := files(t, to); len(left) > 0 {
		t.Errorf("uninstall leaves %v", left)
	}
}

// The package is installed in a mount name space of its own, over copies of the folders that it
// changes, so the machine stays as it is. There mount(8) and fstab work as on any host.
func TestPackage(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can install a package and call mount")
	}
	out := t.TempDir()
	mk(t, "OUT="+out, "deb")
	debs, err := filepath.Glob(filepath.Join(out, "*.deb"))
	if err != nil || len(debs) != 1 {
		t.Fatalf("mk deb makes %v, %v", debs, err)
	}
	script, err := filepath.Abs("testdata/package.sh")
	must(t, err)
	cmd := exec.Command("unshare", "-m", "bash", script, debs[0])
	cmd.Dir = t.TempDir()
	p := lab.Start(t, cmd)
	if state := p.Wait(4 * lab.Patience); !state.Success() || !strings.HasSuffix(p.Out(), "everything works\n") {
		t.Fatalf("%v\n%s%s", state, p.Out(), p.Err())
	}
}

// systemd takes the example of a unit.
func TestUnit(t *testing.T) {
	if _, err := exec.LookPath("systemd-analyze"); err != nil {
		t.Skip("there is no systemd-analyze: install the package systemd")
	}
	unit := filepath.Join(top(t), "cmd/mount/host/n-data.mount")
	out, err := exec.Command("systemd-analyze", "verify", "--man=no", unit).CombinedOutput()
	if err != nil || strings.Contains(string(out), "n-data.mount") {
		t.Errorf("systemd-analyze verify: %v\n%s", err, out)
	}
	if text, err := os.ReadFile(unit); err != nil || strings.Contains(string(text), "TODO") {
		t.Error(err)
	}
}

// completion is what a shell offers after a line.
type completion struct{ line, offers, hides string }

var completions = []completion{
	{"styx mo", "mount", "unmount"},
	{"styx unm", "unmount", "ramfs"},
	{"styx man rec", "recover", "mount"},
	{"styx mount -t f", "fuse", "v9fs"},
	{"styx mount -o ro,allow", "allow_other", "uid"},
}

func TestBash(t *testing.T) {
	const script = `
source cmd/completion/styx.bash
PATH=$PWD:$PATH
read -ra COMP_WORDS <<<"$1"
COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
compopt() { :; } # there is no line being edited
_styx
printf '%s\n' "${COMPREPLY[@]}"
`
	for _, c := range completions {
		cmd := exec.Command("bash", "-c", script, "bash", c.line)
		cmd.Dir = top(t)
		out, err := cmd.CombinedOutput()
		check(t, c, string(out), err)
	}
}

func check(t *testing.T, c completion, out string, err error) {
	t.Helper()
	words := strings.FieldsFunc(out, func(r rune) bool { return strings.ContainsRune(" \r\n\t,", r) })
	if err != nil || !strings.Contains(fmt.Sprint(words), c.offers) || slices.Contains(words, c.hides) {
		t.Errorf("after %q the shell offers %q, %v; want %s and not %s", c.line, out, err, c.offers, c.hides)
	}
}

// zsh completes in a terminal of its own.
func TestZsh(t *testing.T) {
	if _, err := exec.LookPath("zsh"); err != nil {
		t.Skip("there is no zsh: install the package zsh")
	}
	for _, c := range completions {
		cmd := exec.Command("zsh", "-f", "testdata/complete.zsh", top(t), c.line, c.offers)
		cmd.Env = append(os.Environ(), "HOME="+t.TempDir())
		out, err := cmd.CombinedOutput()
		check(t, c, string(out), err)
	}
}
