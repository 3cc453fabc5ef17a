package load

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"math/rand/v2"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// A model is what should be there: paths below the churner's directory, "." for itself.
type model struct {
	files map[string]string // what is in them
	dirs  map[string]bool
	freed []string // names without a file, to be used again
	next  int      // the number of the next new name
}

const (
	mostFiles = 60
	mostDirs  = 12
	mostDepth = 3
)

func newModel() *model {
	return &model{files: make(map[string]string), dirs: map[string]bool{".": true}}
}

// pick returns one of the keys of m, the same one for the same state of rng.
func pick[V any](rng *rand.Rand, m map[string]V) (key string, ok bool) {
	keys := slices.Sorted(maps.Keys(m))
	if len(keys) == 0 {
		return "", false
	}
	return keys[rng.IntN(len(keys))], true
}

// pickDir returns a directory other than the root.
func (m *model) pickDir(rng *rand.Rand) (dir string, ok bool) {
	sub := maps.Clone(m.dirs)
	delete(sub, ".")
	return pick(rng, sub)
}

// newPath returns a path below dir that has no file. Half of the names were in use before.
func (m *model) newPath(rng *rand.Rand, dir string) string {
	if len(m.freed) > 0 && rng.IntN(2) == 0 {
		p := path.Join(dir, m.freed[rng.IntN(len(m.freed))])
		if _, used := m.files[p]; !used && !m.dirs[p] {
			return p
		}
	}
	m.next++
	return path.Join(dir, fmt.Sprintf("n%d", m.next))
}

// free remembers that the name of p can be used again.
func (m *model) free(p string) {
	const most = 16
	m.freed = append(m.freed, path.Base(p))
	if len(m.freed) > most {
		m.freed = m.freed[1:]
	}
}

// moved is the rename of a directory with all below it.
func (m *model) moved(from, to string) {
	for f, content := range maps.Clone(m.files) {
		if rest, below := strings.CutPrefix(f, from+"/"); below {
			delete(m.files, f)
			m.files[to+"/"+rest] = content
		}
	}
	for d := range maps.Clone(m.dirs) {
		if rest, below := strings.CutPrefix(d, from+"/"); below {
			delete(m.dirs, d)
			m.dirs[to+"/"+rest] = true
		}
	}
	delete(m.dirs, from)
	m.dirs[to] = true
	m.free(from)
}

// list returns what is in dir: names, with a slash behind those of directories.
func (m *model) list(dir string) (names []string) {
	for f := range m.files {
		if path.Dir(f) == dir {
			names = append(names, path.Base(f))
		}
	}
	for d := range m.dirs {
		if d != "." && path.Dir(d) == dir {
			names = append(names, path.Base(d)+"/")
		}
	}
	slices.Sort(names)
	return names
}

// tree returns the model as Scan would see it.
func (m *model) tree() map[string]string {
	t := make(map[string]string)
	for d := range m.dirs {
		t[d] = "directory"
	}
	for f, content := range m.files {
		t[f] = summary([]byte(content))
	}
	return t
}

// Scan returns what is below dir: "directory", or the length and checksum of a file, by relative path.
func Scan(dir string) (map[string]string, error) {
	t := make(map[string]string)
	err := filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(dir, p)
		if err != nil {
			return err
		}
		if d.IsDir() {
			t[rel] = "directory"
			return nil
		}
		if !d.Type().IsRegular() {
			return fmt.Errorf("%s is a %v", p, d.Type())
		}
		b, err := os.ReadFile(p)
		t[rel] = summary(b)
		return err
	})
	return t, err
}

func summary(b []byte) string {
	sum := sha256.Sum256(b)
	return fmt.Sprintf("%d bytes %s", len(b), hex.EncodeToString(sum[:8]))
}

// Differ tells every difference of two trees, nil where there is none.
func Differ(got, want map[string]string) error {
	var errs []error
	for _, p := range slices.Sorted(maps.Keys(want)) {
		if g, ok := got[p]; !ok {
			errs = append(errs, fmt.Errorf("%s is missing: %s", p, want[p]))
		} else if g != want[p] {
			errs = append(errs, fmt.Errorf("%s is %s, not %s", p, g, want[p]))
		}
	}
	for _, p := range slices.Sorted(maps.Keys(got)) {
		if _, ok := want[p]; !ok {
			errs = append(errs, fmt.Errorf("%s should not be there: %s", p, got[p]))
		}
	}
	return errors.Join(errs...)
}
