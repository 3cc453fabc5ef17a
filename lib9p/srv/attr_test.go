package srv_test

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"github.com/styxkit/styxkit/lib9p"
	"github.com/styxkit/styxkit/lib9p/client"
	"github.com/styxkit/styxkit/lib9p/srv"
)

func TestSetattr(t *testing.T) {
	onTrees(t, func(t *testing.T, tree srv.Tree) {
		ctx := t.Context()
		root := attach(t, tree, lib9p.L)
		f := put(t, root, "f", "x")
		g := got[*client.Fid](t)(root.Walk(ctx, "f"))
		for _, f := range []*client.Fid{f, g} {
			must(t, f.Setattr(ctx, &lib9p.Tsetattr{
				Valid: lib9p.SetMode | lib9p.SetAtime | lib9p.SetAtimeSet | lib9p.SetMtime | lib9p.SetMtimeSet | lib9p.SetCtime,
				Mode:  0o4750, Atime: lib9p.Time{Sec: 1e9, Nsec: 5000}, Mtime: lib9p.Time{Sec: 2e9, Nsec: 7000},
			}))
			a := got[*lib9p.Rgetattr](t)(f.Getattr(ctx, lib9p.GetAll))
			if a.Mode != lib9p.ModeRegular|0o4750 || a.Atime != (lib9p.Time{Sec: 1e9, Nsec: 5000}) || a.Mtime != (lib9p.Time{Sec: 2e9, Nsec: 7000}) {
				t.Errorf("got %+v", a)
			}
			must(t, f.Setattr(ctx, &lib9p.Tsetattr{Valid: lib9p.SetMtime}))
			a = got[*lib9p.Rgetattr](t)(f.Getattr(ctx, lib9p.GetAll))
			if a.Atime.Sec != 1e9 || a.Mtime.Sec == 2e9 {
				t.Errorf("got %+v", a)
			}
		}
		fails(t, root.Setattr(ctx, &lib9p.Tsetattr{Valid: lib9p.SetSize}), lib9p.EISDIR)
		if st := got[*lib9p.Rstatfs](t)(root.Statfs(ctx)); st.Namelen != 255 || st.Blocks == 0 {
			t.Errorf("got %+v", st)
		}
	})
}

func TestXattr(t *testing.T) {
	onTrees(t, func(t *testing.T, tree srv.Tree) {
		ctx := t.Context()
		root := attach(t, tree, lib9p.L)
		f := put(t, root, "f", "x")
		set := func(name, value string, flags uint32) error {
			x := got[*client.Fid](t)(f.Walk(ctx))
			if err := x.Xattrcreate(ctx, name, uint64(len(value)), flags); err != nil {
				x.Clunk(ctx)
				return err
			}
			if value != "" {
				got[int](t)(x.WriteAt(ctx, []byte(value[:1]), 0))
				got[int](t)(x.WriteAt(ctx, []byte(value[1:]), 1))
			}
			return x.Clunk(ctx)
		}
		get := func(name string) (string, error) {
			x, size, err := f.Xattrwalk(ctx, name)
			if err != nil {
				return "", err
			}
			defer x.Clunk(ctx)
			p := make([]byte, size+1)
			n, err := x.ReadFull(ctx, p, 0)
			if uint64(n) != size {
				t.Errorf("read %d bytes of %d: %v", n, size, err)
			}
			return string(p[:n]), nil
		}
		must(t, set("user.a", "value", 0))
		must(t, set("user.b", string(bytes.Repeat([]byte("x"), 1000)), lib9p.XattrCreate))
		must(t, set("user.empty", "", 0))
		fails(t, set("user.a", "other", lib9p.XattrCreate), lib9p.EEXIST)
		fails(t, set("user.c", "other", lib9p.XattrReplace), lib9p.ENODATA)
		fails(t, set("user.c", string(make([]byte, 70000)), 0), lib9p.E2BIG)
		if v := got[string](t)(get("user.a")); v != "value" {
			t.Errorf("got %q", v)
		}
		if v := got[string](t)(get("user.empty")); v != "" {
			t.Errorf("got %q", v)
		}
		names := strings.SplitAfter(got[string](t)(get("")), "\x00")
		slices.Sort(names)
		if want := []string{"", "user.a\x00", "user.b\x00", "user.empty\x00"}; !slices.Equal(names, want) {
			t.Errorf("got %q, want %q", names, want)
		}
		must(t, set("user.a", "", lib9p.XattrReplace)) // removes
		_, err := get("user.a")
		fails(t, err, lib9p.ENODATA)

		// Half a value is none, and without a clunk nothing is set.
		x := got[*client.Fid](t)(f.Walk(ctx))
		must(t, x.Xattrcreate(ctx, "user.h", 4, 0))
		got[int](t)(x.WriteAt(ctx, []byte("ab"), 0))
		_, err = x.WriteAt(ctx, []byte("abcd"), 2)
		fails(t, err, lib9p.ENOSPC)
		fails(t, x.Clunk(ctx), lib9p.EINVAL)
		_, err = get("user.h")
		fails(t, err, lib9p.ENODATA)

		c := dialect(t, tree, lib9p.L)
		r := got[*client.Fid](t)(c.Attach(ctx, nil, "glenda", "", lib9p.NoUid))
		y := got[*client.Fid](t)(r.Walk(ctx, "f"))
		must(t, y.Xattrcreate(ctx, "user.h", 2, 0))
		got[int](t)(y.WriteAt(ctx, []byte("ab"), 0))
		c.Close()
		_, err = get("user.h")
		fails(t, err, lib9p.ENODATA)
	})
}
