package fuse

import (
	"context"
	"slices"
	"time"

	"9fans.net/go/plan9"

	"github.com/styxkit/styxkit/lib9p"
	"github.com/styxkit/styxkit/lib9p/client"
)

// A node is a file that the kernel knows by a number.
type node struct {
	id  uint64    // immutable
	qid lib9p.Qid // immutable

	// guarded by bridge.mu
	places   []place          // where it was seen, the last is tried first; none: the root, or it has lost its names
	children map[string]*node // what was seen in it
	lookups  uint64           // how often the kernel was told of it and has not forgotten
	fid      *ref             // stands on it unopened; nil: walk when there is need
	handles  []*handle        // open on it
	hidden   bool             // it was removed while open; see hidden.go
	leaving  bool             // and its hidden name is being removed
	nameless bool             // 9P2000, .u: it was removed while open, and the server cannot say that it has no links
	seen     seen
	stamp    stamp // of when its attributes were asked for last
	kept     stamp // of before its data were read that the kernel may have

	bare         time.Time // when it was seen to have no extended attributes
	xattrChanges uint64    // how often one was to be set
}

// A place is a name in a directory.
type place struct {
	dir  *node
	name string
}

// seen is what the last attributes of a node said.
type seen struct {
	size, links    uint64
	mode, uid, gid uint32
}

// A ref is a fid that a node and calls under way share. The last to let go clunks it.
type ref struct {
	fid   *client.Fid
	users int // guarded by bridge.mu
}

// bygone is a context that is over: with it a clunk is sent and not waited for.
var bygone = func() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}()

// discard clunks a fid that may be nil, without waiting.
func discard(f *client.Fid) {
	if f != nil {
		f.Clunk(bygone)
	}
}

// node returns the node of a number, or nil.
func (b *bridge) node(id uint64) *node {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.nodes[id]
}

// same reports whether two qids name one file. The version tells contents apart, not files; so do the bits of
// the type that a chmod can change.
func same(a, b lib9p.Qid) bool {
	const kind = plan9.QTDIR | plan9.QTSYMLINK | plan9.QTAUTH | plan9.QTMOUNT
	return a.Path == b.Path && a.Type&kind == b.Type&kind
}

// use returns a fid that stands on n, walking to it where none does. Give it back with done.
func (b *bridge) use(ctx context.Context, n *node) (*ref, error) {
	b.mu.Lock()
	if r := n.fid; r != nil {
		r.users++
		b.mu.Unlock()
		return r, nil
	}
	from, names, ok := n.path()
	if !ok {
		b.mu.Unlock()
		return nil, errStale
	}
	from.fid.users++
	start, qid := from.fid, n.qid
	b.mu.Unlock()
	f, err := start.fid.Walk(ctx, names...)
	b.done(start)
	if err != nil {
		if lost(err, false) {
			b.forsake(from, start)
			err = errStale
		}
		return nil, err
	}
	if !same(f.Qid(), qid) {
		discard(f)
		return nil, errStale
	}
	return b.adopt(n, f), nil
}

// path returns the nearest node above n that a fid stands on, and the names from there. bridge.mu is held.
func (n *node) path() (from *node, names []string, ok bool) {
	for from = n; from.fid == nil; {
		if len(from.places) == 0 || len(names) > maxDepth {
			return nil, nil, false
		}
		at := from.places[len(from.places)-1]
		names = append(names, at.name)
		from = at.dir
	}
	slices.Reverse(names)
	return from, names, true
}

// maxDepth bounds a path, should a server make a ring of directories.
const maxDepth = 4096

// adopt makes f the fid of n unless n has got one meanwhile, and returns the one that n has.
func (b *bridge) adopt(n *node, f *client.Fid) *ref {
	b.mu.Lock()
	defer b.mu.Unlock()
	if n.fid == nil {
		b.stand(n, f)
	} else {
		discard(f)
	}
	n.fid.users++
	return n.fid
}

// stand makes f the fid of n, in the place of one that n has. bridge.mu is held.
func (b *bridge) stand(n *node, f *client.Fid) {
	if n.fid == nil {
		b.standing++
	}
	b.release(n.fid)
	n.fid = &ref{fid: f, users: 1}
	if b.standing > b.maxStanding {
		b.economize(n)
	}
}

// manyStanding is how many nodes may have fids. The kernel remembers files for as long as it has the memory; the
// server should not have to, nor bring all of them back when it was away.
const manyStanding = 4096

// economize takes a quarter of the fids from nodes other than n, no matter which: a walk brings one back.
// bridge.mu is held.
func (b *bridge) economize(n *node) {
	for _, o := range b.nodes {
		if b.standing <= b.maxStanding*3/4 {
			return
		}
		if o != n && o != b.root && len(o.places) > 0 {
			b.unstand(o)
		}
	}
}

