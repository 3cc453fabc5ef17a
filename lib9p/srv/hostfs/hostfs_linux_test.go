package hostfs_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/styxkit/styxkit/lib9p"
	"github.com/styxkit/styxkit/lib9p/client"
	"github.com/styxkit/styxkit/lib9p/srv/hostfs"
)

func TestAttach(t *testing.T) {
	dir := t.TempDir()
	files(t, dir, "a/b/f", "top")
	must(t, os.Symlink("/etc", filepath.Join(dir, "link")))
	c := serve(t, dir, hostfs.Options{})
	for _, aname := range []string{"", "/", dir, dir + "/"} {
		if s, err := read(t, attach(t, c, aname), "top"); s != "top" {
			t.Errorf("aname %q: read %q, %v", aname, s, err)
		}
	}
	for _, aname := range []string{"a/b", "/a/b/", dir + "/a/b"} {
		b := attach(t, c, aname)
		if s, err := read(t, b, "f"); s != "a/b/f" {
			t.Errorf("aname %q: read %q, %v", aname, s, err)
		}
		if up := walk(t, b, "..", ".."); up.Qid() != b.Qid() {
			t.Errorf("aname %q: left it for %v", aname, up.Qid())
		}
		if _, err := b.Walk(t.Context(), "..", "top"); err == nil {
			t.Errorf("aname %q: left it", aname)
		}
		// The entry of what is above tells nothing of it either.
		must(t, b.Lopen(t.Context(), lib9p.LRDONLY))
		for _, e := range got[[]lib9p.Dirent](t)(b.Readdir(t.Context(), 0, 1000)) {
			if e.Name == ".." && e.Qid.Path != b.Qid().Path {
				t.Errorf("aname %q: .. is %v", aname, e.Qid)
			}
		}
	}
	for aname, want := range map[string]lib9p.Errno{
		"none": lib9p.ENOENT, "a/../..": lib9p.EINVAL, "..": lib9p.EINVAL, "/etc": lib9p.ENOENT,
		"link/passwd": lib9p.ENOTDIR, dir + "x": lib9p.ENOENT,
	} {
		_, err := c.Attach(t.Context(), nil, "glenda", aname, lib9p.NoUid)
		fails(t, err, want)
	}
}

// Another run of the server gives the same qids, and takes the offsets in
// directories that the first one gave.
func TestRestart(t *testing.T) {
	ctx := t.Context()
	dir := t.TempDir()
	files(t, dir, "d/")
	for i := range 500 {
		files(t, dir, fmt.Sprintf("d/%03d", i))
	}
	type run struct {
		root, d *client.Fid
	}
	start := func() run {
		r := root(t, dir, hostfs.Options{})
		d := walk(t, r, "d")
		must(t, d.Lopen(ctx, lib9p.LRDONLY))
		return run{r, d}
	}
	one, two := start(), start()
	if one.root.Qid() != two.root.Qid() || one.d.Qid() != two.d.Qid() {
		t.Error("qids differ")
	}
	seen := make(map[string]bool)
	at := uint64(0)
	for i := 0; ; i++ {
		d := one.d
		if i%2 == 1 {
			d = two.d
		}
		es := got[[]lib9p.Dirent](t)(d.Readdir(ctx, at, 900))
		if len(es) == 0 {
			break
		}
		for _, e := range es {
			if seen[e.Name] {
				t.Errorf("%s comes twice", e.Name)
			}
			seen[e.Name] = true
			at = e.Offset
			if e.Name[0] != '.' {
				f := walk(t, two.root, "d", e.Name)
				if f.Qid().Path != e.Qid.Path || f.Qid().Type != e.Qid.Type {
					t.Errorf("%s is %v in the directory and %v walked to", e.Name, e.Qid, f.Qid())
				}
				f.Clunk(ctx)
			}
		}
	}
	if len(seen) != 502 {
		t.Errorf("saw %d names", len(seen))
	}
}

