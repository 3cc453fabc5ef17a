package styxpersist

// A place is a name in a directory.
type place struct {
	dir  *node
	name string
}

// is reports whether p and q are one name. A directory that was reached while names changed may have two nodes.
func (p place) is(q place) bool {
	return p.dir != nil && q.dir != nil && p.name == q.name && (p.dir == q.dir || sameFile(p.dir.qid, q.dir.qid))
}

// vanish takes n out of its directory: its path leads elsewhere from now on.
func (n *node) vanish() {
	if n.parent != nil && n.parent.children[n.name] == n {
		delete(n.parent.children, n.name)
	}
	n.gone, n.sought = true, false
	n.placed()
}

// displaced takes n out of its directory, where its name is said to be another file's or nobody's. Where n may
// have got the name since that was true, it is sought there.
func (n *node) displaced(since bool) {
	if n.goElsewhere() {
		return
	}
	n.vanish()
	n.sought = since
}

// orAt takes in that nobody knows whether n is where it is taken to be, or at, if that is a place.
func (n *node) orAt(at place) {
	at.dir.hold()
	n.placed()
	n.elsewhere = at
}

// placed takes in that n is where it is taken to be.
func (n *node) placed() {
	at := n.elsewhere
	n.elsewhere = place{}
	at.dir.drop()
}

// inPlace reports whether it is known that n's path leads to n, but for what others do.
func (n *node) inPlace() bool { return !n.gone && n.elsewhere.dir == nil }

// goElsewhere has n, which is not where it was taken to be, sought in the other place, if there is one.
func (n *node) goElsewhere() bool {
	at := n.elsewhere
	if at.dir == nil || n.parent == nil || n.above(at.dir) {
		return false
	}
	n.elsewhere, n.guessed = place{}, true
	n.vanish()
	from := n.parent
	n.parent, n.name, n.sought = at.dir, at.name, true
	from.drop()
	return true
}
