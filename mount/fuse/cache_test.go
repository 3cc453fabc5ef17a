package fuse

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/styxkit/styxkit/lib9p"
	"github.com/styxkit/styxkit/lib9p/srv/hostfs"
)

func mountCached(t *testing.T, d lib9p.Dialect, c Cache) *rig {
	t.Helper()
	host := t.TempDir()
	must(t, os.WriteFile(filepath.Join(host, "f"), []byte("old"), 0o644))
	past := time.Now().Add(-time.Minute)
	must(t, os.Chtimes(filepath.Join(host, "f"), past, past))
	return mountTree(t, d, got(hostfs.New(host, hostfs.Options{}))(t), host, nil, func(o *Options) { o.Cache = c })
}

// behind changes the file without the mount's knowledge.
func (r *rig) behind(t *testing.T, content string) {
	t.Helper()
	must(t, os.WriteFile(filepath.Join(r.host, "f"), []byte(content), 0o644))
}

func (r *rig) reads(t *testing.T, want string) {
	t.Helper()
	if b := got(os.ReadFile(r.path("f")))(t); string(b) != want {
		t.Errorf("read %q, want %q", b, want)
	}
}

// What is not kept is seen at once, also by who has the file open.
func TestCacheNone(t *testing.T) {
	r := mountCached(t, lib9p.L, CacheNone)
	f := got(os.Open(r.path("f")))(t)
	defer f.Close()
	b := make([]byte, 100)
	for _, content := range []string{"old", "new", "a longer one"} {
		r.behind(t, content)
		r.reads(t, content)
		if n, _ := f.ReadAt(b, 0); string(b[:n]) != content {
			t.Errorf("by the open file read %q, want %q", b[:n], content)
		}
		if fi := got(os.Stat(r.path("f")))(t); fi.Size() != int64(len(content)) {
			t.Errorf("the size is %d, want %d", fi.Size(), len(content))
		}
	}
}

// Who opens a file sees what it holds then, even if length and name are as before.
func TestCacheOpen(t *testing.T) {
	for _, d := range dialects {
		t.Run(d.String(), func(t *testing.T) {
			r := mountCached(t, d, CacheOpen)
			r.reads(t, "old")
			r.behind(t, "new")
			r.reads(t, "new")
			r.behind(t, "NEW") // within what a clock of seconds can tell
			r.reads(t, "NEW")
		})
	}
}

// Data that are still good are not read again.
func TestCacheKeeps(t *testing.T) {
	for _, c := range []Cache{CacheOpen, CacheLoose} {
		t.Run(c.String(), func(t *testing.T) {
			r := mountCached(t, lib9p.L, c)
			r.reads(t, "old")
			n := r.b.node(r.b.last)
			if n == nil || n.kept.taken.IsZero() {
				t.Fatalf("nothing is kept of %+v", n)
			}
			first := n.kept
			r.reads(t, "old")
			if n.kept != first {
				t.Error("what was good is read again")
			}
		})
	}
}

// By the loose cache nothing is asked, until the kernel is told that it must.
func TestCacheLoose(t *testing.T) {
	r := mountCached(t, lib9p.L, CacheLoose)
	r.reads(t, "old")
	r.behind(t, "new")
	r.reads(t, "old")
	must(t, os.Rename(filepath.Join(r.host, "f"), filepath.Join(r.host, "g")))
	r.reads(t, "old")
	r.Drop()
	if _, err := os.Stat(r.path("f")); !os.IsNotExist(err) {
		t.Errorf("after Drop the old name is still there: %v", err)
	}
	must(t, os.Rename(filepath.Join(r.host, "g"), filepath.Join(r.host, "f")))
	r.reads(t, "new")
}

func TestStamps(t *testing.T) {
	now := time.Now()
	at := func(ago time.Duration) lib9p.Time { return lib9p.Time{Sec: uint64(now.Add(-ago).Unix())} }
	old := stamp{taken: now, size: 3, mtime: at(time.Minute)}
	for _, tt := range []struct {
		what     string
		was, now stamp
		holds    bool
	}{
		{"the same", old, old, true},
		{"longer", old, stamp{size: 4, mtime: old.mtime}, false},
		{"later", old, stamp{size: 3, mtime: at(0)}, false},
		{"another version", old, stamp{size: 3, mtime: old.mtime, version: 1}, false},
		{"never seen", stamp{}, stamp{}, false},
		{"just changed", stamp{taken: now, mtime: at(0)}, stamp{mtime: at(0)}, false},
		{"just changed, with a version", stamp{taken: now, mtime: at(0), version: 7}, stamp{mtime: at(0), version: 7}, true},
	} {
		if got := tt.was.holds(tt.now, coarse); got != tt.holds {
			t.Errorf("%s: holds is %v", tt.what, got)
		}
	}
}
