package srv_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"9fans.net/go/plan9"

	"github.com/styxkit/styxkit/lib9p"
	"github.com/styxkit/styxkit/lib9p/client"
	"github.com/styxkit/styxkit/lib9p/srv"
)

// create makes a file in dir by Tcreate.
func create(t testing.TB, dir *client.Fid, name string, perm uint32, mode uint8, ext string) *client.Fid {
	t.Helper()
	f := got[*client.Fid](t)(dir.Clone(t.Context()))
	must(t, f.Create(t.Context(), name, perm, mode, ext))
	return f
}

// old is opened for the mode of Topen.
func old(t testing.TB, dir *client.Fid, mode uint8, names ...string) *client.Fid {
	t.Helper()
	f := got[*client.Fid](t)(dir.Walk(t.Context(), names...))
	must(t, f.Open(t.Context(), mode))
	return f
}

// both runs a test in 9P2000 and .u.
func both(t *testing.T, f func(t *testing.T, tree srv.Tree, root *client.Fid, d lib9p.Dialect)) {
	onTrees(t, func(t *testing.T, tree srv.Tree) {
		for _, d := range []lib9p.Dialect{lib9p.P2000, lib9p.U} {
			t.Run(d.String(), func(t *testing.T) {
				root := attach(t, tree, d)
				// A directory for each, for they share the tree.
				create(t, root, d.String(), plan9.DMDIR|0o777, plan9.OREAD, "")
				f(t, tree, got[*client.Fid](t)(root.Walk(t.Context(), d.String())), d)
			})
		}
	})
}

func TestOldFiles(t *testing.T) {
	both(t, func(t *testing.T, _ srv.Tree, root *client.Fid, d lib9p.Dialect) {
		ctx := t.Context()
		f := create(t, root, "f", 0o666, plan9.ORDWR, "")
		got[int](t)(f.WriteAt(ctx, []byte("hello"), 0))
		st := got[lib9p.Stat](t)(f.Stat(ctx))
		if st.Name != "f" || st.Length != 5 || st.Mode != 0o666 || st.Qid.Path != f.Qid().Path || st.Uid == "" {
			t.Errorf("got %+v", st)
		}
		again := got[*client.Fid](t)(root.Clone(ctx))
		fails(t, again.Create(ctx, "f", 0o666, plan9.OWRITE, ""), lib9p.EEXIST)
		fails(t, again.Create(ctx, "d", plan9.DMDIR|0o777, plan9.OWRITE, ""), lib9p.EISDIR)
		fails(t, again.Open(ctx, plan9.OWRITE), lib9p.EISDIR)
		must(t, again.Open(ctx, plan9.OREAD))
		fails(t, again.Open(ctx, plan9.OREAD), lib9p.EBADF)

		old(t, root, plan9.OWRITE|plan9.OTRUNC, "f")
		if s := contents(t, f); s != "" {
			t.Errorf("read %q", s)
		}
		x := got[*client.Fid](t)(root.Walk(ctx, "f"))
		fails(t, x.Open(ctx, plan9.OEXEC), lib9p.EACCES)
		fails(t, x.Open(ctx, 0x08), lib9p.EINVAL)

		// ORCLOSE, by clunk and by the end of the session.
		tmp := create(t, root, "tmp", 0o600, plan9.OWRITE|plan9.ORCLOSE, "")
		must(t, tmp.Clunk(ctx))
		_, err := root.Walk(ctx, "tmp")
		fails(t, err, lib9p.ENOENT)
		must(t, old(t, root, plan9.ORDWR|plan9.ORCLOSE, "f").Clunk(ctx))
		_, err = root.Walk(ctx, "f")
		fails(t, err, lib9p.ENOENT)

		// Permissions come from the directory in 9P2000.
		dir := create(t, root, "dir", plan9.DMDIR|0o750, plan9.OREAD, "")
		if st := got[lib9p.Stat](t)(dir.Stat(ctx)); st.Mode != plan9.DMDIR|0o750 || st.Length != 0 {
			t.Errorf("got %+v", st)
		}
		sub := got[*client.Fid](t)(root.Walk(ctx, "dir"))
		g := create(t, sub, "g", 0o777, plan9.OREAD, "")
		want := plan9.Perm(0o751 | 0o010)
		if d == lib9p.U {
			want = 0o777
		}
		if st := got[lib9p.Stat](t)(g.Stat(ctx)); st.Mode != want {
			t.Errorf("mode is %o, want %o", st.Mode, want)
		}
		fails(t, sub.Remove(ctx), lib9p.ENOTEMPTY)
	})
}

func TestOrcloseAtHangup(t *testing.T) {
	onTrees(t, func(t *testing.T, tree srv.Tree) {
		a, b := tcpPair(t)
		done := start(t, b, tree)
		p := newPeer(t, a)
		p.send(lib9p.NoTag, &lib9p.Tversion{Msize: 8192, Version: "9P2000"})
		p.recv(lib9p.NoTag)
		p.call(&lib9p.Tattach{Fid: 0, Afid: lib9p.NoFid})
		p.call(&lib9p.Tcreate{Fid: 0, Name: "tmp", Perm: 0o600, Mode: plan9.ORCLOSE})
		a.Close()
		<-done
		_, err := attach(t, tree, lib9p.P2000).Walk(t.Context(), "tmp")
		fails(t, err, lib9p.ENOENT)
	})
}

