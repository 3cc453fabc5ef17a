//go:build unix

package styxpersist

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/styxkit/styxkit/lib9p"
)

// TestScripts plays testdata/*.play. A file holds scripts that begin with a line "== name [dialects]",
// each played in 9P2000 (P), 9P2000.L (L), and, where no line is for one of these only, in 9P2000.u (U), unless dialects says in which.
func TestScripts(t *testing.T) {
	files, err := filepath.Glob("testdata/*.play")
	if err != nil || len(files) == 0 {
		t.Fatalf("no scripts: %v", err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		base := strings.TrimSuffix(filepath.Base(file), ".play")
		_, text2, _ := strings.Cut("\n"+string(text), "\n== ")
		for _, script := range strings.Split(text2, "\n== ") {
			title, script, _ := strings.Cut(script, "\n")
			name, dialects, _ := strings.Cut(title, " [")
			if dialects == "" {
				dialects = "PL"
				if !strings.Contains(script, "\nP| ") {
					dialects = "PUL"
				}
			}
			for _, d := range [...]lib9p.Dialect{lib9p.P2000, lib9p.U, lib9p.L} {
				if strings.Contains(dialects, dialectLetter(d)) {
					t.Run(base+"/"+name+"/"+dialectLetter(d), func(t *testing.T) { playScript(t, d, base+"/"+name, script) })
				}
			}
		}
	}
}

// The original has 41 known defects, and each is named by a script that would find it.
func TestScriptsNameDefects(t *testing.T) {
	files, err := filepath.Glob("testdata/*.play")
	if err != nil {
		t.Fatal(err)
	}
	named := make(map[string]bool)
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(text)) {
			if list, ok := strings.CutPrefix(line, "# original:"); ok {
				for _, n := range strings.FieldsFunc(list, func(r rune) bool { return r < '0' || r > '9' }) {
					named[n] = true
				}
			}
		}
	}
	for n := 1; n <= 41; n++ {
		if !named[strconv.Itoa(n)] {
			t.Errorf("no script says that it would find defect %d", n)
		}
	}
}
