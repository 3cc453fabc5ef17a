package srv_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/styxkit/styxkit/lib9p"
	"github.com/styxkit/styxkit/lib9p/client"
	"github.com/styxkit/styxkit/lib9p/srv"
)

func TestLocks(t *testing.T) {
	onTrees(t, func(t *testing.T, tree srv.Tree) {
		ctx := t.Context()
		root := attach(t, tree, lib9p.L)
		f := put(t, root, "f", "x")
		lock := func(f *client.Fid, kind uint8, start, length uint64, proc uint32) uint8 {
			t.Helper()
			return got[uint8](t)(f.Lock(ctx, lib9p.Tlock{LockType: kind, Start: start, Length: length, ProcID: proc, ClientID: "host"}))
		}
		want := func(got, want uint8) {
			t.Helper()
			if got != want {
				t.Errorf("got status %d, want %d", got, want)
			}
		}
		want(lock(f, lib9p.LockWrite, 10, 10, 1), lib9p.LockSuccess)
		want(lock(f, lib9p.LockWrite, 0, 0, 2), lib9p.LockBlocked)
		want(lock(f, lib9p.LockRead, 19, 1, 2), lib9p.LockBlocked)
		want(lock(f, lib9p.LockRead, 20, 1, 2), lib9p.LockSuccess)
		want(lock(f, lib9p.LockRead, 20, 1, 1), lib9p.LockSuccess)
		want(lock(f, lib9p.LockWrite, 20, 1, 1), lib9p.LockBlocked)
		want(lock(f, lib9p.LockUnlock, 12, 2, 1), lib9p.LockSuccess) // two pieces are left
		want(lock(f, lib9p.LockWrite, 12, 2, 2), lib9p.LockSuccess)

		r := got[*lib9p.Rgetlock](t)(f.Getlock(ctx, lib9p.Tgetlock{LockType: lib9p.LockWrite, Start: 14, ProcID: 2, ClientID: "host"}))
		if *r != (lib9p.Rgetlock{LockType: lib9p.LockWrite, Start: 14, Length: 6, ProcID: 1, ClientID: "host"}) {
			t.Errorf("got %+v", r)
		}
		r = got[*lib9p.Rgetlock](t)(f.Getlock(ctx, lib9p.Tgetlock{LockType: lib9p.LockRead, Start: 30, ProcID: 2, ClientID: "host"}))
		if r.LockType != lib9p.LockUnlock {
			t.Errorf("got %+v", r)
		}

		// Another fid of the same process is no other process; another connection is one.
		g := opened(t, root, lib9p.LRDWR, "f")
		want(lock(g, lib9p.LockWrite, 14, 6, 1), lib9p.LockSuccess)
		other := opened(t, attach(t, tree, lib9p.L), lib9p.LRDWR, "f")
		want(lock(other, lib9p.LockWrite, 14, 1, 1), lib9p.LockBlocked)
		must(t, g.Clunk(ctx)) // and takes with it what it has locked
		want(lock(other, lib9p.LockWrite, 14, 6, 1), lib9p.LockSuccess)
		want(lock(f, lib9p.LockWrite, 14, 1, 1), lib9p.LockBlocked)

		_, err := f.Lock(ctx, lib9p.Tlock{Flags: lib9p.LockReclaim, ClientID: "host"})
		fails(t, err, lib9p.EINVAL)
		_, err = f.Lock(ctx, lib9p.Tlock{LockType: 9})
		fails(t, err, lib9p.EINVAL)
		_, err = opened(t, root, lib9p.LRDONLY).Lock(ctx, lib9p.Tlock{})
		fails(t, err, lib9p.EISDIR)
		// To the last byte that there can be.
		want(lock(f, lib9p.LockRead, 1<<63-1, 1, 1), lib9p.LockSuccess)
		want(lock(f, lib9p.LockRead, 1<<62, 1<<63, 1), lib9p.LockSuccess)
		want(lock(f, lib9p.LockUnlock, 0, 0, 1), lib9p.LockSuccess)
	})
}

// What a connection has locked is free when it has ended.
func TestLocksEndWithConnection(t *testing.T) {
	onTrees(t, func(t *testing.T, tree srv.Tree) {
		ctx := t.Context()
		must(t, put(t, attach(t, tree, lib9p.L), "f", "x").Clunk(ctx))
		a, b := tcpPair(t)
		done := start(t, b, tree)
		c := got[*client.Conn](t)(client.New(ctx, a, client.Options{}))
		f := opened(t, got[*client.Fid](t)(c.Attach(ctx, nil, "glenda", "", lib9p.NoUid)), lib9p.LRDWR, "f")
		got[uint8](t)(f.Lock(ctx, lib9p.Tlock{LockType: lib9p.LockWrite}))
		g := opened(t, attach(t, tree, lib9p.L), lib9p.LRDWR, "f")
		if s := got[uint8](t)(g.Lock(ctx, lib9p.Tlock{LockType: lib9p.LockWrite})); s != lib9p.LockBlocked {
			t.Errorf("got status %d", s)
		}
		c.Close()
		<-done
		if s := got[uint8](t)(g.Lock(ctx, lib9p.Tlock{LockType: lib9p.LockWrite})); s != lib9p.LockSuccess {
			t.Errorf("got status %d", s)
		}
	})
}

// The table agrees with a model that has an entry for each byte.
func TestLockModel(t *testing.T) {
	onTrees(t, func(t *testing.T, tree srv.Tree) {
		const procs, bytes = 4, 24
		ctx := t.Context()
		f := put(t, attach(t, tree, lib9p.L), "f", "x")
		rnd := rand.New(rand.NewPCG(1, 2))
		var has [procs][bytes]uint8
		for p := range has {
			for b := range has[p] {
				has[p][b] = lib9p.LockUnlock
			}
		}
		blocks := func(proc int, kind uint8, b int) bool {
			for p := range has {
				k := has[p][b]
				if p != proc && k != lib9p.LockUnlock && kind != lib9p.LockUnlock && (k == lib9p.LockWrite || kind == lib9p.LockWrite) {
					return true
				}
			}
			return false
		}
		for step := range 3000 {
			proc, kind, from := rnd.IntN(procs), uint8(rnd.IntN(3)), rnd.IntN(bytes)
			n := 1 + rnd.IntN(bytes-from)
			want := uint8(lib9p.LockSuccess)
			for b := from; b < from+n; b++ {
				if blocks(proc, kind, b) {
					want = lib9p.LockBlocked
				}
			}
			what := fmt.Sprintf("step %d: proc %d type %d bytes %d to %d", step, proc, kind, from, from+n)
			s := got[uint8](t)(f.Lock(ctx, lib9p.Tlock{LockType: kind, Start: uint64(from), Length: uint64(n), ProcID: uint32(proc)}))
			if s != want {
				t.Fatalf("%s: got %d, want %d", what, s, want)
			}
			if s == lib9p.LockSuccess {
				for b := from; b < from+n; b++ {
					has[proc][b] = kind
				}
			}
			b := rnd.IntN(bytes)
			r := got[*lib9p.Rgetlock](t)(f.Getlock(ctx, lib9p.Tgetlock{LockType: lib9p.LockWrite, Start: uint64(b), Length: 1, ProcID: uint32(proc)}))
			if free := r.LockType == lib9p.LockUnlock; free == blocks(proc, lib9p.LockWrite, b) {
				t.Fatalf("%s: then byte %d is free: %v", what, b, free)
			}
		}
	})
}
