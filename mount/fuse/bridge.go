package fuse

import (
	"context"
	"sync"

	gofuse "github.com/hanwen/go-fuse/v2/fuse"

	"github.com/styxkit/styxkit/lib9p"
	"github.com/styxkit/styxkit/lib9p/client"
	"github.com/styxkit/styxkit/lib9p/hidden"
)

// A bridge answers the kernel's questions. It is go-fuse's RawFileSystem; what it leaves out is ENOSYS, which the kernel
// takes as a limit and knows its way around.
type bridge struct {
	gofuse.RawFileSystem
	dialect dialect // immutable
	opt     Options // immutable
	calls   *calls
	root    *node
	owners  *owners
	curious curiosity
	late    sync.WaitGroup // removals of hidden files
	namer   *hidden.Namer  // nil where files are removed also while they are open; immutable
	dotL    bool           // the dialect is 9P2000.L; immutable
	drop    func()         // has the kernel ask anew for everything; immutable
	refresh func(uint64)   // has the kernel ask anew for the attributes of a node; immutable

	mu          sync.Mutex // guards what follows and nodes
	nodes       map[uint64]*node
	links       map[uint64]*node // nodes of files with more than one name, by qid.path
	standing    int              // nodes with a fid
	maxStanding int              // how many may be
	last        uint64           // number of the newest node
	handles     map[uint64]*handle
	lastHandle  uint64
	renames     uint64 // how many there have been
}

func newBridge(root *client.Fid, opt Options, calls *calls) *bridge {
	b := &bridge{
		RawFileSystem: gofuse.NewDefaultRawFileSystem(),
		opt:           opt,
		calls:         calls,
		drop:          func() {},
		refresh:       func(uint64) {},
		owners:        newOwners(),
		dotL:          root.Conn().Dialect() == lib9p.L,
		last:          gofuse.FUSE_ROOT_ID,
		handles:       make(map[uint64]*handle),
		standing:      1,
		maxStanding:   manyStanding,
	}
	b.root = &node{id: b.last, lookups: 1, qid: root.Qid(), fid: &ref{fid: root, users: 1}}
	b.nodes = map[uint64]*node{b.root.id: b.root}
	b.links = make(map[uint64]*node)
	if !opt.NoHidden {
		b.namer = hidden.New()
	}
	if b.dotL {
		b.dialect = new(linux)
	} else {
		b.dialect = newPlain(root.Conn().Dialect())
	}
	return b
}

// String names the file system's type in the list of mounts, behind "fuse.".
func (b *bridge) String() string { return "styx" }

// find looks name up in dir and returns the node, with a further lookup on it, and its attributes.
func (b *bridge) find(ctx context.Context, dir *node, name string) (*node, *lib9p.Rgetattr, error) {
	guess := b.guess(ctx, dir, name)
	var f *client.Fid
	err := b.on(ctx, dir, true, func(d *client.Fid) (err error) {
		f, err = d.Walk(ctx, name)
		return err
	})
	a := guess()
	if err != nil {
		return nil, nil, err
	}
	if a != nil && same(a.Qid, f.Qid()) {
		discard(f)
		f = nil
	} else if a, err = b.dialect.getattr(ctx, f); err != nil {
		discard(f)
		return nil, nil, err
	}
	return b.enter(dir, name, f, a, b.twin(ctx, dir, name, a)), a, nil
}

// guess asks for the attributes of the file that name was last, while a walk asks which it is now: mostly it is the same.
// The function it returns waits for them; they are nil where there is nothing to go by.
func (b *bridge) guess(ctx context.Context, dir *node, name string) func() *lib9p.Rgetattr {
	b.mu.Lock()
	n := dir.children[name]
	var r *ref
	if n != nil && n.fid != nil {
		r = n.fid
		r.users++
	}
	b.mu.Unlock()
	if r == nil {
		return func() *lib9p.Rgetattr { return nil }
	}
	c := make(chan *lib9p.Rgetattr, 1)
	go func() {
		defer b.done(r)
		a, err := b.dialect.getattr(ctx, r.fid)
		if err != nil || !same(a.Qid, n.qid) {
			a = nil
		}
		c <- a
	}()
	return func() *lib9p.Rgetattr { return <-c }
}

// entry fills in what the kernel is told of a name.
func (b *bridge) entry(out *gofuse.EntryOut, n *node, a *lib9p.Rgetattr) {
	out.NodeId = n.id
	out.SetEntryTimeout(b.opt.Cache.validity())
	out.SetAttrTimeout(b.opt.Cache.validity())
	b.attr(&out.Attr, a)
}

// Lookup tells what name is. That it is nothing is for the moment only: were the kernel to keep that, it would go on
// to do so after a creation of which nobody knows whether it was done.
func (b *bridge) Lookup(interrupt <-chan struct{}, h *gofuse.InHeader, name string, out *gofuse.EntryOut) gofuse.Status {
	c := b.calls.begin(interrupt, h)
	defer c.end()
	dir := b.node(h.NodeId)
	if dir == nil {
		return status(errStale)
	}
	if b.hides(name) {
		return gofuse.ENOENT
	}
	n, a, err := b.find(c, dir, name)
	if err != nil {
		return status(err)
	}
	b.entry(out, n, a)
	return gofuse.OK
}