// unstand takes the fid from n. bridge.mu is held.
func (b *bridge) unstand(n *node) {
	if n.fid != nil {
		b.standing--
		b.release(n.fid)
		n.fid = nil
	}
}

// done ends a use.
func (b *bridge) done(r *ref) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.release(r)
}

// release is done with bridge.mu held; r may be nil.
func (b *bridge) release(r *ref) {
	if r == nil {
		return
	}
	if r.users--; r.users == 0 {
		discard(r.fid)
	}
}

// forsake takes r, which has turned out stale, from n. The root keeps its own: there is no other way to it.
func (b *bridge) forsake(n *node, r *ref) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if n.fid == r && n != b.root {
		b.unstand(n)
	}
}

// forsakeBelow takes the fids from all that is below n, after n has moved: there are servers whose
// fids are paths. bridge.mu is held.
func (b *bridge) forsakeBelow(n *node) {
	for _, c := range n.children {
		b.unstand(c)
		b.forsakeBelow(c)
	}
}

// on does something with a fid that stands on n. Where the fid turns out stale it is done once more with
// one that was walked anew. named says that ENOENT can be about a name and not the fid.
func (b *bridge) on(ctx context.Context, n *node, named bool, do func(*client.Fid) error) error {
	for again := false; ; again = true {
		r, err := b.use(ctx, n)
		if err != nil {
			return err
		}
		err = do(r.fid)
		stale := lost(err, named)
		if stale {
			b.forsake(n, r)
		}
		b.done(r)
		if !stale {
			return err
		}
		if again || n == b.root {
			return errStale
		}
	}
}

// enter notes that name in dir is the file of attributes a, on which f stands (nil: none does), and that the
// kernel is about to be told so. twin is a node of the same file under another name, or nil.
func (b *bridge) enter(dir *node, name string, f *client.Fid, a *lib9p.Rgetattr, twin *node) *node {
	b.mu.Lock()
	defer b.mu.Unlock()
	n := dir.children[name]
	switch {
	case twin != nil && b.nodes[twin.id] == twin:
		n = twin
	case n == nil || !same(n.qid, a.Qid):
		b.last++
		n = &node{id: b.last, qid: a.Qid}
		b.nodes[n.id] = n
	}
	b.place(n, dir, name)
	if linkable(a) && b.links[a.Qid.Path] == nil {
		b.links[a.Qid.Path] = n
	}
	if f != nil {
		b.stand(n, f)
	}
	n.lookups++
	n.learn(a)
	return n
}

// learn keeps what a says, and corrects it. bridge.mu is held.
func (n *node) learn(a *lib9p.Rgetattr) {
	if (n.hidden || n.nameless) && a.Nlink > 0 {
		a.Nlink--
	}
	n.stamp = stampOf(a)
	n.seen = seen{size: a.Size, links: a.Nlink, mode: a.Mode, uid: a.Uid, gid: a.Gid}
}

// place adds a place to n; another node that was there loses it. bridge.mu is held.
func (b *bridge) place(n, dir *node, name string) {
	if dir.children[name] == n {
		return
	}
	b.unplace(dir, name)
	if dir.children == nil {
		dir.children = make(map[string]*node)
	}
	dir.children[name] = n
	n.places, n.nameless = append(n.places, place{dir, name}), false
}

// unplace takes a place from the node that has it and returns the node, or nil. bridge.mu is held.
func (b *bridge) unplace(dir *node, name string) *node {
	n := dir.children[name]
	if n == nil {
		return nil
	}
	delete(dir.children, name)
	n.places = slices.DeleteFunc(n.places, func(p place) bool { return p == place{dir, name} })
	if len(n.places) == 0 {
		n.nameless = !b.dotL
	}
	if len(n.places) == 0 && len(n.handles) == 0 {
		b.unstand(n) // nobody can want it
	}
	b.reap(dir)
	return n
}

// Forget takes back lookups that the kernel was told of.
func (b *bridge) Forget(id, lookups uint64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	n := b.nodes[id]
	if n == nil {
		return
	}
	n.lookups -= min(lookups, n.lookups)
	b.reap(n)
}

// reap drops n when nobody needs it any more: neither the kernel nor a handle nor a node in it. bridge.mu is held.
func (b *bridge) reap(n *node) {
	if n == b.root || n.lookups > 0 || len(n.children) > 0 || len(n.handles) > 0 || n.leaving || b.nodes[n.id] != n {
		return
	}
	delete(b.nodes, n.id)
	if b.links[n.qid.Path] == n {
		delete(b.links, n.qid.Path)
	}
	b.unstand(n)
	for len(n.places) > 0 {
		p := n.places[0]
		b.unplace(p.dir, p.name)
	}
}
