package e2e

import (
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/styxkit/styxkit/tests/internal/lab"
)

// renumbered is a server that gives its files other qids each time that it starts.
type renumbered struct {
	name    string
	start   func(t *testing.T, dir string) *lab.Server
	restart func(t *testing.T, s *lab.Server)
}

// renumberers are one that draws numbers, and those that serve a copy of the tree: all its inodes are others.
var renumberers = []renumbered{
	{"srv9pd", func(t *testing.T, dir string) *lab.Server {
		return lab.Srv9pdWith(t, "tcp", dir, func() []string { return []string{"-n"} })
	}, func(t *testing.T, s *lab.Server) { s.Restart() }},
	{"u9fs", func(t *testing.T, dir string) *lab.Server { return lab.U9fs(t, "unix", dir) }, restartCopy},
	{"diod", func(t *testing.T, dir string) *lab.Server { return lab.Diod(t, "unix", dir) }, restartCopy},
}

// restartCopy starts s again with a copy of its tree in the place of it.
func restartCopy(t *testing.T, s *lab.Server) {
	s.Kill()
	old := t.TempDir()
	must(t, os.Rename(s.Dir, filepath.Join(old, "tree")))
	if out, err := exec.Command("cp", "-a", filepath.Join(old, "tree"), s.Dir).CombinedOutput(); err != nil {
		t.Fatalf("cp: %v\n%s", err, out)
	}
	s.Start()
}

// makeTree makes what the tests of this file look at. Two trees whose texts are as long differ in nothing but the texts and, within
// the same second, the nanoseconds of their times.
func makeTree(t *testing.T, text string) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "served")
	must(t, os.MkdirAll(filepath.Join(dir, "sub"), 0o755))
	must(t, os.WriteFile(filepath.Join(dir, "sub", "text"), []byte(text), 0o644))
	must(t, os.WriteFile(filepath.Join(dir, "other"), []byte("other "+text), 0o644))
	return dir
}

// Programs go on when a server numbers its files anew, and see the same inodes.
func TestNumberedAnew(t *testing.T) {
	for _, c := range renumberers {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := c.start(t, makeTree(t, "some text"))
			m := lab.MountAt(t, s, "-p")
			p := newReaderOf(t, m.Dir)
			for range 3 {
				c.restart(t, s)
				p.goesOn()
			}
			p.ends(s.Dir)
		})
	}
}

// A readerOf is a program that reads one file and writes two others, of which it has removed one.
type readerOf struct {
	t             *testing.T
	dir           string
	reads, writes *os.File
	scratch       *os.File
	ino           uint64
	wrote         string
}

func newReaderOf(t *testing.T, dir string) *readerOf {
	t.Helper()
	p := &readerOf{t: t, dir: dir}
	var err error
	p.reads, err = os.Open(filepath.Join(dir, "sub", "text"))
	must(t, err)
	t.Cleanup(func() { p.reads.Close() })
	p.ino = inode(t, p.reads)
	p.writes, err = os.Create(filepath.Join(dir, "sub", "written"))
	must(t, err)
	t.Cleanup(func() { p.writes.Close() })
	p.scratch, err = os.Create(filepath.Join(dir, "sub", "scratch"))
	must(t, err)
	t.Cleanup(func() { p.scratch.Close() })
	must(t, os.Remove(p.scratch.Name()))
	p.goesOn()
	return p
}

func (p *readerOf) goesOn() {
	p.t.Helper()
	_, err := p.reads.Seek(0, io.SeekStart)
	must(p.t, err)
	b, err := io.ReadAll(p.reads)
	must(p.t, err)
	if string(b) != "some text" {
		p.t.Errorf("the file is %q", b)
	}
	_, err = p.writes.WriteString("more ")
	must(p.t, err)
	_, err = p.scratch.WriteString("more ")
	must(p.t, err)
	p.wrote += "more "
	if ino := inode(p.t, p.reads); ino != p.ino {
		p.t.Errorf("the file was inode %x and is %x", p.ino, ino)
	}
	holds(p.t, filepath.Join(p.dir, "other"), "other some text")
	holds(p.t, filepath.Join(p.dir, "sub", "written"), p.wrote)
}

