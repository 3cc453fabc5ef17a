package e2e

import (
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/styxkit/styxkit/tests/internal/lab"
)

// A file that is removed while a program has it open is the program's until it closes it, also when the server is killed
// meanwhile. Then nothing is left of it.
func TestRemovedWhileOpen(t *testing.T) {
	for _, c := range []struct {
		server, network, dialect string
	}{
		{"u9fs", "tcp", "9p2000"},
		{"u9fs", "unix", "9p2000.u"},
		{"u9fs", "tcp", "9p2000.L"},
		{"diod", "unix", "9p2000.L"},
		{"srv9pd", "tcp", "9p2000"},
	} {
		t.Run(c.server+" "+c.dialect, func(t *testing.T) {
			t.Parallel()
			s := lab.Kinds[c.server](t, c.network, t.TempDir())
			m := lab.MountAt(t, s, "-p", "-o", "dialect="+c.dialect)
			t.Run("removed", func(t *testing.T) { removed(t, s, m.Dir) })
			t.Run("replaced", func(t *testing.T) { replaced(t, s, m.Dir, c.dialect == "9p2000") })
			t.Run("in a directory that goes", func(t *testing.T) { goes(t, s, m.Dir, c.dialect == "9p2000.L") })
			left(t, s.Dir)
		})
	}
}

// removed is the program that removes its scratch file at once.
func removed(t *testing.T, s *lab.Server, dir string) {
	f := scratch(t, filepath.Join(dir, "scratch"), "before ")
	must(t, os.Remove(f.Name()))
	if names := namesIn(t, dir); len(names) > 0 {
		t.Errorf("after the remove there are %q", names)
	}
	if _, err := os.Lstat(f.Name()); !os.IsNotExist(err) {
		t.Errorf("it can be found: %v", err)
	}
	links(t, f, 0)
	for range 3 {
		s.Kill()
		s.Start()
		_, err := f.WriteString("after ")
		must(t, err)
	}
	stillHolds(t, f, "before after after after ")
	links(t, f, 0)
	must(t, f.Truncate(3))
	must(t, f.Close())
	left(t, s.Dir)
}

// replaced is an editor that saves a file that somebody reads.
func replaced(t *testing.T, s *lab.Server, dir string, plain bool) {
	old := scratch(t, filepath.Join(dir, "text"), "old")
	fresh := scratch(t, filepath.Join(dir, "text.new"), "new")
	must(t, fresh.Close())
	must(t, os.Rename(fresh.Name(), old.Name()))
	if names := namesIn(t, dir); !slices.Equal(names, []string{"text"}) {
		t.Errorf("there are %q", names)
	}
	s.Kill()
	s.Start()
	b, err := os.ReadFile(old.Name())
	must(t, err)
	if string(b) != "new" {
		t.Errorf("the file is %q", b)
	}
	_, err = old.Seek(0, io.SeekStart)
	must(t, err)
	switch got, err := io.ReadAll(old); {
	case err == nil && string(got) == "old":
	case plain && fmt.Sprint(err) == fmt.Sprintf("read %s: %v", old.Name(), syscall.ESTALE): // the server renames over files
	default:
		t.Errorf("who had it open reads %q, %v", got, err)
	}
	must(t, old.Close())
	must(t, os.Remove(old.Name()))
	left(t, s.Dir)
}

// goes removes the directory of a removed file, too, which the file survives where it can be moved.
func goes(t *testing.T, s *lab.Server, dir string, survives bool) {
	folder := filepath.Join(dir, "folder")
	must(t, os.Mkdir(folder, 0o755))
	f := scratch(t, filepath.Join(folder, "scratch"), "data")
	must(t, os.RemoveAll(folder))
	stillHolds(t, f, "data")
	if names := namesIn(t, dir); len(names) > 0 {
		t.Errorf("after the remove there are %q", names)
	}
	s.Kill()
	s.Start()
	if survives {
		stillHolds(t, f, "data")
	}
	must(t, f.Close())
	left(t, s.Dir)
}

func scratch(t *testing.T, name, data string) *os.File {
	t.Helper()
	f, err := os.Create(name)
	must(t, err)
	_, err = f.WriteString(data)
	must(t, err)
	return f
}

func stillHolds(t *testing.T, f *os.File, want string) {
	t.Helper()
	b := make([]byte, len(want)+1)
	n, err := f.ReadAt(b, 0)
	if string(b[:n]) != want || err != io.EOF {
		t.Errorf("%s holds %q, %v", f.Name(), b[:n], err)
	}
}

func links(t *testing.T, f *os.File, want uint64) {
	t.Helper()
	fi, err := f.Stat()
	must(t, err)
	if got := fi.Sys().(*syscall.Stat_t).Nlink; uint64(got) != want {
		t.Errorf("%s has %d links", f.Name(), got)
	}
}

func namesIn(t *testing.T, dir string) (names []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	must(t, err)
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

// left waits until a directory of the server's is empty.
func left(t *testing.T, dir string) {
	t.Helper()
	var names []string
	defer func() {
		if len(names) > 0 {
			t.Errorf("left on the server are %q", names)
		}
	}()
	lab.Until(t, lab.Patience, "nothing is left on the server", func() bool {
		names = namesIn(t, dir)
		return len(names) == 0
	})
}

// Programs make, remove and use scratch files all the time while the server is killed. None of them sees an error, nor anything
// but what it has written, and nothing is left.
func TestRemovedInAStorm(t *testing.T) {
	for _, name := range []string{"u9fs", "diod"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := lab.Kinds[name](t, "unix", t.TempDir())
			m := lab.MountAt(t, s, "-p", "-o", "dialect=9p2000.L")
			stop := make(chan struct{})
			var all sync.WaitGroup
			for i := range 4 {
				all.Go(func() {
					for n := 0; ; n++ {
						select {
						case <-stop:
							return
						default:
						}
						if err := scratchOnce(filepath.Join(m.Dir, fmt.Sprint("scratch", i)), n); err != nil {
							t.Error(err)
							return
						}
					}
				})
			}
			for range 15 {
				time.Sleep(time.Duration(100+rand.IntN(200)) * time.Millisecond) // of work between two kills
				s.Kill()
				s.Start()
			}
			close(stop)
			all.Wait()
			left(t, s.Dir)
		})
	}
}

// scratchOnce makes a file, has it removed or replaced, and writes and reads it before and after.
func scratchOnce(name string, n int) error {
	f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	defer f.Close()
	text := fmt.Sprintf("%s %d", name, n)
	if _, err := f.WriteAt([]byte(text[:5]), 0); err != nil {
		return err
	}
	if n%2 == 1 {
		if err := os.WriteFile(name+".new", nil, 0o600); err != nil {
			return err
		}
		if err := os.Rename(name+".new", name); err != nil {
			return err
		}
	}
	if err := os.Remove(name); err != nil {
		return err
	}
	if _, err := f.WriteAt([]byte(text[5:]), 5); err != nil {
		return err
	}
	b := make([]byte, len(text)+1)
	if k, err := f.ReadAt(b, 0); string(b[:k]) != text {
		return fmt.Errorf("%s holds %q, %v", text, b[:k], err)
	}
	fi, err := f.Stat()
	if err == nil && fi.Size() != int64(len(text)) {
		err = fmt.Errorf("%s has %d bytes", text, fi.Size())
	}
	return err
}
