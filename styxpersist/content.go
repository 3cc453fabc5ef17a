package styxpersist

// A content is what is known of what a file holds, for what is written to its end is proved with that. It is the file's and not
// a name's: a file that has many names is changed by each, so its nodes share it.
type content struct {
	in   *contents
	path uint64 // the qid's
	refs int    // nodes, and requests that write

	length  uint64
	known   bool   // everything that happened to the file since its length was seen is our own and acknowledged
	changed uint64 // seq when the session last heard of a change of the length
	writing int    // Twrites that have no answer yet
}

// Contents are those of all files of one server, by the path of the qid. Roots lead to the same ones.
type contents struct{ of map[uint64]*content }

func newContents() *contents { return &contents{make(map[uint64]*content)} }

// content returns what is known of the file n, which is remembered for as long as n, or another node of the file, is there.
func (n *node) content() *content {
	if n.inside == nil {
		all, path := n.root.contents, n.qid.Path
		c := all.of[path]
		if c == nil {
			c = &content{in: all, path: path}
			all.of[path] = c
		}
		n.inside = c.hold()
	}
	return n.inside
}

// sum is content for those who want to know, and change nothing.
func (n *node) sum() content {
	c := n.inside
	if c == nil {
		c = n.root.contents.of[n.qid.Path]
	}
	if c == nil {
		return content{}
	}
	return *c
}

// holds reports whether n's content is c.
func (n *node) holds(c *content) bool {
	return n.inside == c || n.inside == nil && n.root.contents == c.in && n.qid.Path == c.path
}

func (c *content) hold() *content {
	c.refs++
	return c
}

// drop gives back a reference to c, which may be none.
func (c *content) drop() {
	if c == nil {
		return
	}
	if c.refs--; c.refs == 0 {
		delete(c.in.of, c.path)
	}
}
