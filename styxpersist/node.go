package styxpersist

import (
	"slices"

	"9fans.net/go/plan9"

	"github.com/styxkit/styxkit/lib9p"
)

// A root is what a Tattach gave: the way back to a tree begins with attaching again.
// Attaches of one user to one tree share it.
type root struct {
	uname, aname string
	nuname       uint32
	authed       bool // the client has proved who it is, which it can do for itself alone
	top          *node
	contents     *contents
	superseded   bool // a newer root has its place: nothing is remembered any more
	moves        []moveNote
	recent       queue[*node] // held: what is known of them is kept for a while
}

// maxRecent bounds the nodes that a root remembers when no fid stands on them any more.
const maxRecent = 16384

// remember keeps n, which a fid leaves, and with it what the file is and which names it has not.
func (r *root) remember(n *node) {
	if n.recent || n.gone || r.superseded {
		return
	}
	n.recent = true
	r.recent.put(n.hold())
	if r.recent.len() > maxRecent {
		old := r.recent.take()
		old.recent = false
		old.drop()
	}
}

// forgetAll lets go of what is remembered and nobody stands on.
func (r *root) forgetAll() {
	for r.recent.len() > 0 {
		n := r.recent.take()
		n.recent = false
		n.drop()
	}
	for _, m := range r.moves {
		m.drop()
	}
	r.moves = nil
}

// A node is a file's place in a tree, under its root. Fids point to nodes, so that renaming a directory
// moves all that is below it by moving one node. Nodes belong to the session's mutex.
//
// A node lives while a fid or a child refers to it.
type node struct {
	root      *root
	parent    *node // nil at the top; kept when the node is gone, never followed then
	name      string
	qid       lib9p.Qid
	kind      kind
	mode      *trueMode // to be put back, see mode.go
	recent    bool      // in its root's recent
	gone      bool      // removed, renamed over, or replaced: the path no longer leads here
	sought    bool      // gone, and yet the path may lead here: a walk came this way while names in the directory changed
	elsewhere place     // held: where the file is if it is not where it is taken to be; none where its place is known
	guessed   bool      // it has been sought there: what was in doubt may have been about the other name
	vague     int       // the connection on which a rename of n may have changed nothing, since it had both names: by which its fids stand there nobody knows
	hidden    bool      // its name is one that nobody is shown: it was removed, see silly.go
	opens     int       // fids that are open on it
	children  map[string]*node
	refs      int               // fids and children
	absent    map[string]uint64 // names that nothing has, and the number of the request that told so
	renamed   uint64            // seq when the session last heard of a change of a name in this directory
	unsure    uint64            // seq when a change of a name was last answered of which nobody knows whether it was done
	doubted   uint64            // and when one was that may have taken this file's name, until it is found by it, see doubt.go
	seen      uint64            // seq when a walk first came here; 0 where none has

	look look   // what was told of it
	told uint64 // seq of the request for its length and mtime

	inside *content // held, nil where nobody has asked for it
}

// kind says what writing means to a file, as far as the session has seen.
type kind uint8

const (
	kindUnknown kind = iota
	kindRegular      // a write at an offset can be made twice
	kindStream       // every write is an event: a device, a control file, a pipe
)

// kindOfMode returns the kind of a file of .L from its mode.
func kindOfMode(mode uint32) kind {
	switch mode & lib9p.ModeFmt {
	case lib9p.ModeRegular:
		return kindRegular
	case lib9p.ModeDir, lib9p.ModeSymlink:
		return kindUnknown
	}
	return kindStream
}

// kindOfStat returns the kind of a file of 9P2000 or .u. One without a length
// may be a device or a control file, which have none, or just empty.
func kindOfStat(st *lib9p.Stat) kind {
	const special = plan9.DMDIR | plan9.DMSYMLINK
	switch {
	case st.Mode&(plan9.DMDEVICE|plan9.DMNAMEDPIPE|plan9.DMSOCKET) != 0:
		return kindStream
	case st.Mode&special == 0 && st.Length > 0:
		return kindRegular
	}
	return kindUnknown
}

func newTop(r *root, qid lib9p.Qid) *node { return &node{root: r, qid: qid} }

func (n *node) hold() *node {
	if n == nil {
		return nil // the parent of a root
	}
	n.refs++
	return n
}

// drop gives back a reference and forgets nodes that nothing refers to.
func (n *node) drop() {
	for n != nil {
		n.refs--
		if n.refs > 0 || n.parent == nil {
			return
		}
		p := n.parent
		if p.children[n.name] == n {
			delete(p.children, n.name)
		}
		n.placed()
		n.inside.drop()
		n.inside = nil
		n = p
	}
}