// The version of a qid changes with the contents, also when times are set back.
func TestVersion(t *testing.T) {
	ctx := t.Context()
	dir := t.TempDir()
	files(t, dir, "f")
	r := root(t, dir, hostfs.Options{})
	before := walk(t, r, "f").Qid()
	st := got[os.FileInfo](t)(os.Stat(filepath.Join(dir, "f")))
	must(t, os.WriteFile(filepath.Join(dir, "f"), []byte("g"), 0o666))
	must(t, os.Chtimes(filepath.Join(dir, "f"), st.ModTime(), st.ModTime()))
	after := walk(t, r, "f")
	if after.Qid().Path != before.Path || after.Qid().Vers == before.Vers {
		t.Errorf("qid was %v and is %v", before, after.Qid())
	}
	a := got[*lib9p.Rgetattr](t)(after.Getattr(ctx, lib9p.GetAll))
	if a.Qid != after.Qid() {
		t.Errorf("qid is %v by walk and %v by getattr", after.Qid(), a.Qid)
	}
}

func TestReadOnly(t *testing.T) {
	ctx := t.Context()
	dir := t.TempDir()
	files(t, dir, "f", "d/g")
	r := root(t, dir, hostfs.Options{ReadOnly: true})
	if s, err := read(t, r, "d", "g"); s != "d/g" {
		t.Errorf("read %q, %v", s, err)
	}
	f := walk(t, r, "f")
	clone := func() *client.Fid { return walk(t, r) }
	_, mkdir := r.Mkdir(ctx, "x", 0o777, 0)
	_, mknod := r.Mknod(ctx, "x", lib9p.ModeRegular, 0, 0, 0)
	_, symlink := r.Symlink(ctx, "x", "y", 0)
	x := clone()
	must(t, x.Xattrcreate(ctx, "user.x", 0, 0))
	for what, err := range map[string]error{
		"open for writing": walk(t, r, "f").Lopen(ctx, lib9p.LWRONLY),
		"open truncating":  walk(t, r, "f").Lopen(ctx, lib9p.LTRUNC),
		"create":           clone().Lcreate(ctx, "x", lib9p.LRDONLY, 0o666, 0),
		"create existing":  clone().Lcreate(ctx, "f", lib9p.LRDWR, 0o666, 0),
		"mkdir":            mkdir, "mknod": mknod, "symlink": symlink,
		"link":     r.Link(ctx, f, "x"),
		"rename":   f.Rename(ctx, r, "x"),
		"renameat": r.Renameat(ctx, "f", r, "x"),
		"unlink":   r.Unlinkat(ctx, "f", 0),
		"remove":   walk(t, r, "f").Remove(ctx),
		"setattr":  f.Setattr(ctx, &lib9p.Tsetattr{Valid: lib9p.SetMtime}),
		"setxattr": x.Clunk(ctx),
	} {
		if !errors.Is(err, lib9p.EROFS) {
			t.Errorf("%s: got %v", what, err)
		}
	}
}

// What somebody else does in the directory is seen: other files under the same
// names, and directories that have moved.
func TestChangesFromOutside(t *testing.T) {
	for _, descriptors := range []int{1, 1000} {
		t.Run(fmt.Sprint(descriptors), func(t *testing.T) {
			ctx := t.Context()
			dir := t.TempDir()
			files(t, dir, "a/b/f", "other/", "f")
			r := root(t, dir, hostfs.Options{Descriptors: descriptors})
			b, f := walk(t, r, "a", "b"), walk(t, r, "f")
			must(t, os.WriteFile(filepath.Join(dir, "new"), []byte("new"), 0o666))
			must(t, os.Rename(filepath.Join(dir, "new"), filepath.Join(dir, "f")))
			if s, err := read(t, r, "f"); s != "new" {
				t.Errorf("read %q, %v", s, err)
			}
			if descriptors == 1 {
				fails(t, f.Lopen(ctx, lib9p.LRDONLY), lib9p.ESTALE) // and not the other file
			} else {
				must(t, f.Lopen(ctx, lib9p.LRDONLY)) // its descriptor was there
			}
			must(t, os.Rename(filepath.Join(dir, "a/b"), filepath.Join(dir, "other/c")))
			if descriptors == 1 {
				_, err := b.Walk(ctx, "f")
				fails(t, err, lib9p.ESTALE)
				return
			}
			if s, err := read(t, b, "f"); s != "a/b/f" {
				t.Errorf("read %q, %v", s, err)
			}
			// Its parent is another one now, and it is found under its new name.
			up := walk(t, b, "..")
			if up.Qid().Path != walk(t, r, "other").Qid().Path {
				t.Errorf("above it is %v", up.Qid())
			}
			must(t, b.Rename(ctx, r, "back"))
			must(t, walk(t, r, "back", "f").Remove(ctx))
			must(t, b.Remove(ctx))
		})
	}
}

