package srv_test

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/styxkit/styxkit/lib9p"
	"github.com/styxkit/styxkit/lib9p/client"
	"github.com/styxkit/styxkit/lib9p/srv"
)

// must ends the test on an error.
func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// got is a value, or the end of the test.
func got[T any](t testing.TB) func(v T, err error) T {
	return func(v T, err error) T {
		t.Helper()
		must(t, err)
		return v
	}
}

// fails wants an error with the number.
func fails(t testing.TB, err error, want lib9p.Errno) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("got error %v, want %v", err, want)
	}
}

// put makes a file with contents and returns it open for reading and writing.
func put(t testing.TB, dir *client.Fid, name, contents string) *client.Fid {
	t.Helper()
	f := got[*client.Fid](t)(dir.Clone(t.Context()))
	must(t, f.Lcreate(t.Context(), name, lib9p.LRDWR|lib9p.LCREATE, 0o644, lib9p.NoUid))
	if contents != "" {
		got[int](t)(f.WriteFull(t.Context(), []byte(contents), 0))
	}
	return f
}

// contents reads an open file from its beginning.
func contents(t testing.TB, f *client.Fid) string {
	t.Helper()
	var b bytes.Buffer
	p := make([]byte, 4096)
	for {
		n, err := f.ReadAt(t.Context(), p, int64(b.Len()))
		if n == 0 {
			return b.String()
		}
		must(t, err)
		b.Write(p[:n])
	}
}

// opened walks from dir and opens.
func opened(t testing.TB, dir *client.Fid, flags uint32, names ...string) *client.Fid {
	t.Helper()
	f := got[*client.Fid](t)(dir.Walk(t.Context(), names...))
	must(t, f.Lopen(t.Context(), flags))
	return f
}

// list returns the names in a directory, read in pieces.
func list(t testing.TB, dir *client.Fid, count uint32) []string {
	t.Helper()
	d := opened(t, dir, lib9p.LRDONLY)
	defer d.Clunk(t.Context())
	var names []string
	var at uint64
	for {
		es := got[[]lib9p.Dirent](t)(d.Readdir(t.Context(), at, count))
		if len(es) == 0 {
			return names
		}
		for _, e := range es {
			names = append(names, e.Name)
			at = e.Offset
		}
	}
}

func TestFiles(t *testing.T) {
	onTrees(t, func(t *testing.T, tree srv.Tree) {
		ctx := t.Context()
		root := attach(t, tree, lib9p.L)
		f := put(t, root, "a", "hello, world\n")
		if s := contents(t, f); s != "hello, world\n" {
			t.Errorf("read %q", s)
		}
		must(t, f.Setattr(ctx, &lib9p.Tsetattr{Valid: lib9p.SetSize, Size: 5}))
		got[int](t)(f.WriteAt(ctx, []byte("!"), 10))
		if s := contents(t, f); s != "hello\x00\x00\x00\x00\x00!" {
			t.Errorf("read %q", s)
		}
		vers := f.Qid().Vers
		a := got[*lib9p.Rgetattr](t)(f.Getattr(ctx, lib9p.GetAll))
		if a.Size != 11 || a.Mode != lib9p.ModeRegular|0o644 || a.Nlink != 1 || a.Valid&(lib9p.GetBasic|lib9p.GetBtime) != lib9p.GetBasic|lib9p.GetBtime {
			t.Errorf("got %+v", a)
		}
		if a.Qid.Path != f.Qid().Path || a.Qid.Vers == vers {
			t.Errorf("qid was %v and is %v", f.Qid(), a.Qid)
		}
		must(t, f.Fsync(ctx, true))

		end := opened(t, root, lib9p.LWRONLY|lib9p.LAPPEND, "a")
		got[int](t)(end.WriteAt(ctx, []byte("end"), 0))
		if s := contents(t, f); s != "hello\x00\x00\x00\x00\x00!end" {
			t.Errorf("read %q", s)
		}
		_, err := end.ReadAt(ctx, make([]byte, 1), 0)
		fails(t, err, lib9p.EBADF)

		opened(t, root, lib9p.LWRONLY|lib9p.LTRUNC, "a")
		if s := contents(t, f); s != "" {
			t.Errorf("read %q", s)
		}
		_, err = f.WriteAt(ctx, []byte("x"), 1<<63-1)
		if err == nil {
			t.Error("wrote beyond 63 bits")
		}
		x := got[*client.Fid](t)(root.Clone(ctx))
		fails(t, x.Lcreate(ctx, "a", lib9p.LRDWR|lib9p.LEXCL, 0o600, 0), lib9p.EEXIST)
		must(t, x.Lcreate(ctx, "a", lib9p.LRDWR, 0o600, 0))
		fails(t, x.Lopen(ctx, lib9p.LRDONLY), lib9p.EBADF)
	})
}