func TestOldDirectory(t *testing.T) {
	both(t, func(t *testing.T, _ srv.Tree, root *client.Fid, d lib9p.Dialect) {
		ctx := t.Context()
		var want []string
		for i := range 100 {
			name := fmt.Sprintf("%03d%s", i, strings.Repeat("x", i))
			must(t, create(t, root, name, 0o600, plan9.OREAD, "").Clunk(ctx))
			want = append(want, name)
		}
		dir := old(t, root, plan9.OREAD)
		for _, count := range []uint32{300, 1000, 8000} {
			var names []string
			for at := uint64(0); ; {
				sts, next, err := dir.ReadDirStats(ctx, at, count)
				must(t, err)
				if len(sts) == 0 {
					break
				}
				for _, st := range sts {
					names = append(names, st.Name)
					if st.Mode != 0o600 || st.Qid.Path == 0 {
						t.Errorf("got %+v", st)
					}
				}
				at = next
			}
			slices.Sort(names)
			if !slices.Equal(names, want) {
				t.Errorf("with count %d: got %q", count, names)
			}
		}
		// The last one once more, as after a flush; no other place.
		p := make([]byte, 1000)
		n := got[int](t)(dir.ReadAt(ctx, p, 0))
		first := string(p[:n])
		m := got[int](t)(dir.ReadAt(ctx, p, int64(n)))
		second := string(p[:m])
		if m = got[int](t)(dir.ReadAt(ctx, p, int64(n))); string(p[:m]) != second {
			t.Error("the same read gives something else")
		}
		_, err := dir.ReadAt(ctx, p, 7)
		fails(t, err, lib9p.EINVAL)
		if n = got[int](t)(dir.ReadAt(ctx, p, 0)); string(p[:n]) != first {
			t.Error("the first read gives something else")
		}
		_, err = dir.ReadAt(ctx, p[:20], 0)
		fails(t, err, lib9p.EINVAL)
	})
}

func TestWstat(t *testing.T) {
	both(t, func(t *testing.T, _ srv.Tree, root *client.Fid, d lib9p.Dialect) {
		ctx := t.Context()
		f := create(t, root, "f", 0o644, plan9.ORDWR, "")
		got[int](t)(f.WriteAt(ctx, []byte("hello"), 0))
		must(t, create(t, root, "taken", 0o644, plan9.OREAD, "").Clunk(ctx))
		wstat := func(f *client.Fid, change func(*lib9p.Stat)) error {
			st := lib9p.NullStat()
			change(&st)
			return f.Wstat(ctx, &st)
		}
		must(t, wstat(f, func(*lib9p.Stat) {}))
		must(t, wstat(f, func(st *lib9p.Stat) {
			st.Name, st.Mode, st.Mtime, st.Length = "g", 0o600, 1e9, 3
		}))
		check := func(want string) {
			t.Helper()
			st := got[lib9p.Stat](t)(f.Stat(ctx))
			if s := fmt.Sprint(st.Name, " ", uint32(st.Mode), " ", st.Mtime, " ", st.Length); s != want {
				t.Errorf("got %s, want %s", s, want)
			}
		}
		check("g 384 1000000000 3")
		got[*client.Fid](t)(root.Walk(ctx, "g"))
		// All or nothing.
		fails(t, wstat(f, func(st *lib9p.Stat) { st.Name, st.Mode, st.Mtime, st.Length = "taken", 0o777, 5, 0 }), lib9p.EEXIST)
		check("g 384 1000000000 3")
		fails(t, wstat(f, func(st *lib9p.Stat) { st.Name, st.Mode = "h", plan9.DMDIR|0o777 }), lib9p.EPERM)
		fails(t, wstat(f, func(st *lib9p.Stat) { st.Name, st.Qid.Path = "h", 12345 }), lib9p.EPERM)
		fails(t, wstat(f, func(st *lib9p.Stat) { st.Name = "a/b" }), lib9p.EINVAL)
		check("g 384 1000000000 3")
		fails(t, wstat(root, func(st *lib9p.Stat) { st.Length = 1 }), lib9p.EISDIR)
		must(t, wstat(root, func(st *lib9p.Stat) { st.Length = 0 }))
		if d == lib9p.P2000 {
			fails(t, wstat(f, func(st *lib9p.Stat) { st.Uid = "54321" }), lib9p.EPERM)
		}
		// What is said to be as it is may be.
		st := got[lib9p.Stat](t)(f.Stat(ctx))
		must(t, f.Wstat(ctx, &st))
		check("g 384 1000000000 3")
		must(t, f.Remove(ctx))
		_, err := root.Walk(ctx, "g")
		fails(t, err, lib9p.ENOENT)
	})
}

