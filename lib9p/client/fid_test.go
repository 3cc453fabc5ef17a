package client_test

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/styxkit/styxkit/lib9p"
	"github.com/styxkit/styxkit/lib9p/client"
)

var letters = strings.Fields("a b c d e f g h i j k l m n o p q r s t u v w x y z 0 1 2 3 4 5 6 7 8 9")

func qids(n int) string { return strings.Repeat(" (0000000000000003 0 d)", n) }

func TestLongWalk(t *testing.T) {
	bubble(t, func(t *testing.T) {
		root, p := attach(t, lib9p.P2000)
		var qs []lib9p.Qid
		walk := start(func() (f *client.Fid, err error) {
			f, qs, err = root.WalkQids(t.Context(), letters...)
			return f, err
		})
		p.want("Twalk tag 0 fid 0 newfid 1 nwname 16 " + strings.Join(letters[:16], " "))
		p.send("Rwalk tag 0 nwqid 16" + qids(16))
		p.want("Twalk tag 0 fid 1 newfid 2 nwname 16 " + strings.Join(letters[16:32], " "))
		p.send("Rwalk tag 0 nwqid 16" + qids(16))
		for range 2 { // the clunk of what was in between waits for nothing
			switch got := p.next(); {
			case strings.HasPrefix(got, "Tclunk"):
				if !strings.HasSuffix(got, " fid 1") {
					t.Fatal(got)
				}
			case strings.HasSuffix(got, " fid 2 newfid 3 nwname 4 6 7 8 9"):
				p.send("Rwalk tag " + strings.Fields(got)[2] + " nwqid 4" + qids(3) + " (0000000000000009 1 t)")
			default:
				t.Fatal(got)
			}
		}
		f := good(t, walk)
		if want := (lib9p.Qid{Path: 9, Vers: 1, Type: 4}); f.Qid() != want || len(qs) != 36 || qs[35] != want {
			t.Fatalf("walked to %v by %v", f.Qid(), qs)
		}
		if got := p.next(); !strings.HasPrefix(got, "Tclunk") || !strings.HasSuffix(got, " fid 2") {
			t.Fatal(got)
		}
	})
}

// Names that are too long together go in several messages.
func TestWalkOfLongNames(t *testing.T) {
	bubble(t, func(t *testing.T) {
		root, p := attach(t, lib9p.L)
		name := strings.Repeat("n", 1500)
		walk := start(func() (*client.Fid, error) { return root.Walk(t.Context(), name, name, name) })
		p.want("Twalk tag 0 fid 0 newfid 1 nwname 2 " + name + " " + name)
		p.send("Rwalk tag 0 nwqid 2" + qids(2))
		p.want("Twalk tag 0 fid 1 newfid 2 nwname 1 " + name)
		p.send("Rwalk tag 0 nwqid 1" + qids(1))
		good(t, walk)
	})
}

func TestWalkEndsHalfway(t *testing.T) {
	for _, d := range []lib9p.Dialect{lib9p.P2000, lib9p.L} {
		bubble(t, func(t *testing.T) {
			root, p := attach(t, d)
			var qs []lib9p.Qid
			walk := start(func() (f *client.Fid, err error) {
				f, qs, err = root.WalkQids(t.Context(), letters[:18]...)
				return f, err
			})
			p.want("Twalk tag 0 fid 0 newfid 1 nwname 16 " + strings.Join(letters[:16], " "))
			p.send("Rwalk tag 0 nwqid 16" + qids(16))
			p.want("Twalk tag 0 fid 1 newfid 2 nwname 2 q r")
			p.send("Rwalk tag 0 nwqid 1" + qids(1))
			r := <-walk
			if e, ok := errors.AsType[*lib9p.Error](r.err); !ok || !errors.Is(e, lib9p.ENOENT) || r.v != nil {
				t.Fatalf("%v, %v", r.v, r.err)
			}
			if len(qs) != 17 {
				t.Fatalf("%d qids", len(qs))
			}
			got := []string{p.next(), p.next()}
			slices.Sort(got)
			if fmt.Sprint(got) != "[Tclunk tag 0 fid 2 Tclunk tag 1 fid 1]" && fmt.Sprint(got) != "[Tclunk tag 0 fid 1 Tclunk tag 1 fid 2]" {
				t.Fatal(got)
			}
		})
	}
}

