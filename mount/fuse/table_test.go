package fuse

import (
	"context"
	"errors"
	"os"
	"strconv"
	"testing"

	gofuse "github.com/hanwen/go-fuse/v2/fuse"
	"golang.org/x/sys/unix"

	"github.com/styxkit/styxkit/lib9p"
	"github.com/styxkit/styxkit/lib9p/client"
	"github.com/styxkit/styxkit/lib9p/srv"
)

// Nodes lose their fids when there are too many, and get them back when they need one.
func TestEconomy(t *testing.T) {
	r := mountHost(t, lib9p.L)
	b := r.b
	b.mu.Lock()
	b.maxStanding = 20
	b.mu.Unlock()
	const count = 200
	for i := range count {
		dir := r.path("d"+strconv.Itoa(i%5), "e")
		must(t, os.MkdirAll(dir, 0o755))
		must(t, os.WriteFile(dir+"/"+strconv.Itoa(i), []byte(strconv.Itoa(i)), 0o644))
	}
	for i := range count {
		name := r.path("d"+strconv.Itoa(i%5), "e", strconv.Itoa(i))
		must(t, os.Chmod(name, 0o600))
		if data := got(os.ReadFile(name))(t); string(data) != strconv.Itoa(i) {
			t.Errorf("%d reads %q", i, data)
		}
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	standing := 0
	for _, n := range b.nodes {
		if n.fid != nil {
			standing++
		}
	}
	if standing > 20 || standing != b.standing {
		t.Errorf("%d nodes have a fid, counted are %d", standing, b.standing)
	}
}

// What the kernel forgets is forgotten.
func TestForget(t *testing.T) {
	r := mountHost(t, lib9p.L)
	b := r.b
	left := func() int {
		b.mu.Lock()
		defer b.mu.Unlock()
		return len(b.nodes) + len(b.handles) + len(b.links) + b.standing
	}
	before := left()
	must(t, os.MkdirAll(r.path("a", "b", "c"), 0o755))
	must(t, os.WriteFile(r.path("a", "b", "c", "f"), []byte("data"), 0o644))
	must(t, os.Link(r.path("a", "b", "c", "f"), r.path("a", "g")))
	got(os.ReadDir(r.path("a")))(t)
	must(t, os.RemoveAll(r.path("a")))
	// A removed inode is forgotten at once, but not within the call that removes it.
	for tries := 0; left() > before; tries++ {
		if tries > 1000 {
			t.Fatalf("%d are left: nodes %v", left(), b.nodes)
		}
		must(t, unix.Access(r.at, unix.F_OK))
	}
}

// An open fid that has died is replaced when the file is still there.
func TestHeal(t *testing.T) {
	r := mountHost(t, lib9p.L)
	must(t, os.WriteFile(r.path("f"), []byte("healthy"), 0o644))
	f := open(t, r.path("f"), os.O_RDWR, 0)
	kill := func() {
		r.b.mu.Lock()
		defer r.b.mu.Unlock()
		for _, h := range r.b.handles {
			discard(h.fid())
		}
	}
	back := make([]byte, 7)
	for range 3 {
		kill()
		if got(f.ReadAt(back, 0))(t); string(back) != "healthy" {
			t.Errorf("read %q", back)
		}
		kill()
		got(f.WriteAt(back, 0))(t)
		kill()
		must(t, f.Sync())
	}
	// But not when it has had locks: they died with it.
	must(t, unix.FcntlFlock(f.Fd(), unix.F_SETLK, whole(unix.F_RDLCK)))
	kill()
	if _, err := f.WriteAt(back, 0); !errors.Is(err, unix.EBADF) {
		t.Errorf("write without the lock: %v", err)
	}
}

// A torn tree has one file, of which only the first half can be read.
type torn struct{ dir bool }

const tornSize = 1 << 20

func (f torn) Attach(context.Context, srv.User, string) (srv.File, error) { return torn{true}, nil }
func (f torn) Walk(context.Context, string) (srv.File, error)             { return torn{}, nil }
func (f torn) Open(context.Context, uint32) (srv.Handle, error)           { return tornHandle{}, nil }
func (f torn) Close()                                                     {}

func (f torn) Qid() lib9p.Qid {
	if f.dir {
		return lib9p.Qid{Type: 0x80}
	}
	return lib9p.Qid{Path: 1}
}

func (f torn) Stat(context.Context) (srv.Attr, error) {
	a := srv.Attr{Valid: lib9p.GetBasic, Qid: f.Qid(), Mode: lib9p.ModeDir | 0o755, Nlink: 1}
	if !f.dir {
		a.Mode, a.Size = lib9p.ModeRegular|0o644, tornSize
	}
	return a, nil
}

type tornHandle struct{}

func (tornHandle) Close() error { return nil }

func (tornHandle) ReadAt(_ context.Context, p []byte, off int64) (int, error) {
	if off >= tornSize/2 {
		return 0, lib9p.EIO
	}
	return len(p), nil
}

// A reading that fails in its middle is an error, and not the end of the file.
func TestTornRead(t *testing.T) {
	ours, theirs := pair(t)
	go srv.Serve(context.Background(), theirs, torn{})
	conn := got(client.New(t.Context(), ours, client.Options{}))(t)
	defer conn.Close()
	root := got(conn.Attach(t.Context(), nil, "root", "", 0))(t)
	b := newBridge(root, Options{}, newCalls(func() bool { return false }, endsCall))
	n, _, err := b.find(t.Context(), b.root, "f")
	must(t, err)
	h := got(b.open(t.Context(), n, 0))(t)
	buf := make([]byte, tornSize)
	in := &gofuse.ReadIn{Fh: h.id, Size: tornSize}
	if _, s := b.Read(nil, in, buf); s != gofuse.EIO {
		t.Errorf("reading over the tear: %v", s)
	}
	in.Size = tornSize / 2
	if r, s := b.Read(nil, in, buf); s != gofuse.OK || r.Size() != tornSize/2 {
		t.Errorf("reading up to the tear: %v", s)
	}
}
