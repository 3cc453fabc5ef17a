//go:build sim || mutate

package sim

import (
	"cmp"
	"hash/fnv"
	"maps"
	"slices"

	"9fans.net/go/plan9"

	"github.com/styxkit/styxkit/lib9p"
	"github.com/styxkit/styxkit/lib9p/hidden"
)

// A tree is the server's files. It outlives every crash.
type tree struct {
	root  *inode
	last  uint64 // qid.path given last
	epoch uint64 // how often the files have been numbered anew
	salt  uint64 // what directory cookies are made from
}

// An inode is a file, known by its path for ever.
type inode struct {
	tree    *tree
	path    uint64
	version uint32
	mode    uint32 // as Linux has it, with the type
	append  bool
	excl    bool
	eased   *eased // its mode, where styxpersist has changed it
	data    []byte
	over    []*op // whose bytes the last change took away
	by      []*op // whose each byte is, where somebody has written since the beginning
	target  string
	entries map[string]*entry
	ever    []*entry // what was in it once, or is
	up      *entry   // a directory's own entry; nil at the root
	names   []*entry // all that it ever had
	links   int
	xattrs  map[string]string
	locks   []lock
	lockers []uint32 // the owners who ever had one
	opens   int
	writes  []*op // what changed the content, in order
}

// An entry is a name. A rename moves it, so who came by it can be told whether it leads there still.
type entry struct {
	dir   *inode
	name  string
	node  *inode
	born  int
	gone  int   // when it was removed; 0 while it is there
	moves []*op // what renamed it
	past  []place
	by    *session // who gave it, if it is hidden
	heir  *entry   // the hidden name that the file has for those who came by this one
	hazy  bool     // a rename of one of its file's names to it changed nothing, which nobody can see
}

// A place is where an entry was, from a moment on.
type place struct {
	at   int
	dir  *inode
	name string
	by   *op // what renamed it so; nil where it was made
}

type lock struct {
	conn        *sconn
	fid         *sfid
	typ         uint8
	first, last uint64
	proc        uint32
	client      string
}

func newTree() *tree {
	t := &tree{}
	t.root = t.newInode(lib9p.ModeDir | 0o755)
	return t
}

func (t *tree) newInode(mode uint32) *inode {
	t.last++
	n := &inode{tree: t, path: t.last, mode: mode, links: 1}
	if mode&lib9p.ModeFmt == lib9p.ModeDir {
		n.entries = make(map[string]*entry)
	}
	return n
}

func (n *inode) isDir() bool { return n.entries != nil }

func (n *inode) isRegular() bool { return n.mode&lib9p.ModeFmt == lib9p.ModeRegular }

func (n *inode) qid() lib9p.Qid {
	q := lib9p.Qid{Path: n.path | n.tree.epoch<<epochShift, Vers: n.version}
	if n.isDir() {
		q.Type |= plan9.QTDIR
	}
	if n.append {
		q.Type |= plan9.QTAPPEND
	}
	if n.excl {
		q.Type |= plan9.QTEXCL
	}
	if n.mode&lib9p.ModeFmt == lib9p.ModeSymlink {
		q.Type |= plan9.QTSYMLINK
	}
	return q
}

// perm is the mode as 9P2000 has it.
func (n *inode) perm() uint32 { return n.mode&0o777 | uint32(n.qid().Type)<<24 }

// put makes node be name in dir.
func (t *tree) put(at int, dir *inode, name string, node *inode) *entry {
	e := &entry{dir: dir, name: name, node: node, born: at, past: []place{{at: at, dir: dir, name: name}}}
	dir.entries[name] = e
	dir.ever = append(dir.ever, e)
	node.names = append(node.names, e)
	if node.isDir() {
		node.up = e
	}
	return e
}

// was reports whether e was name in dir once, or is.
func (e *entry) was(dir *inode, name string) bool {
	return slices.ContainsFunc(e.past, func(p place) bool { return p.dir == dir && p.name == name })
}

// cut takes e away.
func (e *entry) cut(at int) {
	if e.gone != 0 {
		return
	}
	if e.dir.entries[e.name] == e {
		delete(e.dir.entries, e.name)
	}
	e.gone = at
	e.node.links--
}

// move gives e another place, which is o's doing.
func (e *entry) move(at int, dir *inode, name string, o *op) {
	if e.dir.entries[e.name] == e {
		delete(e.dir.entries, e.name)
	}
	e.dir, e.name = dir, name
	e.past = append(e.past, place{at, dir, name, o})
	if o != nil { // else from one hidden name to another
		e.moves = append(e.moves, o)
	}
	dir.entries[name] = e
	dir.ever = append(dir.ever, e)
}

// within reports whether dir is n or below it.
func (n *inode) within(dir *inode) bool {
	for {
		if n == dir {
			return true
		}
		if n.up == nil {
			return false
		}
		n = n.up.dir
	}
}

// listed returns dir's entries in the order of their cookies.
func (t *tree) listed(dir *inode) []cookied {
	l := make([]cookied, 0, len(dir.entries))
	for name, e := range dir.entries {
		h := fnv.New64a()
		h.Write([]byte{byte(t.salt), byte(t.salt >> 8), byte(t.salt >> 16), byte(dir.path)})
		h.Write([]byte(name))
		l = append(l, cookied{h.Sum64()>>1 | 1, e, name})
	}
	slices.SortFunc(l, func(a, b cookied) int { return cmp.Compare(a.cookie, b.cookie) })
	return l
}

type cookied struct {
	cookie uint64
	e      *entry
	name   string // then
}

// conflict returns the lock of another owner that stands against l.
func (n *inode) conflict(l lock) *lock {
	for i := range n.locks {
		h := &n.locks[i]
		if (h.proc != l.proc || h.client != l.client || h.conn != l.conn) && h.first <= l.last && l.first <= h.last &&
			(h.typ == lib9p.LockWrite || l.typ == lib9p.LockWrite) {
			return h
		}
	}
	return nil
}

// setLock gives the range of l to its owner, or frees it.
func (n *inode) setLock(l lock) {
	var left []lock
	for _, h := range n.locks {
		if h.proc != l.proc || h.client != l.client || h.conn != l.conn || h.last < l.first || l.last < h.first {
			left = append(left, h)
			continue
		}
		if h.first < l.first {
			b := h
			b.last = l.first - 1
			left = append(left, b)
		}
		if h.last > l.last {
			b := h
			b.first = l.last + 1
			left = append(left, b)
		}
	}
	if l.typ != lib9p.LockUnlock {
		left = append(left, l)
	}
	n.locks = left
}

// dropLocks frees what keep does not want.
func (n *inode) dropLocks(drop func(l *lock) bool) {
	n.locks = slices.DeleteFunc(n.locks, func(l lock) bool { return drop(&l) })
}

// shown returns the names in n that a client is to see.
func (n *inode) shown() []string {
	return slices.DeleteFunc(n.sortedNames(), func(name string) bool { return hidden.Is(name) })
}

func (n *inode) sortedNames() []string { return slices.Sorted(maps.Keys(n.entries)) }
