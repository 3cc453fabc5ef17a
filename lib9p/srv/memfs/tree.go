package memfs

import (
	"context"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"

	"9fans.net/go/plan9"

	"github.com/styxkit/styxkit/lib9p"
	"github.com/styxkit/styxkit/lib9p/srv"
)

// DefaultLimit is how many bytes a tree holds when Options do not say.
const DefaultLimit = 1 << 30

// Options adjust a tree.
type Options struct {
	Limit int64 // bytes of contents, names and attributes; 0 means DefaultLimit
}

// A Tree is a file tree in memory. It is a [srv.Tree].
type Tree struct {
	limit int64
	used  atomic.Int64
	ino   atomic.Uint64 // the last that was given
	files atomic.Int64
	locks srv.Locks
	names

	mu   sync.RWMutex // guards all entries, and the fields of inodes that say so
	root *inode
}

var _ interface {
	srv.Tree
	srv.Locking
	srv.Naming
} = (*Tree)(nil)

// What things count beside their contents: about what they take.
const (
	inodeCost = 512
	entryCost = 192
)

const maxName = 255

// New returns a tree with an empty root that everybody may write.
func New(o Options) *Tree {
	t := &Tree{limit: o.Limit}
	if t.limit == 0 {
		t.limit = DefaultLimit
	}
	t.names.init()
	t.ino.Store(uint64(rand.Uint32()) << 32)
	t.root = t.newInode(lib9p.ModeDir|0o777, srv.New{User: srv.User{UID: lib9p.NoUid}, Gid: lib9p.NoUid})
	t.root.self = &entry{name: "/", dir: t.root, node: t.root}
	t.root.nlink = 2
	t.root.parent = t.root
	return t
}

// Locks returns the table of record locks.
func (t *Tree) Locks() *srv.Locks { return &t.locks }

// Attach returns the root for an aname that is empty or "/", else the file that
// it names from there. The client sees nothing above.
func (t *Tree) Attach(ctx context.Context, u srv.User, aname string) (srv.File, error) {
	t.names.learn(u)
	f := t.root.self.open(t, t.root)
	for name := range strings.SplitSeq(aname, "/") {
		if name == "" {
			continue
		}
		if name == "." || name == ".." {
			f.Close()
			return nil, lib9p.EINVAL
		}
		next, err := f.Walk(ctx, name)
		f.Close()
		if err != nil {
			return nil, err
		}
		f = next.(*file)
	}
	f.top = f.e.node
	return f, nil
}

// reserve counts n more bytes.
func (t *Tree) reserve(n int64) error {
	if t.used.Add(n) > t.limit && n > 0 {
		t.used.Add(-n)
		return lib9p.ENOSPC
	}
	return nil
}

// newInode returns a file that nothing refers to. Its cost is the caller's to reserve.
func (t *Tree) newInode(mode uint32, n srv.New) *inode {
	t.files.Add(1)
	i := &inode{t: t, path: t.ino.Add(1), mode: mode, qtype: qtypeOf(mode) | n.Qtype, target: n.Target,
		rdev: mkdev(n.Major, n.Minor), uid: t.owner(n.User), gid: n.Gid, nlink: 1}
	if i.gid == lib9p.NoUid {
		i.gid = i.uid
	}
	now := present()
	i.atime, i.mtime, i.ctime, i.btime = now, now, now, now
	if mode&lib9p.ModeFmt == lib9p.ModeDir {
		i.nlink = 2
		i.names = make(map[string]*entry)
		i.last = firstCookie
	}
	return i
}

func qtypeOf(mode uint32) uint8 {
	switch mode & lib9p.ModeFmt {
	case lib9p.ModeDir:
		return plan9.QTDIR
	case lib9p.ModeSymlink:
		return plan9.QTSYMLINK
	}
	return plan9.QTFILE
}

// mkdev is the number of a device as Linux has it.
func mkdev(major, minor uint32) uint64 {
	ma, mi := uint64(major), uint64(minor)
	return ma&0xfff<<8 | ma&^0xfff<<32 | mi&0xff | mi&^0xff<<12
}
