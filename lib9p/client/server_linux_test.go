package client_test

import (
	"bytes"
	"context"
	"errors"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"9fans.net/go/plan9"

	"github.com/styxkit/styxkit/lib9p"
	"github.com/styxkit/styxkit/lib9p/client"
	"github.com/styxkit/styxkit/lib9p/srv"
	"github.com/styxkit/styxkit/lib9p/srv/hostfs"
)

// diod serves dir with diod, which is not ours, and returns our end of the line.
func diod(t *testing.T, dir string) net.Conn {
	t.Helper()
	ours, theirs := pair(t)
	file, err := theirs.(*net.UnixConn).File()
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	cmd := exec.Command("diod", "-f", "-n", "-N", "-r", "3", "-w", "3", "-e", dir, "-L", "stderr")
	cmd.ExtraFiles = []*os.File{file}
	if err := cmd.Start(); err != nil {
		t.Fatalf("start diod: %v; it is in Debian's package diod", err)
	}
	theirs.Close()
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
	})
	return ours
}

// hostServer serves dir with our own server.
func hostServer(t *testing.T, dir string) net.Conn {
	t.Helper()
	ours, theirs := pair(t)
	tree, err := hostfs.New(dir, hostfs.Options{})
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error)
	go func() { done <- srv.Serve(context.Background(), theirs, tree) }()
	t.Cleanup(func() {
		ours.Close()
		if err := <-done; err != nil {
			t.Errorf("server: %v", err)
		}
	})
	return ours
}

