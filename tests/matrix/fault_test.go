package matrix

import (
	"bytes"

	"github.com/styxkit/styxkit/lib9p"
	"sync"
	"time"

	"github.com/styxkit/styxkit/tests/fault"
)

// A column is one kind of trouble.
type column struct {
	name     string
	fault    fault.Fault
	executed when
	fenced   bool
	tree     tree
}

// when says when the server executes what the fault is for.
type when uint8

const (
	never    when = iota // the request does not arrive
	at                   // before the connection ends
	first                // late: while the session looks at the new connection
	resent               // late: just before the session sends it again, or after the answer where it does not
	answered             // late: when the client has its answer and goes on
)

// tree says what is served afterwards.
type tree uint8

const (
	same      tree = iota // by the same process
	restarted             // by another process
	another               // by another process, and it is another tree with the same names
)

var columns = []column{
	{name: "lost", fault: fault.Fault{}, executed: never, fenced: true},
	{name: "cut", fault: fault.Fault{Keep: fault.Half, End: fault.RST}, executed: never, fenced: true},
	{name: "reply lost", fault: fault.Fault{At: fault.Reply}, executed: at, fenced: true},
	{name: "reply cut", fault: fault.Fault{At: fault.Reply, Keep: fault.Half, End: fault.RST}, executed: at, fenced: true},
	{name: "silent, lost", fault: fault.Fault{End: fault.Silent}, executed: never},
	{name: "silent, done", fault: fault.Fault{At: fault.Reply, End: fault.Silent}, executed: at},
	{name: "late, first", fault: fault.Fault{Late: true, End: fault.Silent}, executed: first},
	{name: "late, resent", fault: fault.Fault{Late: true, End: fault.Silent}, executed: resent},
	{name: "late, answered", fault: fault.Fault{Late: true, End: fault.Silent}, executed: answered},
	{name: "restarted", fault: fault.Fault{At: fault.Reply}, executed: at, fenced: true, tree: restarted},
	{name: "another tree", fault: fault.Fault{At: fault.Reply}, executed: at, fenced: true, tree: another},
}

// cutAt is the column in which keep bytes of the reply arrive.
func cutAt(keep int) *column {
	return &column{name: "cut", fault: fault.Fault{At: fault.Reply, Keep: keep}, executed: at, fenced: true}
}

// goesOn is how long the client goes on before a request that is late until it has gone on is executed, where what it
// does next has to wait for that.
const goesOn = 500 * time.Millisecond

// late is the fault of a cell, and what executes the request when it is time.
type late struct {
	*fault.Armed
	typ  uint8
	when when
}

// tap lets the request go when what comes by says that it is time.
func (l *late) tap(m fault.Message) {
	if m.R != nil {
		return
	}
	select {
	case <-l.Hit():
	default:
		return
	}
	if l.when == first || l.when == resent && m.T.Type() == l.typ {
		l.execute()
	}
}

// execute lets the request go and waits for its end.
func (l *late) execute() {
	l.Release()
	within(l.Executed())
}

// A tally counts successful executions of one type of request, on all connections. Where a request goes before the row's,
// its reply waits for the row's message, and that for the reply: it has been executed when the connection ends.
type tally struct {
	typ  uint8
	body []byte        // of the row's message, behind its first fid
	held uint8         // the type of the request before, 0 for none
	came chan struct{} // closed when its reply has come
	seen chan struct{} // closed when the row's message is under way
	mu   sync.Mutex
	n    int
	hit  <-chan struct{}
	at   fault.Side
}

func (y *tally) tap(m fault.Message) {
	y.mu.Lock()
	if m.R != nil && m.R.Type() == m.T.Type()+1 && y.is(m.T) {
		y.n++
	}
	y.mu.Unlock()
	switch {
	case y.held == 0:
	case m.R != nil && m.T.Type() == y.held && closed(y.came):
		within(y.seen)
		if y.at == fault.Request {
			within(y.hit)
		}
	case m.R == nil && m.T.Type() == y.typ && closed(y.seen):
		within(y.came)
	}
}

// is reports whether f is the row's message, on whichever connection: their fids and tags differ. One that has nothing
// else is no matter of counting.
func (y *tally) is(f lib9p.Frame) bool {
	return f.Type() == y.typ && len(y.body) > 0 && len(f) > lib9p.OffFid2 && bytes.Equal(f[lib9p.OffFid2:], y.body)
}

// closed closes c, unless it is closed, and reports whether it was open.
func closed(c chan struct{}) bool {
	select {
	case <-c:
		return false
	default:
		close(c)
		return true
	}
}

func within(c <-chan struct{}) {
	select {
	case <-c:
	case <-time.After(patience):
	}
}

func newTally(typ uint8, row lib9p.Frame, held uint8, hit <-chan struct{}, at fault.Side) *tally {
	return &tally{typ: typ, body: row[min(lib9p.OffFid2, len(row)):], held: held, came: make(chan struct{}), seen: make(chan struct{}), hit: hit, at: at}
}

func (y *tally) total() int {
	y.mu.Lock()
	defer y.mu.Unlock()
	return y.n
}
