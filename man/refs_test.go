package man

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// elsewhere are the pages of other systems that ours refer to.  It is here so
// that a misspelt name of one of ours is found.
var elsewhere = strings.Fields(`
	man(1) nroff(1) ssh(1) munge(1) socat(1) mk(1) 9p(1) 9pserve(4) 9pfuse(4) exportfs(4) factotum(4) import(4) styxpersist(2)
	fusermount3(1) mount(2) mount(8) umount(8) umount(2) fuse(4) fuse(8) diod(8) fstab(5) systemd.mount(5) systemd.automount(5) unix(7) tcp(7) modprobe(8) openat2(2) signal(7)
	open(2) fcntl(2) flock(2) xattr(7) read(2) write(2) rename(2) unlink(2) namespaces(7) user_namespaces(7) services(5)
	intro(5) version(5) auth(5) attach(5) walk(5) open(5) read(5) stat(5) remove(5) clunk(5) flush(5) error(5)`)

// reference is .IR name (section) with what may follow it.
var reference = regexp.MustCompile(`(?m)^\.IR ([a-z0-9_.]+) \(([1-8])\)`)

func TestReferences(t *testing.T) {
	known := elsewhere
	for _, p := range Pages() {
		for _, n := range append(p.Names, p.File) {
			known = append(known, n+"("+p.Section+")")
		}
	}
	for _, p := range Pages() {
		for _, m := range reference.FindAllStringSubmatch(p.Text, -1) {
			if ref := m[1] + "(" + m[2] + ")"; !slices.Contains(known, ref) {
				t.Errorf("%s: there is no page %s: is it one of another system, to be named in man/refs_test.go?", label(p), ref)
			}
		}
		body, _ := p.section("SEE ALSO")
		for _, fault := range seeAlsoFaults(body) {
			t.Errorf("%s: SEE ALSO: %s", label(p), fault)
		}
	}
}

// seeAlso is a line of SEE ALSO; all but the last reference end in a comma.
var seeAlso = regexp.MustCompile(`^\.IR [a-z0-9_.]+ \(([1-8])\)(,?)$`)

func seeAlsoFaults(body string) (faults []string) {
	lines := strings.Split(strings.TrimSpace(body), "\n")
	// After the references there may be literature, as text.
	n := slices.IndexFunc(lines, func(s string) bool { return !strings.HasPrefix(s, ".IR ") })
	if n < 0 {
		n = len(lines)
	}
	last := ""
	for i, line := range lines[:n] {
		m := seeAlso.FindStringSubmatch(line)
		switch {
		case m == nil:
			faults = append(faults, "not one reference to a line: "+line)
		case (m[2] == ",") != (i < n-1):
			faults = append(faults, "commas go between references: "+line)
		case m[1] < last:
			faults = append(faults, "not in the order of sections: "+line)
		default:
			last = m[1]
		}
	}
	return faults
}

func TestSeeAlsoFaults(t *testing.T) {
	for _, tt := range []struct{ body, fault string }{
		{".IR a (1),\n.IR b (2)\n", ""},
		{".IR a (1)\n.br\nA book\n", ""},
		{".IR a (1)\n.IR b (2)\n", "commas"},
		{".IR a (1),\n", "commas"},
		{".IR b (2),\n.IR a (1)\n", "order"},
		{".IR b (2) x\n", "not one reference"},
	} {
		if got := strings.Join(seeAlsoFaults(tt.body), "; "); !strings.Contains(got, tt.fault) || tt.fault == "" && got != "" {
			t.Errorf("%q: %q, want %q", tt.body, got, tt.fault)
		}
	}
}

// sources returns what the SOURCE section names, without the leading slash.
func sources(p Page) (folders []string) {
	body, _ := p.section("SOURCE")
	for line := range strings.Lines(body) {
		if name, args, ok := request(line); ok && name == "B" && len(args) == 1 {
			folders = append(folders, strings.TrimPrefix(args[0], "/"))
		}
	}
	return folders
}

func TestSources(t *testing.T) {
	for _, p := range Pages() {
		found := sources(p)
		if len(found) == 0 {
			t.Errorf("%s: SOURCE has no line like .B /styxpersist", label(p))
		}
		for _, name := range found {
			if _, err := os.Stat(filepath.Join("..", name)); err != nil {
				t.Errorf("%s: SOURCE: %v", label(p), err)
			}
		}
	}
}

// Each command has a page with its name and its folder; each package has its
// folder, or one above, on a page.
func TestCoverage(t *testing.T) {
	covered := map[string][]Page{}
	for _, p := range Pages() {
		for _, folder := range sources(p) {
			covered[folder] = append(covered[folder], p)
		}
	}
	for _, folder := range goFolders(t) {
		top, name, _ := strings.Cut(folder, "/")
		switch {
		case top == "tests" || strings.Contains(folder, "internal"):
		case top == "cmd":
			if !slices.ContainsFunc(covered[folder], func(p Page) bool { return slices.Contains(p.Names, name) }) {
				t.Errorf("%s: no page has %s under NAME and /%s under SOURCE", folder, name, folder)
			}
		default:
			above := folder
			for above != "." && covered[above] == nil {
				above = filepath.Dir(above)
			}
			if above == "." {
				t.Errorf("%s: no page has /%s under SOURCE, nor a folder above it", folder, folder)
			}
		}
	}
}

// goFolders returns the folders of the module that have Go files other than tests.
func goFolders(t *testing.T) (folders []string) {
	t.Helper()
	err := filepath.WalkDir("..", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		base := d.Name()
		if d.IsDir() && (base == "testdata" || len(base) > 2 && base[0] == '.') {
			return fs.SkipDir
		}
		folder, _ := filepath.Rel("..", filepath.Dir(name))
		if strings.HasSuffix(base, ".go") && !strings.HasSuffix(base, "_test.go") && !slices.Contains(folders, folder) {
			folders = append(folders, folder)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return folders
}
