package hostfs

import (
	"sync/atomic"

	"golang.org/x/sys/unix"

	"github.com/styxkit/styxkit/lib9p"
)

// A node is a file that some fid stands on, or that such a one is below of.
type node struct {
	// Immutable.
	t    *Tree
	id   ident
	mode uint32 // the type of file

	vers atomic.Uint32 // of the qid, as last seen

	// Guarded by t.mu.
	parent *node            // nil for the root
	name   string           // in parent
	kids   map[string]*node // those that have refs
	refs   int              // of files and kids

	// The descriptor, guarded by t.mu too.
	fd         int   // O_PATH, or -1
	pins       int   // who uses fd just now
	opening    bool  // somebody is about to set fd
	prev, next *node // in the cache, while pins is 0
}

// An ident tells a file from every other one, also from one that got its inode later.
type ident struct {
	dev, ino uint64
	birth    int64 // nanoseconds, or 0 where the file system does not know
}

// A slot is a place for a name in a directory.
type slot struct {
	dir  *node
	name string
}

func (n *node) ref() {
	n.t.mu.Lock()
	n.refs++
	n.t.mu.Unlock()
}

func (n *node) unref() {
	n.t.mu.Lock()
	n.unrefLocked()
	n.t.mu.Unlock()
}

func (n *node) unrefLocked() {
	for n != nil {
		if n.refs--; n.refs > 0 {
			return
		}
		if n.fd >= 0 {
			n.t.cache.remove(n)
			unix.Close(n.fd)
			n.fd = -1
		}
		up := n.parent
		if up != nil && up.kids[n.name] == n {
			delete(up.kids, n.name)
		}
		n = up
	}
}

// child returns the node of the file at a slot with a reference, a new one
// unless the table has it. It takes fd, a descriptor of the file. t.mu is held.
func (t *Tree) child(dir *node, name string, st *unix.Statx_t, fd int) *node {
	id := identOf(st)
	n := dir.kids[name]
	if n == nil || n.id != id || n.mode != typeOf(st) {
		n = &node{t: t, id: id, mode: typeOf(st), fd: -1}
		n.place(dir, name)
	}
	n.refs++
	n.seen(st)
	if n.fd < 0 {
		n.fd = fd
		t.cache.add(n)
	} else {
		unix.Close(fd)
	}
	return n
}

// place puts a node into a slot, over what is there, and out of where it was.
// A node that loses its slot keeps what it knows of it: it may still be found
// to be another file there.
func (n *node) place(dir *node, name string) {
	old := n.parent
	if old != nil && old.kids[n.name] == n {
		delete(old.kids, n.name)
	}
	dir.refs++
	if dir.kids == nil {
		dir.kids = make(map[string]*node)
	}
	dir.kids[name] = n
	n.parent, n.name = dir, name
	if old != nil {
		old.unrefLocked()
	}
}

// below says whether n is top or below it, as far as the table knows. t.mu is held.
func (n *node) below(top *node) bool {
	for ; n != nil; n = n.parent {
		if n == top {
			return true
		}
	}
	return false
}

// seen remembers what changes with the file's contents.
func (n *node) seen(st *unix.Statx_t) { n.vers.Store(version(st)) }

// qid returns the node's identity for clients.
func (n *node) qid() lib9p.Qid {
	return lib9p.Qid{Type: qidType(n.mode), Vers: n.vers.Load(), Path: n.t.qidPath(n.id.dev, n.id.ino)}
}

// claim makes the caller the one who changes what two slots hold, and waits
// until nobody else is. t.mu is held.
func (t *Tree) claim(a, b slot) {
	for t.slots[a] || t.slots[b] {
		t.change.Wait()
	}
	t.slots[a], t.slots[b] = true, true
}

// release ends a claim. t.mu is held.
func (t *Tree) release(a, b slot) {
	delete(t.slots, a)
	delete(t.slots, b)
	t.moves++
	t.change.Broadcast()
}