func TestUnixExtensions(t *testing.T) {
	onTrees(t, func(t *testing.T, tree srv.Tree) {
		ctx := t.Context()
		root := attach(t, tree, lib9p.U)
		stat := func(names ...string) lib9p.Stat {
			t.Helper()
			return got[lib9p.Stat](t)(got[*client.Fid](t)(root.Walk(ctx, names...)).Stat(ctx))
		}
		must(t, create(t, root, "s", plan9.DMSYMLINK|0o777, plan9.OREAD, "to/there").Clunk(ctx))
		if st := stat("s"); st.Extension != "to/there" || st.Mode&plan9.DMSYMLINK == 0 || st.Qid.Type != plan9.QTSYMLINK {
			t.Errorf("got %+v", st)
		}
		must(t, create(t, root, "p", plan9.DMNAMEDPIPE|0o600, plan9.OREAD, "").Clunk(ctx))
		if st := stat("p"); st.Mode != plan9.DMNAMEDPIPE|0o600 {
			t.Errorf("got %+v", st)
		}
		bad := got[*client.Fid](t)(root.Clone(ctx))
		fails(t, bad.Create(ctx, "c", plan9.DMDEVICE|0o600, plan9.OREAD, "x 1 3"), lib9p.EINVAL)
		fails(t, bad.Create(ctx, "c", lib9p.DMLINK, plan9.OREAD, "4711"), lib9p.EBADF)
		fails(t, bad.Create(ctx, "c", plan9.DMAUTH|0o600, plan9.OREAD, ""), lib9p.EINVAL)

		p := talk(t, tree, lib9p.U)
		p.call(&lib9p.Tattach{Fid: 0, Afid: lib9p.NoFid, Nuname: lib9p.NoUid})
		p.call(&lib9p.Twalk{Fid: 0, Newfid: 1})
		p.call(&lib9p.Tcreate{Fid: 1, Name: "f", Perm: plan9.DMSETUID | 0o640, Mode: plan9.ORDWR | lib9p.OAPPENDU})
		if st := stat("f"); st.Mode != plan9.DMSETUID|0o640 { // writing may cost the bit
			t.Errorf("got %+v", st)
		}
		p.call(&lib9p.Twrite{Fid: 1, Data: []byte("a")})
		p.call(&lib9p.Twrite{Fid: 1, Data: []byte("b")})
		p.call(&lib9p.Twalk{Fid: 0, Newfid: 2})
		r := p.call(&lib9p.Tcreate{Fid: 2, Name: "l", Perm: lib9p.DMLINK, Extension: "1\n"}).(*lib9p.Rcreate)
		st := stat("l")
		if st.Qid.Path != stat("f").Qid.Path || r.Qid.Path != st.Qid.Path || st.Length != 2 {
			t.Errorf("got %+v", st)
		}
	})
}

// The tree in memory keeps what Plan 9 knows of files.
func TestPlan9Bits(t *testing.T) {
	tree := memTree()
	ctx := t.Context()
	root := attach(t, tree, lib9p.P2000)
	log := create(t, root, "log", plan9.DMAPPEND|0o600, plan9.OWRITE, "")
	got[int](t)(log.WriteAt(ctx, []byte("one"), 0))
	other := old(t, root, plan9.ORDWR|plan9.OTRUNC, "log")
	got[int](t)(other.WriteAt(ctx, []byte("two"), 0))
	if s := contents(t, other); s != "onetwo" {
		t.Errorf("read %q", s)
	}
	st := got[lib9p.Stat](t)(other.Stat(ctx))
	if st.Mode != plan9.DMAPPEND|0o600 || st.Qid.Type != plan9.QTAPPEND || st.Uid != "glenda" {
		t.Errorf("got %+v", st)
	}
	one := create(t, root, "one", plan9.DMEXCL|0o600, plan9.ORDWR, "")
	two := got[*client.Fid](t)(root.Walk(ctx, "one"))
	fails(t, two.Open(ctx, plan9.OREAD), lib9p.EAGAIN)
	must(t, one.Clunk(ctx))
	must(t, two.Open(ctx, plan9.OREAD))
	must(t, two.Clunk(ctx))
	must(t, old(t, root, plan9.OREAD, "one").Clunk(ctx))

	if hostTree != nil { // a host has nowhere to keep them, and says so
		root := attach(t, hostTree(t), lib9p.P2000)
		f := got[*client.Fid](t)(root.Clone(ctx))
		fails(t, f.Create(ctx, "log", plan9.DMAPPEND|0o600, plan9.OWRITE, ""), lib9p.EOPNOTSUPP)
		fails(t, f.Create(ctx, "one", plan9.DMEXCL|0o600, plan9.OWRITE, ""), lib9p.EOPNOTSUPP)
		must(t, f.Create(ctx, "tmp", plan9.DMTMP|0o600, plan9.OWRITE, ""))
	}
}