// Every method sends its message and gives what the reply says.
func TestMessages(t *testing.T) {
	const q = "(0000000000000005 6 d)"
	qid := lib9p.Qid{Path: 5, Vers: 6, Type: 0x80}
	stat := "type 0 dev 0 qid " + q + " mode 020000000755 atime 1 mtime 2 length 3 name n uid u gid g muid m"
	ustat := stat + ` extension "" nuid 1 ngid 2 nmuid 3`
	type ctx = context.Context
	type fid = *client.Fid
	for _, tt := range []struct {
		d           lib9p.Dialect
		call        func(ctx, fid) (any, error)
		sent, reply string
		want        any
	}{
		{lib9p.P2000, func(c ctx, f fid) (any, error) { err := f.Open(c, 1); return []any{f.Qid(), f.Iounit()}, err },
			"Topen tag 0 fid 0 mode 1", "Ropen tag 0 qid " + q + " iounit 100", []any{qid, uint32(100)}},
		{lib9p.P2000, func(c ctx, f fid) (any, error) { err := f.Open(c, 1); return f.Iounit(), err },
			"Topen tag 0 fid 0 mode 1", "Ropen tag 0 qid " + q + " iounit 100000", uint32(4096 - lib9p.IOHeader)},
		{lib9p.P2000, func(c ctx, f fid) (any, error) { err := f.Create(c, "n", 0644, 1, "ignored"); return f.Qid(), err },
			"Tcreate tag 0 fid 0 name n perm 0644 mode 1", "Rcreate tag 0 qid " + q + " iounit 0", qid},
		{lib9p.U, func(c ctx, f fid) (any, error) { err := f.Create(c, "n", 0644, 1, "b 8 1"); return f.Qid(), err },
			`Tcreate tag 0 fid 0 name n perm 0644 mode 1 extension "b 8 1"`, "Rcreate tag 0 qid " + q + " iounit 0", qid},
		{lib9p.P2000, func(c ctx, f fid) (any, error) { s, err := f.Stat(c); return s.Name, err },
			"Tstat tag 0 fid 0", "Rstat tag 0 " + stat, "n"},
		{lib9p.U, func(c ctx, f fid) (any, error) { s, err := f.Stat(c); return s.Nmuid, err },
			"Tstat tag 0 fid 0", "Rstat tag 0 " + ustat, uint32(3)},
		{lib9p.P2000, func(c ctx, f fid) (any, error) {
			s := lib9p.NullStat()
			s.Name = "new"
			return nil, f.Wstat(c, &s)
		}, "Twstat tag 0 fid 0 type 65535 dev 4294967295 qid (ffffffffffffffff 4294967295 dalmAtLu) mode 037777777777 atime 4294967295 mtime 4294967295 " +
			`length 18446744073709551615 name new uid "" gid "" muid ""`, "Rwstat tag 0", nil},
		{lib9p.P2000, func(c ctx, f fid) (any, error) { return nil, f.Remove(c) }, "Tremove tag 0 fid 0", "Rremove tag 0", nil},
		{lib9p.L, func(c ctx, f fid) (any, error) { return f.Statfs(c) }, "Tstatfs tag 0 fid 0",
			"Rstatfs tag 0 type 1 bsize 2 blocks 3 bfree 4 bavail 5 files 6 ffree 7 fsid 8 namelen 9",
			&lib9p.Rstatfs{FSType: 1, Bsize: 2, Blocks: 3, Bfree: 4, Bavail: 5, Files: 6, Ffree: 7, Fsid: 8, Namelen: 9}},
		{lib9p.L, func(c ctx, f fid) (any, error) { err := f.Lopen(c, lib9p.LRDWR); return f.Qid(), err },
			"Tlopen tag 0 fid 0 flags 02", "Rlopen tag 0 qid " + q + " iounit 0", qid},
		{lib9p.L, func(c ctx, f fid) (any, error) { err := f.Lcreate(c, "n", lib9p.LRDWR, 0644, 9); return f.Qid(), err },
			"Tlcreate tag 0 fid 0 name n flags 02 mode 0644 gid 9", "Rlcreate tag 0 qid " + q + " iounit 0", qid},
		{lib9p.L, func(c ctx, f fid) (any, error) { return f.Symlink(c, "n", "../t", 9) },
			"Tsymlink tag 0 fid 0 name n symtgt ../t gid 9", "Rsymlink tag 0 qid " + q, qid},
		{lib9p.L, func(c ctx, f fid) (any, error) { return f.Mknod(c, "n", lib9p.ModePipe|0600, 1, 2, 9) },
			"Tmknod tag 0 dfid 0 name n mode 010600 major 1 minor 2 gid 9", "Rmknod tag 0 qid " + q, qid},
		{lib9p.L, func(c ctx, f fid) (any, error) { return nil, f.Rename(c, f, "n") }, "Trename tag 0 fid 0 dfid 0 name n", "Rrename tag 0", nil},
		{lib9p.L, func(c ctx, f fid) (any, error) { return f.Readlink(c) }, "Treadlink tag 0 fid 0", "Rreadlink tag 0 target x/y", "x/y"},
		{lib9p.L, func(c ctx, f fid) (any, error) { r, err := f.Getattr(c, lib9p.GetBasic); return *r, err },
			"Tgetattr tag 0 fid 0 request_mask 0x7ff",
			"Rgetattr tag 0 valid 0x7ff qid " + q + " mode 0755 uid 1 gid 2 nlink 3 rdev 4 size 5 blksize 6 blocks 7 atime 8 nsec 9 mtime 10 nsec 11 ctime 12 nsec 13 btime 14 nsec 15 gen 16 data_version 17",
			lib9p.Rgetattr{Valid: 0x7ff, Qid: qid, Mode: 0755, Uid: 1, Gid: 2, Nlink: 3, Rdev: 4, Size: 5, Blksize: 6, Blocks: 7, Gen: 16, DataVersion: 17,
				Atime: lib9p.Time{Sec: 8, Nsec: 9}, Mtime: lib9p.Time{Sec: 10, Nsec: 11}, Ctime: lib9p.Time{Sec: 12, Nsec: 13}, Btime: lib9p.Time{Sec: 14, Nsec: 15}}},
		{lib9p.L, func(c ctx, f fid) (any, error) {
			return nil, f.Setattr(c, &lib9p.Tsetattr{Fid: 77, Valid: lib9p.SetSize, Size: 5})
		}, "Tsetattr tag 0 fid 0 valid 8 mode 00 uid 0 gid 0 size 5 atime 0 nsec 0 mtime 0 nsec 0", "Rsetattr tag 0", nil},
		{lib9p.L, func(c ctx, f fid) (any, error) { _, n, err := f.Xattrwalk(c, "user.x"); return n, err },
			"Txattrwalk tag 0 fid 0 newfid 1 name user.x", "Rxattrwalk tag 0 size 12", uint64(12)},
		{lib9p.L, func(c ctx, f fid) (any, error) { return nil, f.Xattrcreate(c, "user.x", 3, lib9p.XattrCreate) },
			"Txattrcreate tag 0 fid 0 name user.x attr_size 3 flags 1", "Rxattrcreate tag 0", nil},
		{lib9p.L, func(c ctx, f fid) (any, error) { return nil, f.Fsync(c, true) }, "Tfsync tag 0 fid 0 datasync 1", "Rfsync tag 0", nil},
		{lib9p.L, func(c ctx, f fid) (any, error) {
			return f.Lock(c, lib9p.Tlock{LockType: lib9p.LockWrite, Start: 1, Length: 2, ProcID: 3, ClientID: "me"})
		}, "Tlock tag 0 fid 0 type 1 flags 0 start 1 length 2 proc_id 3 client_id me", "Rlock tag 0 status 1", uint8(lib9p.LockBlocked)},
		{lib9p.L, func(c ctx, f fid) (any, error) { return f.Getlock(c, lib9p.Tgetlock{ProcID: 3, ClientID: "me"}) },
			"Tgetlock tag 0 fid 0 type 0 start 0 length 0 proc_id 3 client_id me", "Rgetlock tag 0 type 2 start 0 length 0 proc_id 3 client_id me",
			&lib9p.Rgetlock{LockType: lib9p.LockUnlock, ProcID: 3, ClientID: "me"}},
		{lib9p.L, func(c ctx, f fid) (any, error) { return nil, f.Link(c, f, "n") }, "Tlink tag 0 dfid 0 fid 0 name n", "Rlink tag 0", nil},
		{lib9p.L, func(c ctx, f fid) (any, error) { return f.Mkdir(c, "n", 0755, 9) },
			"Tmkdir tag 0 dfid 0 name n mode 0755 gid 9", "Rmkdir tag 0 qid " + q, qid},
		{lib9p.L, func(c ctx, f fid) (any, error) { return nil, f.Renameat(c, "o", f, "n") },
			"Trenameat tag 0 olddirfid 0 oldname o newdirfid 0 newname n", "Rrenameat tag 0", nil},
		{lib9p.L, func(c ctx, f fid) (any, error) { return nil, f.Unlinkat(c, "n", lib9p.UnlinkDir) },
			"Tunlinkat tag 0 dirfd 0 name n flags 01000", "Runlinkat tag 0", nil},
		{lib9p.L, func(c ctx, f fid) (any, error) { return f.WriteAt(c, nil, 5) },
			`Twrite tag 0 fid 0 offset 5 count 0 data ""`, "Rwrite tag 0 count 0", 0},
	} {
		t.Run(strings.Fields(tt.sent)[0], func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				root, p := attach(t, tt.d)
				call := start(func() (any, error) { return tt.call(t.Context(), root) })
				p.want(tt.sent)
				p.send(tt.reply)
				if got := good(t, call); !reflect.DeepEqual(got, tt.want) {
					t.Errorf("%v, not %v", got, tt.want)
				}
			})
		})
	}
}

