package memfs

import (
	"errors"
	"fmt"
	"net"
	"slices"
	"sync"
	"testing"

	"github.com/styxkit/styxkit/lib9p"
	"github.com/styxkit/styxkit/lib9p/client"
	"github.com/styxkit/styxkit/lib9p/srv"
)

// attach serves tree and returns its root, and what ends the connection.
func attach(t *testing.T, tree *Tree, uname string) (*client.Fid, func()) {
	t.Helper()
	a, b := net.Pipe()
	done := make(chan error, 1)
	go func() { done <- srv.Serve(t.Context(), b, tree) }()
	c, err := client.New(t.Context(), a, client.Options{})
	if err != nil {
		t.Fatal(err)
	}
	root, err := c.Attach(t.Context(), nil, uname, "", lib9p.NoUid)
	if err != nil {
		t.Fatal(err)
	}
	return root, func() { c.Close(); <-done }
}

// What is counted is nothing again when all is removed and closed, whatever was done.
func TestCounting(t *testing.T) {
	tree := New(Options{Limit: 1 << 20})
	empty, files := tree.used.Load(), tree.files.Load()
	root, end := attach(t, tree, "glenda")
	ctx := t.Context()
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			name := func(j int) string { return fmt.Sprint("f", (i*7+j)%20) }
			for j := range 100 {
				f, err := root.Clone(ctx)
				if err != nil {
					t.Error(err)
					return
				}
				if f.Lcreate(ctx, name(j), lib9p.LRDWR, 0o600, lib9p.NoUid) == nil {
					f.WriteAt(ctx, make([]byte, 5000), int64(j)<<20)
					f.Setattr(ctx, &lib9p.Tsetattr{Valid: lib9p.SetSize, Size: uint64(j) * 1000})
					root.Link(ctx, f, name(j+1))
				}
				root.Renameat(ctx, name(j), root, name(j+3))
				root.Mkdir(ctx, name(j+4), 0o700, lib9p.NoUid)
				root.Symlink(ctx, name(j+5), "target", lib9p.NoUid)
				if x, err := root.Walk(ctx, name(j+2)); err == nil {
					if x.Xattrcreate(ctx, "user.x", 3, 0) == nil {
						x.WriteAt(ctx, []byte("abc"), 0)
					}
					x.Clunk(ctx)
				}
				root.Unlinkat(ctx, name(j+6), 0)
				root.Unlinkat(ctx, name(j+6), lib9p.UnlinkDir)
				if j%2 == 0 {
					f.Clunk(ctx)
				}
			}
		})
	}
	wg.Wait()
	if tree.used.Load() > 1<<20 {
		t.Errorf("%d bytes are used", tree.used.Load())
	}
	for i := range 20 {
		name := fmt.Sprint("f", i)
		if root.Unlinkat(ctx, name, 0) != nil {
			root.Unlinkat(ctx, name, lib9p.UnlinkDir)
		}
	}
	end()
	if used, n := tree.used.Load(), tree.files.Load(); used != empty || n != files {
		t.Errorf("%d bytes and %d files are left, want %d and %d", used, n, empty, files)
	}
}

// Beyond the limit there is no space, and as soon as something goes there is.
func TestLimit(t *testing.T) {
	tree := New(Options{Limit: 1 << 20})
	root, end := attach(t, tree, "glenda")
	defer end()
	ctx := t.Context()
	f, _ := root.Clone(ctx)
	if err := f.Lcreate(ctx, "f", lib9p.LRDWR, 0o600, lib9p.NoUid); err != nil {
		t.Fatal(err)
	}
	// One write after the other: of several at once a later one may take the space that an earlier one lacks.
	n, err := 0, error(nil)
	for err == nil && n < 2<<20 {
		var m int
		m, err = f.WriteAt(ctx, make([]byte, 64<<10), int64(n))
		n += m
	}
	if !errors.Is(err, lib9p.ENOSPC) || n < 900<<10 || n > 1<<20 {
		t.Errorf("wrote %d, %v", n, err)
	}
	// A hole takes nothing.
	if err := f.Setattr(ctx, &lib9p.Tsetattr{Valid: lib9p.SetSize, Size: 1 << 50}); err != nil {
		t.Error(err)
	}
	st, err := root.Statfs(ctx)
	if err != nil || st.Bavail > 20 {
		t.Errorf("got %+v, %v", st, err)
	}
	made := 0
	for ; err == nil; made++ {
		_, err = root.Mkdir(ctx, fmt.Sprint(made), 0o700, lib9p.NoUid)
	}
	if !errors.Is(err, lib9p.ENOSPC) || made > 200 {
		t.Errorf("made %d directories: %v", made, err)
	}
	if err := f.Setattr(ctx, &lib9p.Tsetattr{Valid: lib9p.SetSize}); err != nil {
		t.Error(err)
	}
	if _, err := root.Mkdir(ctx, "more", 0o700, lib9p.NoUid); err != nil {
		t.Error(err)
	}
}

// Two trees have no qid in common.
func TestQids(t *testing.T) {
	a, b := New(Options{}).root.path, New(Options{}).root.path
	if a>>32 == b>>32 {
		t.Errorf("got %x and %x", a, b)
	}
}

func TestNames(t *testing.T) {
	var ns names
	ns.init()
	ns.learn(srv.User{Name: "rob", UID: 7})
	ns.learn(srv.User{Name: "rob", UID: 8}) // he has one
	ns.learn(srv.User{Name: "ken", UID: 7}) // it is taken
	ken := ns.owner(srv.User{Name: "ken", UID: lib9p.NoUid})
	got := []string{ns.UserName(7), ns.UserName(8), ns.UserName(ken)}
	if want := []string{"rob", "8", "ken"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if uid, ok := ns.UserID("9"); uid != 9 || !ok {
		t.Errorf("got %d", uid)
	}
}

// A directory is found by cookie whatever has gone from it.
func TestFind(t *testing.T) {
	d := &inode{names: make(map[string]*entry), last: firstCookie}
	var all []*entry
	for i := range 100 {
		e := &entry{name: fmt.Sprint(i), node: new(inode)}
		d.insert(e)
		all = append(all, e)
	}
	for len(all) > 0 {
		for cookie := uint64(0); cookie < 110; cookie++ {
			want := slices.IndexFunc(all, func(e *entry) bool { return e.cookie >= cookie })
			at := d.find(cookie)
			if want < 0 && at < len(d.order) || want >= 0 && (at >= len(d.order) || d.order[at] != all[want]) {
				t.Fatalf("cookie %d of %d: found at %d", cookie, len(all), at)
			}
		}
		i := len(all) * 2 / 3
		d.take(all[i])
		all = slices.Delete(all, i, i+1)
	}
}