// A tree deeper than a path can be long is served.
func TestDeep(t *testing.T) {
	ctx := t.Context()
	r := root(t, t.TempDir(), hostfs.Options{Descriptors: 4})
	name := strings.Repeat("n", 200)
	at := walk(t, r)
	var all []*client.Fid
	for range 40 {
		got[lib9p.Qid](t)(at.Mkdir(ctx, name, 0o777, lib9p.NoUid))
		at = walk(t, at, name)
		all = append(all, at)
	}
	if up := walk(t, at, ".."); up.Qid().Path != all[38].Qid().Path {
		t.Errorf("above the last is %v", up.Qid())
	}
	must(t, all[0].Rename(ctx, r, "top"))
	for i := len(all) - 1; i >= 0; i-- {
		must(t, all[i].Remove(ctx))
	}
}

// There may be more fids than descriptors.
func TestManyFids(t *testing.T) {
	ctx := t.Context()
	dir := t.TempDir()
	const n = 2000
	for i := range n {
		files(t, dir, fmt.Sprintf("%d/f", i))
	}
	r := root(t, dir, hostfs.Options{Descriptors: 20})
	open := func() int { return len(got[[]os.DirEntry](t)(os.ReadDir("/proc/self/fd"))) }
	before := open()
	fids := make([]*client.Fid, n)
	for i := range fids {
		fids[i] = walk(t, r, fmt.Sprint(i), "f")
	}
	if now := open(); now > before+30 {
		t.Errorf("%d descriptors are open for 20", now-before)
	}
	for i, f := range fids {
		must(t, f.Lopen(ctx, lib9p.LRDONLY))
		p := make([]byte, 100)
		m := got[int](t)(f.ReadAt(ctx, p, 0))
		if want := fmt.Sprintf("%d/f", i); string(p[:m]) != want {
			t.Errorf("read %q, want %q", p[:m], want)
		}
		must(t, f.Clunk(ctx))
	}
	if now := open(); now > before+30 {
		t.Errorf("%d descriptors are still open", now-before)
	}
}

// A read of a pipe waits, and does not when it is flushed or the client goes.
func TestPipe(t *testing.T) {
	dir := t.TempDir()
	must(t, syscall.Mkfifo(filepath.Join(dir, "p"), 0o666))
	c := serve(t, dir, hostfs.Options{})
	r := attach(t, c, "")
	fails(t, walk(t, r, "p").Lopen(t.Context(), lib9p.LWRONLY), lib9p.ENXIO)
	f := walk(t, r, "p")
	must(t, f.Lopen(t.Context(), lib9p.LRDONLY))
	w := got[*os.File](t)(os.OpenFile(filepath.Join(dir, "p"), os.O_WRONLY, 0))
	defer w.Close()
	read := func(ctx context.Context) (string, error) {
		p := make([]byte, 100)
		n, err := f.ReadAt(ctx, p, 0)
		return string(p[:n]), err
	}
	got[int](t)(w.WriteString("hello"))
	if s, err := read(t.Context()); s != "hello" {
		t.Errorf("read %q, %v", s, err)
	}
	for range 3 {
		ctx, cancel := context.WithCancel(t.Context())
		answer := make(chan error)
		go func() {
			_, err := read(ctx)
			answer <- err
		}()
		cancel()
		if err := <-answer; !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
		got[int](t)(w.WriteString("again"))
		if s, err := read(t.Context()); s != "again" {
			t.Errorf("read %q, %v", s, err)
		}
	}
	go read(t.Context()) // is there when the connection ends
}