func TestDirectories(t *testing.T) {
	bubble(t, func(t *testing.T) {
		f, p := open(t)
		want := []lib9p.Dirent{{Offset: 1, Type: 4, Name: "."}, {Offset: 77, Name: "x"}}
		var data []byte
		for i := range want {
			data = lib9p.AppendDirent(data, &want[i])
		}
		list := start(func() ([]lib9p.Dirent, error) { return f.Readdir(t.Context(), 5, 1<<30) })
		p.want("Treaddir tag 0 fid 1 offset 5 count 4072")
		p.send(fmt.Sprintf("Rreaddir tag 0 count %d data %q", len(data), data))
		if got := good(t, list); !slices.Equal(got, want) {
			t.Errorf("%v, not %v", got, want)
		}
		list = start(func() ([]lib9p.Dirent, error) { return f.Readdir(t.Context(), 5, 100) })
		p.want("Treaddir tag 0 fid 1 offset 5 count 100")
		p.send(`Rreaddir tag 0 count 2 data "ab"`)
		if r := <-list; r.err == nil {
			t.Errorf("%v from garbage", r.v)
		}
	})
	bubble(t, func(t *testing.T) {
		root, p := attach(t, lib9p.U)
		var s lib9p.Stat
		s.Name, s.Extension = "x", "y"
		data, err := lib9p.AppendStat(nil, lib9p.U, &s)
		if err != nil {
			t.Fatal(err)
		}
		var next uint64
		list := start(func() (l []lib9p.Stat, err error) {
			l, next, err = root.ReadDirStats(t.Context(), 10, 1000)
			return l, err
		})
		p.want("Tread tag 0 fid 0 offset 10 count 1000")
		p.send(fmt.Sprintf("Rread tag 0 count %d data %q", 2*len(data), string(data)+string(data)))
		if got := good(t, list); len(got) != 2 || got[1] != s || next != uint64(10+2*len(data)) {
			t.Errorf("%v, next %d", got, next)
		}
	})
}