// child returns the node that name in directory n leads to, now that a request of number seq has seen it to have qid.
// Another file that had the name before is gone; but where names have changed since the request, it may
// have seen what was there before.
func (n *node) child(name string, qid lib9p.Qid, seq uint64) *node {
	if c := n.children[name]; c != nil {
		if sameFile(c.qid, qid) {
			c.qid = qid
			c.proven(seq)
			delete(n.absent, name) // what moved it was refused
			if seq > n.renamed {
				c.placed()
			}
			return c
		}
	}
	var other place
	if seq <= n.renamed {
		f, at := n.root.follow(n, name, qid, seq, 0)
		if f != nil {
			return f
		}
		other = at
	}
	if c := n.children[name]; c != nil {
		if seq <= n.renamed {
			c = &node{root: n.root, parent: n.hold(), name: name, qid: qid, gone: true, sought: true}
			c.orAt(other)
			return c
		}
		c.displaced(c.seen >= seq) // two walks were under way at once: which of them came last nobody knows
	}
	delete(n.absent, name)
	c := &node{root: n.root, parent: n.hold(), name: name, qid: qid}
	if seq <= n.unsure {
		c.doubted = n.unsure
	}
	if n.children == nil {
		n.children = make(map[string]*node)
	}
	n.children[name] = c
	c.orAt(other)
	return c
}

// walk returns the node that one element of a walk leads to. Where ".." left the tree that
// the session knows, its literal name becomes part of the way back.
func (n *node) walk(name string, qid lib9p.Qid, seq uint64) *node {
	if name == ".." {
		switch {
		case n.parent == nil && sameFile(n.qid, qid):
			return n
		case n.parent != nil && sameFile(n.parent.qid, qid): // also out of a directory that was removed
			return n.parent
		case sameFile(n.root.top.qid, qid): // n was moved, by somebody else
			return n.root.top
		}
	}
	return n.child(name, qid, seq)
}

// missed takes in that a walk of number seq did not find name in directory n. Where names are
// moving, what had it may have been moved, and its new place is not known yet.
func (n *node) missed(name string, seq uint64, moving bool) {
	if seq <= n.renamed {
		return // it may have been made since
	}
	n.lacks(name, seq)
	if c := n.children[name]; c != nil && !moving {
		c.displaced(false)
	}
}

// freed takes in that a request of number seq has taken name away. It is not there then, unless names have changed meanwhile.
func (n *node) freed(name string, seq uint64) {
	if seq > n.renamed {
		n.lacks(name, seq)
	}
}

func (n *node) lacks(name string, seq uint64) {
	if seq <= n.unsure {
		return
	}
	if n.absent == nil || len(n.absent) >= maxAbsent {
		n.absent = make(map[string]uint64)
	}
	n.absent[name] = seq
}

// maxAbsent bounds what a directory's node remembers of names that are not there.
const maxAbsent = 1024

// move gives n the place name in dir, over whatever was there. Where dir is below n, as far as the session knows, it is not any more,
// and nobody knows where.
func (n *node) move(dir *node, name string) {
	if old := dir.children[name]; old != nil && old != n {
		old.vanish()
	}
	from := n.parent
	if from == nil {
		return
	}
	if n.above(dir) {
		n.vanish()
		return
	}
	if from.children[n.name] == n {
		delete(from.children, n.name)
	}
	delete(dir.absent, name)
	n.parent, n.name, n.gone, n.sought = dir.hold(), name, false, false
	if dir.children == nil {
		dir.children = make(map[string]*node)
	}
	dir.children[name] = n
	from.drop()
}

// above reports whether dir is n or below it.
func (n *node) above(dir *node) bool {
	for dir != nil && dir != n {
		dir = dir.parent
	}
	return dir == n
}

// path returns the names from the root to n, and false where a node on the way is gone. What is found there
// has to be compared with n's qid: where a node on the way is only sought by its name, it may be another file.
func (n *node) path() (names []string, ok bool) {
	depth := 0
	for p := n; p.parent != nil; p = p.parent {
		if p.gone && !p.sought {
			return nil, false
		}
		depth++
	}
	names = make([]string, depth)
	for p := n; p.parent != nil; p = p.parent {
		depth--
		names[depth] = p.name
	}
	return names, true
}

// chain returns the nodes from the root's top to n.
func (n *node) chain() []*node {
	var l []*node
	for ; n != nil; n = n.parent {
		l = append(l, n)
	}
	slices.Reverse(l)
	return l
}

// identityBits are the bits of qid.type that a file does not change.
const identityBits = 0x80 | 0x10 | 0x08 | 0x02 // DIR, MOUNT, AUTH, SYMLINK

// sameFile reports whether two qids name one file. The version only says that the content changed.
func sameFile(a, b lib9p.Qid) bool {
	return a.Path == b.Path && (a.Type^b.Type)&identityBits == 0
}

// isDir reports whether qid is a directory's.
func isDir(qid lib9p.Qid) bool { return qid.Type&plan9.QTDIR != 0 }
