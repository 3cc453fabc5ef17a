package load

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// A churner creates, changes, renames and removes files and directories, and knows at every moment
// what must be there. After an honest error it looks at what is there, and goes on from that.
type churner struct {
	*run
	*model
	dir   string
	rng   *rand.Rand
	plain bool // 9P2000: a rename stays in its directory and replaces nothing
}

// Churn works in the directory dir, which must exist and be empty. With the same seed it tries the same.
// Where plain is true, it asks for no more than 9P2000 can do.
func Churn(dir string, seed uint64, plain bool, in io.Reader, out io.Writer) *Report {
	c := &churner{
		run: start("churn", in, out), model: newModel(),
		dir: dir, rng: rand.New(rand.NewPCG(seed, 9)), plain: plain,
	}
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for !c.over() {
		<-tick.C
		start := time.Now()
		c.step()
		c.did(start)
	}
	got, err := Scan(dir)
	if err == nil {
		err = Differ(got, c.tree())
	}
	if err != nil {
		c.fault("at the end: %v", err)
	}
	c.report.Tree = c.tree()
	return c.end()
}

// step does one operation.
func (c *churner) step() {
	switch n := c.rng.IntN(100); {
	case n < 20:
		c.create()
	case n < 32:
		c.remove()
	case n < 46:
		c.rename()
	case n < 53:
		c.mkdir()
	case n < 58:
		c.rmdir()
	case n < 64:
		c.renameDir()
	case n < 72:
		c.rewrite()
	case n < 76:
		c.truncate()
	case n < 80:
		c.chmod()
	case n < 90:
		c.readBack()
	case n < 96:
		c.readDir()
	default:
		c.absent()
	}
}

// at returns the host's name of p.
func (c *churner) at(p string) string { return filepath.Join(c.dir, p) }

// must notes an error of an operation that has no honest one.
func (c *churner) must(op, p string, err error) bool {
	if err != nil {
		c.fault("%s %s: %v", op, p, err)
	}
	return err == nil
}

// unknown judges the error of a create, rename or remove. It reports whether the
// error is the honest one; any other is noted.
func (c *churner) unknown(op, p string, err error) bool {
	if !errors.Is(err, unix.EIO) {
		c.fault("%s %s: %v", op, p, err)
		return false
	}
	c.report.Honest++
	return true
}

// there looks whether p exists as a file or as a directory. What it cannot find out is a fault.
func (c *churner) there(op, p string, dir bool) bool {
	st, err := os.Lstat(c.at(p))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return false
	case err != nil:
		c.fault("look at %s after an interrupted %s: %v", p, op, err)
		return false
	case st.IsDir() != dir:
		c.fault("after an interrupted %s, %s is a %v", op, p, st.Mode())
		return false
	}
	return true
}

// holds notes when the file p has not the content that it must have.
func (c *churner) holds(op, p, want string) {
	got, err := os.ReadFile(c.at(p))
	if c.must(op, p, err) && string(got) != want {
		c.fault("%s: %s holds %s, not %s", op, p, summary(got), summary([]byte(want)))
	}
}

// fill gives an open and empty file its content, in a few pieces, and closes it.
func (c *churner) fill(f *os.File, p string) {
	defer c.closed(f)
	c.files[p] = ""
	for range c.rng.IntN(4) {
		c.next++
		piece := strings.Repeat(fmt.Sprintf("%s %d\n", p, c.next), 1+c.rng.IntN(800))
		n, err := f.WriteAt([]byte(piece), int64(len(c.files[p])))
		c.files[p] += piece[:n]
		if !c.must(fmt.Sprintf("write %d bytes, %d done,", len(piece), n), p, err) {
			return
		}
	}
}

func (c *churner) rewrite() {
	p, ok := pick(c.rng, c.files)
	if !ok {
		return
	}
	f, err := os.OpenFile(c.at(p), os.O_WRONLY|os.O_TRUNC, 0)
	if c.must("open and truncate", p, err) {
		c.fill(f, p)
	}
}

func (c *churner) truncate() {
	p, ok := pick(c.rng, c.files)
	if !ok {
		return
	}
	size := c.rng.IntN(len(c.files[p]) + 1)
	if c.must("truncate", p, os.Truncate(c.at(p), int64(size))) {
		c.files[p] = c.files[p][:size]
	}
}

func (c *churner) chmod() {
	p, ok := pick(c.rng, c.files)
	if !ok {
		return
	}
	mode := []fs.FileMode{0o600, 0o640, 0o644, 0o755}[c.rng.IntN(4)]
	if !c.must("chmod", p, os.Chmod(c.at(p), mode)) {
		return
	}
	st, err := os.Lstat(c.at(p))
	if c.must("stat", p, err) && st.Mode() != mode {
		c.fault("chmod %s: mode is %v, not %v", p, st.Mode(), mode)
	}
}

func (c *churner) readBack() {
	if p, ok := pick(c.rng, c.files); ok {
		c.holds("read", p, c.files[p])
	}
}

func (c *churner) readDir() {
	d, _ := pick(c.rng, c.dirs)
	entries, err := os.ReadDir(c.at(d))
	if !c.must("list", d, err) {
		return
	}
	var names []string
	for _, e := range entries {
		name := e.Name()
		if e.IsDir() {
			name += "/"
		}
		names = append(names, name)
	}
	slices.Sort(names)
	if want := c.list(d); !slices.Equal(names, want) {
		c.fault("list %s: %q, not %q", d, names, want)
	}
}

func (c *churner) absent() {
	d, _ := pick(c.rng, c.dirs)
	p := path.Join(d, "never")
	if _, err := os.Lstat(c.at(p)); !errors.Is(err, fs.ErrNotExist) {
		c.fault("stat %s, which is not there: %v", p, err)
	}
}