// What cannot be sent is an error of the call and no harm to the connection.
func TestUnsendable(t *testing.T) {
	bubble(t, func(t *testing.T) {
		root, p := attach(t, lib9p.P2000)
		other, _ := attach(t, lib9p.P2000)
		for _, tt := range []struct {
			call func() error
			says string
		}{
			{func() error { return root.Fsync(t.Context(), false) }, "9P2000 has no *lib9p.Tfsync"},
			{func() error { _, err := root.Walk(t.Context(), strings.Repeat("x", 5000)); return err }, "longer than the 4096 agreed on"},
			{func() error { _, err := root.Walk(t.Context(), strings.Repeat("x", 70000)); return err }, "65535 is the most"},
			{func() error { _, err := root.ReadAt(t.Context(), make([]byte, 1), -1); return err }, "offset -1 is negative"},
			{func() error { _, err := root.WriteAt(t.Context(), make([]byte, 1), -1); return err }, "offset -1 is negative"},
			{func() error { _, err := root.Conn().Attach(t.Context(), other, "u", "", 0); return err }, "two connections"},
		} {
			if err := tt.call(); err == nil || !strings.Contains(err.Error(), tt.says) {
				t.Errorf("error is %v and does not say %q", err, tt.says)
			}
		}
		p.clunked(root, "0", "0")
	})
}
