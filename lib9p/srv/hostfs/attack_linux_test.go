package hostfs_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/styxkit/styxkit/lib9p"
	"github.com/styxkit/styxkit/lib9p/client"
	"github.com/styxkit/styxkit/lib9p/srv/hostfs"
)

// attackTime is how long the attacker has.
const attackTime = 1500 * time.Millisecond

// An attacker works in the host while clients walk: what it does is done again
// and again, as fast as it goes.
func attack(t *testing.T, do ...func() error) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	for _, f := range do {
		wg.Go(func() {
			for ctx.Err() == nil {
				if err := f(); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	return func() { cancel(); wg.Wait() }
}

// exchange swaps two names.
func exchange(a, b string) func() error {
	return func() error { return unix.Renameat2(unix.AT_FDCWD, a, unix.AT_FDCWD, b, unix.RENAME_EXCHANGE) }
}

// Nobody comes out of the directory, whatever is swapped while he walks. What
// says "secret" is never inside, but symbolic links lead there, and a directory
// that is walked in is now inside and now out there.
func TestAttack(t *testing.T) {
	for _, descriptors := range []int{1, 1000} {
		base := t.TempDir()
		in, out := filepath.Join(base, "in"), filepath.Join(base, "out")
		files(t, base, "in/d/f", "in/file", "in/keep/", "in/m/sub/f", "out/")
		for _, name := range []string{"out/secret", "secret", "out/f"} {
			must(t, os.WriteFile(filepath.Join(base, name), []byte("secret"), 0o600))
		}
		must(t, os.Symlink(out, filepath.Join(in, "link")))
		must(t, os.Symlink("../out/secret", filepath.Join(in, "filelink")))
		must(t, os.Symlink("/", filepath.Join(in, "slash")))
		inM, outM := filepath.Join(in, "m"), filepath.Join(out, "m")
		secret := filepath.Join(outM, "secret")
		c := serve(t, in, hostfs.Options{Descriptors: descriptors})
		stop := attack(t,
			exchange(filepath.Join(in, "d"), filepath.Join(in, "link")),
			exchange(filepath.Join(in, "file"), filepath.Join(in, "filelink")),
			exchange(filepath.Join(in, "keep"), filepath.Join(in, "slash")),
			func() error {
				must(t, os.Rename(inM, outM))
				os.Remove(secret) // the one that clients make inside, which they may read
				if f, err := os.OpenFile(secret, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600); err == nil {
					f.WriteString("secret")
					f.Close()
					os.Remove(secret)
				}
				must(t, os.Rename(outM, inM))
				for range 50 { // for others to get in
					os.Stat(inM)
				}
				return nil
			})
		seen := visit(t, attach(t, c, ""), "in/d/f", "in/file", "in/m/sub/f", "made")
		stop()
		for what, n := range seen {
			if strings.Contains(what, "secret") || strings.Contains(what, "root:") {
				t.Errorf("%d times %.20q was read", n, what)
			}
		}
		for _, name := range []string{"out/secret", "secret", "out/f"} {
			st := got[os.FileInfo](t)(os.Stat(filepath.Join(base, name)))
			if b := got[[]byte](t)(os.ReadFile(filepath.Join(base, name))); string(b) != "secret" || st.Mode() != 0o600 {
				t.Errorf("%s is %q with mode %v", name, b, st.Mode())
			}
		}
		for _, dir := range []string{base, out} {
			for _, e := range got[[]os.DirEntry](t)(os.ReadDir(dir)) {
				if strings.HasPrefix(e.Name(), "made") {
					t.Errorf("%s was made in %s", e.Name(), dir)
				}
			}
		}
	}
}

// visit does all that a client can do to get out, and counts what it has read.
// It does so for a while and until it has come across all that it should,
// without which the test would show nothing.
func visit(t *testing.T, root *client.Fid, should ...string) map[string]int {
	begin := time.Now()
	var mu sync.Mutex
	seen := make(map[string]int)
	look := func(dir *client.Fid, names ...string) {
		s, err := read(t, dir, names...)
		if _, broken := errors.AsType[*client.ConnError](err); broken {
			t.Error(err)
		}
		if err == nil {
			mu.Lock()
			seen[s]++
			mu.Unlock()
		}
	}
	over := func() bool {
		mu.Lock()
		defer mu.Unlock()
		missing := slices.IndexFunc(should, func(what string) bool { return seen[what] == 0 })
		switch t := time.Since(begin); {
		case t < attackTime:
			return false
		case missing < 0:
			return true
		default:
			return t > patience
		}
	}
	loops := []func(){
		func() {
			look(root, "d", "f")
			look(root, "d", "secret")
			look(root, "link", "secret")
			look(root, "link", "f")
			look(root, "slash", "etc", "passwd")
			look(root, "keep", "etc", "passwd")
		},
		func() {
			look(root, "file")
			look(root, "filelink")
			look(root, "m", "sub", "f")
		},
		func() {
			for _, names := range [][]string{{"m"}, {"m", "sub"}} {
				if m, err := root.Walk(t.Context(), names...); err == nil {
					look(m, "..", "secret")
					look(m, "..", "..", "secret")
					look(m, "..", "..", "..", "secret")
					look(m, "secret")
					look(m, "..", "secret")
					m.Clunk(t.Context())
				}
			}
		},
		func() { spoil(t, root, "d", "made", "secret", "f") },
		func() { spoil(t, root, "link", "made", "secret", "f") },
		func() { spoil(t, root, "", "file", "filelink") },
		func() {
			spoil(t, root, "m", "made", "secret")
			look(root, "m", "made")
		},
	}
	var wg sync.WaitGroup
	for _, f := range loops {
		wg.Go(func() {
			for !over() {
				f()
			}
		})
	}
	wg.Wait()
	for _, what := range should {
		if seen[what] == 0 {
			t.Errorf("nobody has ever read what says %q", what)
		}
	}
	return seen
}

// spoil tries to write to files in a directory and to change their modes.
func spoil(t *testing.T, root *client.Fid, dir string, names ...string) {
	ctx := t.Context()
	for _, name := range names {
		d, err := root.Walk(ctx, strings.Fields(dir)...)
		if err != nil {
			continue
		}
		text := name
		if d.Lcreate(ctx, name, lib9p.LRDWR|lib9p.LTRUNC, 0o666, lib9p.NoUid) == nil {
			switch name {
			case "f":
				text = "in/d/f"
			case "file":
				text = "in/file"
			}
			if name != "secret" {
				d.WriteAt(ctx, []byte(text), 0)
			}
		}
		d.Clunk(ctx)
		if f, err := root.Walk(ctx, append(strings.Fields(dir), name)...); err == nil {
			f.Setattr(ctx, &lib9p.Tsetattr{Valid: lib9p.SetMode, Mode: 0o644})
			f.Readlink(ctx)
			f.Clunk(ctx)
		}
	}
}