// Locks are seen by processes of the host, and theirs by clients.
func TestHostLocks(t *testing.T) {
	ctx := t.Context()
	dir := t.TempDir()
	files(t, dir, "f")
	f := walk(t, root(t, dir, hostfs.Options{}), "f")
	must(t, f.Lopen(ctx, lib9p.LRDWR))
	host := got[*os.File](t)(os.OpenFile(filepath.Join(dir, "f"), os.O_RDWR, 0))
	defer host.Close()
	set := func(kind int16, start, length int64) error {
		return unix.FcntlFlock(host.Fd(), unix.F_OFD_SETLK, &unix.Flock_t{Type: kind, Start: start, Len: length})
	}
	lock := func(kind uint8, start, length uint64, proc uint32) uint8 {
		t.Helper()
		return got[uint8](t)(f.Lock(ctx, lib9p.Tlock{LockType: kind, Start: start, Length: length, ProcID: proc}))
	}
	must(t, set(unix.F_WRLCK, 10, 10))
	for _, tt := range []struct {
		kind          uint8
		start, length uint64
		proc          uint32
		want          uint8
	}{
		{lib9p.LockWrite, 0, 0, 1, lib9p.LockBlocked},
		{lib9p.LockRead, 19, 5, 1, lib9p.LockBlocked},
		{lib9p.LockWrite, 20, 10, 1, lib9p.LockSuccess},
		{lib9p.LockRead, 40, 10, 1, lib9p.LockSuccess},
		{lib9p.LockRead, 45, 10, 2, lib9p.LockSuccess},
	} {
		if s := lock(tt.kind, tt.start, tt.length, tt.proc); s != tt.want {
			t.Errorf("%+v: got %d", tt, s)
		}
	}
	r := got[*lib9p.Rgetlock](t)(f.Getlock(ctx, lib9p.Tgetlock{LockType: lib9p.LockWrite, Length: 30, ProcID: 1}))
	if r.LockType != lib9p.LockWrite || r.Start != 10 || r.Length != 10 {
		t.Errorf("got %+v", r)
	}
	blocked := func(kind int16, start, length int64, want bool) {
		t.Helper()
		err := set(kind, start, length)
		if (err == unix.EAGAIN) != want || err != nil && err != unix.EAGAIN {
			t.Errorf("lock %d of %d at %d: got %v", kind, length, start, err)
		}
	}
	blocked(unix.F_RDLCK, 29, 1, true)
	blocked(unix.F_RDLCK, 30, 1, false)
	blocked(unix.F_WRLCK, 50, 1, true)
	lock(lib9p.LockUnlock, 0, 0, 1)
	blocked(unix.F_WRLCK, 20, 10, false)
	blocked(unix.F_WRLCK, 40, 1, false)
	blocked(unix.F_WRLCK, 45, 1, true) // the second process has it still
	must(t, f.Clunk(ctx))
	blocked(unix.F_WRLCK, 45, 1, false)
	blocked(unix.F_WRLCK, 0, 0, false)
}

// The group that a client asks for is given to the file as it is made.
func TestGroup(t *testing.T) {
	if os.Geteuid() != 0 {
		ctx := t.Context()
		r := root(t, t.TempDir(), hostfs.Options{})
		got[lib9p.Qid](t)(r.Mkdir(ctx, "d", 0o700, 12345)) // asked for in vain, which is no error
		return
	}
	ctx := t.Context()
	dir := t.TempDir()
	r := root(t, dir, hostfs.Options{})
	got[lib9p.Qid](t)(r.Mkdir(ctx, "d", 0o770, 12345))
	got[lib9p.Qid](t)(r.Symlink(ctx, "s", "x", 12345))
	must(t, walk(t, r).Lcreate(ctx, "f", lib9p.LRDWR, 0o6755, 12345))
	must(t, walk(t, r).Lcreate(ctx, "g", lib9p.LRDWR, 0o444, lib9p.NoUid))
	for name, want := range map[string][2]uint32{
		"d": {12345, 0o40770}, "s": {12345, 0o120777}, "f": {12345, 0o106755}, "g": {0, 0o100444},
	} {
		var st unix.Stat_t
		must(t, unix.Lstat(filepath.Join(dir, name), &st))
		if st.Gid != want[0] || st.Mode != want[1] {
			t.Errorf("%s: got group %d and mode %o, want %d and %o", name, st.Gid, st.Mode, want[0], want[1])
		}
	}
}