func TestUnlinkWhileOpen(t *testing.T) {
	onTrees(t, func(t *testing.T, tree srv.Tree) {
		ctx := t.Context()
		root := attach(t, tree, lib9p.L)
		f := put(t, root, "a", "abc")
		must(t, root.Unlinkat(ctx, "a", 0))
		got[int](t)(f.WriteAt(ctx, []byte("def"), 3))
		must(t, f.Setattr(ctx, &lib9p.Tsetattr{Valid: lib9p.SetSize, Size: 4}))
		if s := contents(t, f); s != "abcd" {
			t.Errorf("read %q", s)
		}
		if a := got[*lib9p.Rgetattr](t)(f.Getattr(ctx, lib9p.GetBasic)); a.Nlink != 0 || a.Size != 4 {
			t.Errorf("got %+v", a)
		}
		must(t, f.Clunk(ctx))
		_, err := root.Walk(ctx, "a")
		fails(t, err, lib9p.ENOENT)
	})
}

func TestDirectories(t *testing.T) {
	onTrees(t, func(t *testing.T, tree srv.Tree) {
		ctx := t.Context()
		root := attach(t, tree, lib9p.L)
		want := []string{".", ".."}
		for i := range 200 {
			name := fmt.Sprintf("file-with-a-long-name-%03d", i)
			must(t, put(t, root, name, "").Clunk(ctx))
			want = append(want, name)
		}
		for _, count := range []uint32{100, 1000, 8000, 1 << 20} {
			names := list(t, root, count)
			slices.Sort(names)
			if !slices.Equal(names, want) {
				t.Fatalf("with count %d: got %d names: %q", count, len(names), names)
			}
		}
		d := opened(t, root, lib9p.LRDONLY)
		_, err := d.Readdir(ctx, 0, 20)
		fails(t, err, lib9p.EINVAL)
		_, err = d.ReadAt(ctx, make([]byte, 10), 0)
		fails(t, err, lib9p.EISDIR)

		got[lib9p.Qid](t)(root.Mkdir(ctx, "d", 0o755, lib9p.NoUid))
		_, err = root.Mkdir(ctx, "d", 0o755, lib9p.NoUid)
		fails(t, err, lib9p.EEXIST)
		fails(t, root.Unlinkat(ctx, "d", 0), lib9p.EISDIR)
		fails(t, root.Unlinkat(ctx, want[2], lib9p.UnlinkDir), lib9p.ENOTDIR)
		sub := got[*client.Fid](t)(root.Walk(ctx, "d"))
		put(t, sub, "x", "")
		fails(t, root.Unlinkat(ctx, "d", lib9p.UnlinkDir), lib9p.ENOTEMPTY)
		must(t, sub.Unlinkat(ctx, "x", 0))
		must(t, root.Unlinkat(ctx, "d", lib9p.UnlinkDir))
		_, err = sub.Mkdir(ctx, "y", 0o755, lib9p.NoUid)
		fails(t, err, lib9p.ENOENT)
	})
}

// What has not been seen yet is seen although something is removed meanwhile,
// and nothing is seen twice.
func TestReaddirWhileRemoving(t *testing.T) {
	onTrees(t, func(t *testing.T, tree srv.Tree) {
		ctx := t.Context()
		root := attach(t, tree, lib9p.L)
		left := make(map[string]bool)
		for i := range 300 {
			name := fmt.Sprint(i)
			must(t, put(t, root, name, "").Clunk(ctx))
			left[name] = true
		}
		d := opened(t, root, lib9p.LRDONLY)
		for at := uint64(0); ; {
			es := got[[]lib9p.Dirent](t)(d.Readdir(ctx, at, 600))
			if len(es) == 0 {
				break
			}
			for _, e := range es {
				at = e.Offset
				if e.Name == "." || e.Name == ".." {
					continue
				}
				if !left[e.Name] {
					t.Errorf("%s comes twice", e.Name)
				}
				delete(left, e.Name)
				must(t, root.Unlinkat(ctx, e.Name, 0))
			}
		}
		if len(left) > 0 {
			t.Errorf("%d names were not seen", len(left))
		}
	})
}

