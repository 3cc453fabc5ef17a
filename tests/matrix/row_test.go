package matrix

import (
	"slices"

	"9fans.net/go/plan9"

	"github.com/styxkit/styxkit/lib9p"
)

// A row is one message, where and how it is sent.
type row struct {
	name     string
	dialects []lib9p.Dialect // nil for all
	lacks    []string        // servers that have not what the row is about

	kind      kind
	harmful   bool // a late execution could undo what the client does next, or do what it wants done no more
	untied    bool // it may succeed on another tree too
	everyByte bool

	prepare func(dir string) error    // on the host
	before  func(c *client)           // leads to it
	alone   func(c *client)           // and this too where it is sent to a server itself
	after   func(c *client)           // as alone, behind it
	skip    []int                     // fids that servers differ about
	pipes   func(c *client) lib9p.Msg // sent just before it, with another tag; its reply is held back
	msg     func(c *client) lib9p.Msg
	onWire  uint8           // its type at the server, where that is another
	then    func(c *client) // when it has been answered with success
	locks   bool            // look at the locks on f
	commits bool            // what follows ends with the clunk that makes an attribute of it, which an old connection may do too

	sole    bool             // nobody else makes names, and styxpersist is told so
	special map[string]class // by column
}

// withSole returns rs with what is claimed once more: where nobody else makes names.
func withSole(rs []row) []row {
	for _, r := range rs {
		if r.kind == claim && r.pipes == nil {
			r.name, r.kind, r.sole, r.everyByte = r.name+", sole", known, true, false
			rs = append(rs, r)
		}
	}
	return rs
}

// kind is what a message is to recovery.
type kind uint8

const (
	again  kind = iota // twice is as once: it is sent again
	local              // the death of the connection has done it, or the session does it itself
	shown              // what is there shows whether it was done
	claim              // what is there may be another's doing: only that it is not there shows something
	known              // it is always known, since what makes a name fails the second time
	fenced             // as again behind a fence; without one nothing shows anything
)

// served reports whether the row is one for b.
func (r *row) served(b *bench) bool {
	return (r.dialects == nil || slices.Contains(r.dialects, b.d)) && !slices.Contains(r.lacks, b.kind)
}

// wire returns the type that the message has at the server.
func (r *row) wire(m lib9p.Msg) uint8 {
	if r.onWire != 0 {
		return r.onWire
	}
	return lib9p.TypeOf(m)
}

// A class is what a cell came to.
type class string

const (
	ok        class = "ok"              // done once, and told so
	refused   class = "refused"         // the server refuses it, and this was told
	doneDoubt class = "done, doubt"     // done once, and told that it may not have been
	doubt     class = "not done, doubt" // not done, and told that it may have been
	right     class = "error"           // the error is right: the file is not there any more
	later     class = "then doubt"      // done, and the clunk that makes it count was told to be in doubt
	left      class = "told, not done"  // an answer that is none to the question whether it was done: of Tclunk with ORCLOSE

	odd   class = "ERROR"      // an error that is not right, or no error where one is right
	twice class = "TWICE"      // executed twice
	lost  class = "LOST"       // told that it was done, and it was not, or is undone
	wrong class = "WRONG FILE" // something happened to another file, or a fid is another file
	hung  class = "HUNG"       // no answer
)

// want returns what a cell has to come to.
func (r *row) want(b *bench, c *column, ref *reference) class {
	for _, key := range []string{b.kind + ": " + c.name, c.name} {
		if w, ok := r.special[key]; ok {
			return w
		}
	}
	if c.tree == another {
		switch {
		case ref.refused && r.untied:
			return refused
		case r.untied || r.kind == local:
			return ok
		}
		return right
	}
	late := !c.fenced && r.harmful
	good := ok
	if r.commits && !c.fenced {
		good = later
	}
	if ref.refused {
		good = refused
		if late && r.kind != again && r.kind != local {
			return doubt
		}
		return good
	}
	done := doneDoubt
	if c.executed == never {
		done = doubt
	}
	switch r.kind {
	case shown:
		switch {
		case c.executed == at || c.executed == first:
			return ok
		case late:
			return done
		case c.executed == resent:
			return doneDoubt
		}
	case claim:
		switch {
		case c.executed == at || c.executed == first || c.executed == resent:
			return doneDoubt
		case late:
			return done
		}
	case fenced:
		if !c.fenced {
			return done
		}
	}
	return good
}

// listing is the row of a message that reads on in a directory.
func listing(name string, dialects []lib9p.Dialect) row {
	return row{name: name, dialects: dialects,
		before: func(c *client) {
			c.opened(2, "d", plan9.OREAD)
			c.take(c.need(c.readDir(2, 0, 200)), 0)
		},
		msg: func(c *client) lib9p.Msg { return c.readDir(2, c.offset(), 200) },
		then: func(c *client) {
			at, more := c.take(c.said[len(c.said)-1], c.offset())
			if more {
				c.list(2, at)
			}
		},
	}
}