func (p *readerOf) ends(served string) {
	p.t.Helper()
	must(p.t, p.writes.Close())
	stillHolds(p.t, p.scratch, p.wrote)
	must(p.t, p.scratch.Close())
	lab.Until(p.t, lab.Patience, "the removed file is gone from the server", func() bool {
		return len(namesIn(p.t, filepath.Join(served, "sub"))) == 2
	})
	holds(p.t, filepath.Join(served, "sub", "written"), p.wrote)
}

func inode(t *testing.T, f *os.File) uint64 {
	t.Helper()
	fi, err := f.Stat()
	must(t, err)
	return fi.Sys().(*syscall.Stat_t).Ino
}

// Another tree with the same names, at the same address, is not ours.
func TestAnotherTree(t *testing.T) {
	for _, c := range renumberers {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := c.start(t, makeTree(t, "some text"))
			m := lab.MountAt(t, s, "-p")
			f, err := os.Open(filepath.Join(m.Dir, "sub", "text"))
			must(t, err)
			defer f.Close()
			s.Kill()
			ours := filepath.Join(t.TempDir(), "ours")
			must(t, os.Rename(s.Dir, ours))
			must(t, os.Rename(makeTree(t, "MORE TEXT"), s.Dir))
			s.Start()
			b := make([]byte, 100)
			if n, err := f.ReadAt(b, 0); !errors.Is(err, syscall.ESTALE) {
				t.Errorf("another tree's file says %q, %v", b[:n], err)
			}
			if b, err := os.ReadFile(filepath.Join(m.Dir, "sub", "text")); err == nil {
				t.Errorf("another tree's file is %q", b)
			}
			// Ours is welcome again.
			s.Kill()
			must(t, os.RemoveAll(s.Dir))
			must(t, os.Rename(ours, s.Dir))
			s.Start()
			n, err := f.ReadAt(b, 0)
			if string(b[:n]) != "some text" {
				t.Errorf("the file says %q, %v", b[:n], err)
			}
		})
	}
}

// What the user says counts.
func TestQidsOption(t *testing.T) {
	for _, c := range []struct {
		policy string
		want   error
	}{{"auto", nil}, {"strict", syscall.ESTALE}, {"name", nil}} {
		t.Run(c.policy, func(t *testing.T) {
			t.Parallel()
			s := renumberers[0].start(t, makeTree(t, "some text"))
			m := lab.MountAt(t, s, "-p", "-o", "qids="+c.policy)
			f, err := os.Open(filepath.Join(m.Dir, "sub", "text"))
			must(t, err)
			defer f.Close()
			s.Restart()
			if _, err := f.ReadAt(make([]byte, 4), 0); !errors.Is(err, c.want) {
				t.Errorf("read: %v, not %v", err, c.want)
			}
		})
	}
}

// A server that takes smaller messages after a restart, and larger ones again, serves the same programs.
func TestSmallerMessages(t *testing.T) {
	t.Parallel()
	sizes := []string{"131096", "4096", "512", "65536"}
	at := 0
	dir := makeTree(t, "some text")
	s := lab.Srv9pdWith(t, "tcp", dir, func() []string {
		at++
		return []string{"-m", sizes[(at-1)%len(sizes)]}
	})
	m := lab.MountAt(t, s, "-p")
	p := newReaderOf(t, m.Dir)
	big := make([]byte, 300000)
	for i := range big {
		big[i] = byte(i * i >> 8)
	}
	f, err := os.Create(filepath.Join(m.Dir, "big"))
	must(t, err)
	defer f.Close()
	for range sizes {
		_, err := f.WriteAt(big, 0)
		must(t, err)
		holds(t, filepath.Join(dir, "big"), string(big))
		got := make([]byte, len(big))
		_, err = f.ReadAt(got, 0)
		must(t, err)
		if string(got) != string(big) {
			t.Error("what was written is not what is read")
		}
		if names := namesIn(t, m.Dir); len(names) != 3 {
			t.Errorf("the names are %q", names)
		}
		s.Restart()
		p.goesOn()
		for i := range big {
			big[i]++
		}
	}
}