func TestWalk(t *testing.T) {
	onTrees(t, func(t *testing.T, tree srv.Tree) {
		ctx := t.Context()
		root := attach(t, tree, lib9p.L)
		got[lib9p.Qid](t)(root.Mkdir(ctx, "a", 0o755, lib9p.NoUid))
		a := got[*client.Fid](t)(root.Walk(ctx, "a"))
		got[lib9p.Qid](t)(a.Mkdir(ctx, "b", 0o755, lib9p.NoUid))
		put(t, a, "f", "f")
		b := got[*client.Fid](t)(root.Walk(ctx, "a", "b", "..", "..", "..", "a", "b"))
		if up := got[*client.Fid](t)(b.Walk(ctx, "..", "..", "..")); up.Qid().Path != root.Qid().Path {
			t.Errorf("the root is %v and above b is %v", root.Qid(), up.Qid())
		}
		_, err := a.Walk(ctx, "f", "x")
		fails(t, err, lib9p.ENOENT) // the first name was there: the client says what is missing
		_, err = root.Walk(ctx, "none", "x")
		fails(t, err, lib9p.ENOENT)

		_, err = root.Walk(ctx, strings.Repeat("n", 256))
		fails(t, err, lib9p.ENAMETOOLONG)

		p := talk(t, tree, lib9p.L)
		p.call(&lib9p.Tattach{Fid: 0, Afid: lib9p.NoFid, Nuname: lib9p.NoUid})
		walk := func(fid, newfid uint32, names ...string) lib9p.Msg {
			return p.call(&lib9p.Twalk{Fid: fid, Newfid: newfid, Wname: names})
		}
		if r, ok := walk(0, 1, "a", "none", "x").(*lib9p.Rwalk); !ok || len(r.Wqid) != 1 {
			t.Errorf("a walk that ends early: got %+v", r)
		}
		p.refused(&lib9p.Tclunk{Fid: 1}, lib9p.EBADF)
		if r, ok := walk(0, 0, "a", "none").(*lib9p.Rwalk); !ok || len(r.Wqid) != 1 {
			t.Errorf("a walk that ends early: got %+v", r)
		}
		if r := p.call(&lib9p.Tgetattr{Fid: 0}).(*lib9p.Rgetattr); r.Qid.Path != root.Qid().Path {
			t.Error("a walk that failed has moved the fid")
		}
		for _, name := range []string{"", ".", "a/b", "/", "a\x00"} {
			p.refused(&lib9p.Twalk{Fid: 0, Newfid: 1, Wname: []string{name}}, lib9p.EINVAL)
		}
		p.refused(&lib9p.Twalk{Fid: 0, Newfid: lib9p.NoFid}, lib9p.EBADF)
		walk(0, 1)
		p.refused(&lib9p.Twalk{Fid: 0, Newfid: 1}, lib9p.EBADF)
		p.refused(&lib9p.Tattach{Fid: 1, Afid: lib9p.NoFid}, lib9p.EBADF)
		p.call(&lib9p.Tlopen{Fid: 1})
		p.refused(&lib9p.Twalk{Fid: 1, Newfid: 1, Wname: []string{"a"}}, lib9p.EBADF)
		if r, ok := walk(0, 0, "a", "b").(*lib9p.Rwalk); !ok || len(r.Wqid) != 2 {
			t.Errorf("moving a fid: got %+v", r)
		}
		if r := p.call(&lib9p.Tgetattr{Fid: 0}).(*lib9p.Rgetattr); r.Qid.Path != b.Qid().Path {
			t.Error("the fid has not moved")
		}
	})
}