// served returns a root of dir.
func served(t *testing.T, serve func(*testing.T, string) net.Conn, dir string, d lib9p.Dialect) *client.Fid {
	t.Helper()
	c, err := client.New(t.Context(), serve(t, dir), client.Options{Dialects: []lib9p.Dialect{d}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	root, err := c.Attach(t.Context(), nil, "root", dir, uint32(os.Getuid()))
	if err != nil {
		t.Fatal(err)
	}
	return root
}

func must[T any](v T, err error) func(t *testing.T) T {
	return func(t *testing.T) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func refused(t *testing.T, err error, want lib9p.Errno) {
	t.Helper()
	if e, ok := errors.AsType[*lib9p.Error](err); !ok || e.Number() != want {
		t.Fatalf("error is %v, not %v", err, want)
	}
}

var servers = map[string]func(*testing.T, string) net.Conn{"diod": diod, "u9fs": hostServer}

// unlink removes name from d, also where the server is diod, which has the older message only.
func unlink(ctx context.Context, d *client.Fid, name string, flags uint32) error {
	err := d.Unlinkat(ctx, name, flags)
	if !errors.Is(err, lib9p.EOPNOTSUPP) {
		return err
	}
	f, err := d.Walk(ctx, name)
	if err != nil {
		return err
	}
	return f.Remove(ctx)
}

// What a mount does, in 9P2000.L, against a server of others and our own.
func TestServersL(t *testing.T) {
	for name, serve := range servers {
		t.Run(name, func(t *testing.T) {
			ctx := t.Context()
			dir := t.TempDir()
			root := served(t, serve, dir, lib9p.L)

			// A file is created, written, read, and looked at.
			f := must(root.Clone(ctx))(t)
			check(t, f.Lcreate(ctx, "f", lib9p.LRDWR, 0640, uint32(os.Getgid())))
			content := pattern(3<<20 + 17)
			if n := must(f.WriteFull(ctx, content, 0))(t); n != len(content) {
				t.Fatal(n)
			}
			check(t, f.Fsync(ctx, true))
			buf := make([]byte, 4<<20)
			if n := must(f.ReadFull(ctx, buf, 0))(t); !bytes.Equal(buf[:n], content) {
				t.Fatalf("read %d bytes back", n)
			}
			a := must(f.Getattr(ctx, lib9p.GetBasic))(t)
			if a.Size != uint64(len(content)) || a.Mode != lib9p.ModeRegular|0640 || a.Qid.Path != f.Qid().Path {
				t.Fatalf("%+v", a)
			}
			check(t, f.Setattr(ctx, &lib9p.Tsetattr{Valid: lib9p.SetSize | lib9p.SetMode, Size: 5, Mode: 0600}))
			if n := must(f.ReadAt(ctx, buf, 0))(t); n != 5 {
				t.Fatal(n)
			}
			if n := must(f.ReadAt(ctx, buf, 5))(t); n != 0 {
				t.Fatal(n)
			}
			if status := must(f.Lock(ctx, lib9p.Tlock{LockType: lib9p.LockWrite, ProcID: 1, ClientID: "me"}))(t); status != lib9p.LockSuccess {
				t.Fatalf("lock status %d", status)
			}
			if l := must(f.Getlock(ctx, lib9p.Tgetlock{LockType: lib9p.LockWrite, ProcID: 1, ClientID: "me"}))(t); l.LockType != lib9p.LockUnlock {
				t.Fatalf("%+v", l)
			}
			check(t, f.Clunk(ctx))

			// Names of all kinds are made, listed, and removed.
			must(root.Mkdir(ctx, "d", 0755, uint32(os.Getgid())))(t)
			d := must(root.Walk(ctx, "d"))(t)
			must(d.Symlink(ctx, "s", "../f", uint32(os.Getgid())))(t)
			s := must(d.Walk(ctx, "s"))(t)
			if target := must(s.Readlink(ctx))(t); target != "../f" {
				t.Fatal(target)
			}
			must(d.Mknod(ctx, "p", lib9p.ModePipe|0600, 0, 0, uint32(os.Getgid())))(t)
			g := must(root.Walk(ctx, "f"))(t)
			check(t, d.Link(ctx, g, "l"))
			l := must(d.Walk(ctx, "l"))(t)
			err := d.Renameat(ctx, "l", root, "l2")
			if errors.Is(err, lib9p.EOPNOTSUPP) { // diod has the older message only
				err = l.Rename(ctx, root, "l2")
			}
			check(t, err)
			check(t, g.Rename(ctx, d, "f2"))
			open := must(d.Clone(ctx))(t)
			check(t, open.Lopen(ctx, lib9p.LRDONLY|lib9p.LDIRECTORY))
			var names []string
			for off := uint64(0); ; {
				ents := must(open.Readdir(ctx, off, 100))(t)
				if len(ents) == 0 {
					break
				}
				for _, e := range ents {
					names = append(names, e.Name)
					off = e.Offset
				}
			}
			slices.Sort(names)
			if got := strings.Join(names, " "); got != ". .. f2 p s" {
				t.Fatal(got)
			}
			if st := must(root.Statfs(ctx))(t); st.Bsize == 0 {
				t.Fatalf("%+v", st)
			}
			refused(t, unlink(ctx, root, "d", lib9p.UnlinkDir), lib9p.ENOTEMPTY)
			for _, name := range []string{"f2", "p", "s"} {
				check(t, unlink(ctx, d, name, 0))
			}
			check(t, d.Remove(ctx))

			// Refusals.
			_, err = root.Walk(ctx, "nothing")
			refused(t, err, lib9p.ENOENT)
			l = must(root.Walk(ctx, "l2"))(t)
			for range 100 { // a server may leave newfid in use; the number must not suffer from that
				_, err = root.Walk(ctx, "l2", "x")
				refused(t, err, lib9p.ENOENT)
				_, _, err = l.Xattrwalk(ctx, "user.nothing")
				refused(t, err, lib9p.ENODATA)
			}
			left := must(os.ReadDir(dir))(t)
			if len(left) != 1 || left[0].Name() != "l2" {
				t.Fatal(left)
			}
		})
	}
}

// The same for the two other dialects; diod speaks .L only.
func TestServer2000(t *testing.T) {
	for _, dialect := range []lib9p.Dialect{lib9p.P2000, lib9p.U} {
		t.Run(dialect.String(), func(t *testing.T) {
			ctx := t.Context()
			dir := t.TempDir()
			root := served(t, hostServer, dir, dialect)
			f := must(root.Clone(ctx))(t)
			check(t, f.Create(ctx, "f", 0640, plan9.ORDWR, ""))
			content := pattern(1 << 20)
			must(f.WriteFull(ctx, content, 0))(t)
			buf := make([]byte, 2<<20)
			if n := must(f.ReadFull(ctx, buf, 0))(t); !bytes.Equal(buf[:n], content) {
				t.Fatalf("read %d bytes back", n)
			}
			s := must(f.Stat(ctx))(t)
			if s.Name != "f" || s.Length != 1<<20 || s.Mode != 0640 {
				t.Fatalf("%+v", s)
			}
			w := lib9p.NullStat()
			w.Name, w.Length = "g", 7
			check(t, f.Wstat(ctx, &w))
			d := must(root.Clone(ctx))(t)
			check(t, d.Create(ctx, "d", plan9.DMDIR|0755, plan9.OREAD, ""))
			open := must(root.Clone(ctx))(t)
			check(t, open.Open(ctx, plan9.OREAD))
			var names []string
			for off := uint64(0); ; {
				list, next, err := open.ReadDirStats(ctx, off, 100)
				check(t, err)
				if len(list) == 0 {
					break
				}
				for _, s := range list {
					names = append(names, s.Name)
				}
				off = next
			}
			slices.Sort(names)
			if got := strings.Join(names, " "); got != "d g" {
				t.Fatal(got)
			}
			g := must(root.Walk(ctx, "d", "..", "g"))(t)
			check(t, g.Remove(ctx))
			_, err := root.Walk(ctx, "g")
			refused(t, err, lib9p.ENOENT)
			check(t, d.Remove(ctx))
			if left := must(os.ReadDir(dir))(t); len(left) > 0 {
				t.Fatal(left)
			}
		})
	}
}

// A server that dies wakes all who wait for it.
func TestServerDies(t *testing.T) {
	dir := t.TempDir()
	ours, theirs := pair(t)
	tree := must(hostfs.New(dir, hostfs.Options{}))(t)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- srv.Serve(ctx, theirs, tree) }()
	c := must(client.New(t.Context(), ours, client.Options{}))(t)
	defer c.Close()
	root := must(c.Attach(t.Context(), nil, "root", "", lib9p.NoUid))(t)
	cancel()
	<-done
	<-c.Done()
	_, err := root.Walk(t.Context())
	broken(t, err)
}

// Calls that are given up at any moment leave no fid or tag behind, whatever the server has made of them.
func TestServersCancel(t *testing.T) {
	for name, serve := range servers {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			check(t, os.WriteFile(filepath.Join(dir, "f"), pattern(100_000), 0o644))
			root := served(t, serve, dir, lib9p.L)
			var all sync.WaitGroup
			for i := range uint64(16) {
				all.Go(func() {
					rnd := rand.New(rand.NewPCG(2, i))
					buf := make([]byte, 1000)
					for range 200 {
						ctx, cancel := context.WithCancel(t.Context())
						if rnd.IntN(2) == 0 {
							go cancel()
						}
						f, err := root.Walk(ctx, "f")
						if err == nil {
							if err = f.Lopen(ctx, lib9p.LRDONLY); err == nil {
								off := rnd.IntN(90_000)
								var n int
								n, err = f.ReadAt(ctx, buf, int64(off))
								if err == nil && (n != len(buf) || buf[0] != byte(off^off>>8)) {
									t.Errorf("%d bytes of another read", n)
								}
							}
							f.Clunk(ctx)
						}
						if err != nil && err != context.Canceled {
							t.Error(err)
						}
						cancel()
					}
				})
			}
			all.Wait()
			for !root.Conn().Idle(1) { // what was given up is answered sooner or later
				if _, err := root.Getattr(t.Context(), 0); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}