func TestRename(t *testing.T) {
	onTrees(t, func(t *testing.T, tree srv.Tree) {
		ctx := t.Context()
		root := attach(t, tree, lib9p.L)
		mkdir := func(dir *client.Fid, name string) *client.Fid {
			got[lib9p.Qid](t)(dir.Mkdir(ctx, name, 0o755, lib9p.NoUid))
			return got[*client.Fid](t)(dir.Walk(ctx, name))
		}
		a := mkdir(root, "a")
		b := mkdir(a, "b")
		c := mkdir(b, "c")
		must(t, put(t, c, "f", "deep").Clunk(ctx))
		f := got[*client.Fid](t)(c.Walk(ctx, "f"))
		z := mkdir(root, "z")
		// Both forms, up and down, several times: descriptors are few, and
		// every fid has to find its file again.
		for i := range 5 {
			must(t, root.Renameat(ctx, "a", z, "moved"))
			fails(t, z.Rename(ctx, b, "loop"), lib9p.EINVAL)
			must(t, a.Rename(ctx, root, "a"))
			must(t, b.Rename(ctx, root, fmt.Sprint("b", i)))
			must(t, root.Renameat(ctx, fmt.Sprint("b", i), a, "b"))
			for j := range 12 { // out of the cache with the others
				must(t, put(t, z, fmt.Sprint(j), "").Clunk(ctx))
				got[*client.Fid](t)(z.Walk(ctx, fmt.Sprint(j)))
			}
			g := got[*client.Fid](t)(f.Clone(ctx))
			must(t, g.Lopen(ctx, lib9p.LRDONLY))
			if s := contents(t, g); s != "deep" {
				t.Fatalf("read %q", s)
			}
		}
		// A fid stays on its file when another takes the name.
		must(t, put(t, root, "old", "old").Clunk(ctx))
		must(t, put(t, root, "new", "new").Clunk(ctx))
		old := opened(t, root, lib9p.LRDONLY, "old")
		must(t, root.Renameat(ctx, "new", root, "old"))
		if s := contents(t, old); s != "old" {
			t.Errorf("read %q", s)
		}
		if s := contents(t, opened(t, root, lib9p.LRDONLY, "old")); s != "new" {
			t.Errorf("read %q", s)
		}
		fails(t, root.Renameat(ctx, "none", root, "x"), lib9p.ENOENT)
		fails(t, root.Renameat(ctx, "old", root, "z"), lib9p.EISDIR)
		fails(t, root.Renameat(ctx, "z", root, "old"), lib9p.ENOTDIR)
		fails(t, root.Renameat(ctx, "a", root, "z"), lib9p.ENOTEMPTY)
		fails(t, root.Rename(ctx, a, "root"), lib9p.EBUSY)
		// Two links of one file: nothing happens.
		must(t, root.Link(ctx, f, "l1"))
		must(t, root.Link(ctx, f, "l2"))
		must(t, root.Renameat(ctx, "l1", root, "l2"))
		got[*client.Fid](t)(root.Walk(ctx, "l1"))
		// What was renamed is removed where it is now.
		must(t, f.Remove(ctx))
		_, err := c.Walk(ctx, "f")
		fails(t, err, lib9p.ENOENT)
	})
}

func TestLinks(t *testing.T) {
	onTrees(t, func(t *testing.T, tree srv.Tree) {
		ctx := t.Context()
		root := attach(t, tree, lib9p.L)
		q := got[lib9p.Qid](t)(root.Symlink(ctx, "s", "../../etc/passwd", lib9p.NoUid))
		s := got[*client.Fid](t)(root.Walk(ctx, "s"))
		if s.Qid() != q || q.Type != 0x02 {
			t.Errorf("got %v and %v", s.Qid(), q)
		}
		if target := got[string](t)(s.Readlink(ctx)); target != "../../etc/passwd" {
			t.Errorf("got %q", target)
		}
		fails(t, s.Lopen(ctx, lib9p.LRDONLY), lib9p.ELOOP)
		_, err := root.Walk(ctx, "s", "x")
		if err == nil {
			t.Error("walked through a symbolic link")
		}
		f := put(t, root, "f", "x")
		_, err = f.Readlink(ctx)
		fails(t, err, lib9p.EINVAL)
		must(t, root.Link(ctx, f, "g"))
		fails(t, root.Link(ctx, f, "g"), lib9p.EEXIST)
		must(t, root.Link(ctx, s, "t")) // of the link itself
		u := got[*client.Fid](t)(root.Walk(ctx, "t"))
		if u.Qid().Path != q.Path {
			t.Errorf("a link to a symbolic link is %v and not %v", u.Qid(), q)
		}
		if a := got[*lib9p.Rgetattr](t)(f.Getattr(ctx, lib9p.GetAll)); a.Nlink != 2 {
			t.Errorf("got %+v", a)
		}
		got[lib9p.Qid](t)(root.Mkdir(ctx, "d", 0o700, lib9p.NoUid))
		d := got[*client.Fid](t)(root.Walk(ctx, "d"))
		fails(t, root.Link(ctx, d, "e"), lib9p.EPERM)
		got[lib9p.Qid](t)(root.Mknod(ctx, "p", lib9p.ModePipe|0o600, 0, 0, lib9p.NoUid))
		p := got[*client.Fid](t)(root.Walk(ctx, "p"))
		if a := got[*lib9p.Rgetattr](t)(p.Getattr(ctx, lib9p.GetAll)); a.Mode&lib9p.ModeFmt != lib9p.ModePipe {
			t.Errorf("got %+v", a)
		}
		got[lib9p.Qid](t)(root.Mknod(ctx, "r", 0o600, 0, 0, lib9p.NoUid))
		must(t, got[*client.Fid](t)(root.Walk(ctx, "r")).Lopen(ctx, lib9p.LRDWR))
	})
}
