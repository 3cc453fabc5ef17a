package matrix

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/styxkit/styxkit/lib9p"
	"github.com/styxkit/styxkit/styxpersist"
	"github.com/styxkit/styxkit/tests/fault"
	"github.com/styxkit/styxkit/tests/internal/lab"
)

// lastFid is the highest fid that a cell looks at.
const lastFid = 6

// A state is what is on the host and what the fids are.
type state struct {
	tree string
	fids [lastFid + 1]string
}

// A reference is what a row comes to without faults.
type reference struct {
	before, after state // without the message and with it
	final         state // and with what follows it
	told          string
	then          []string // what was told then
	names         []string // of directories
	refused       bool
	size          int // of the reply, in bytes
}

// place makes the directory of a cell, in b's export.
func (r *row) place(t testing.TB, b *bench) (dir string) {
	t.Helper()
	b.mu.Lock()
	b.cells++
	dir = filepath.Join(b.export, fmt.Sprint("cell", b.cells))
	b.mu.Unlock()
	r.furnish(t, dir, false)
	return dir
}

func (r *row) furnish(t testing.TB, dir string, other bool) {
	t.Helper()
	must(t, fill(dir, other))
	if r.prepare != nil {
		must(t, r.prepare(dir))
	}
}

// reference finds out what the row comes to, from the server itself.
func (r *row) reference(t testing.TB, b *bench) *reference {
	t.Helper()
	ref := new(reference)
	c, dir := r.direct(t, b)
	ref.before = r.stateOf(t, b, c, dir)

	c, dir = r.direct(t, b)
	r.tidy(c)
	m, reply := r.send(c, nil)
	if reply == nil {
		t.Fatalf("%s: %v", lib9p.TypeName(lib9p.TypeOf(m)), c.err)
	}
	f, err := lib9p.Pack(b.d, 1, reply)
	must(t, err)
	ref.size, ref.refused = len(f), lib9p.ErrorOf(reply) != nil
	if r.after != nil {
		r.after(c)
	}
	ref.after = r.stateOf(t, b, c, dir)

	c, dir = r.direct(t, b)
	r.tidy(c)
	_, reply = r.send(c, nil)
	from := len(c.said)
	if r.then != nil && !ref.refused {
		r.then(c)
	}
	if c.err != nil {
		t.Fatalf("what follows: %v", c.err)
	}
	then := c.said[from:]
	if r.after != nil {
		r.after(c)
	}
	ref.final = r.stateOf(t, b, c, dir)
	l := r.lookAt(t, b, dir)
	ref.told = l.tell(b.d, reply)
	ref.then = tellAll(l, b.d, then)
	ref.names = c.listed()
	return ref
}

func tellAll(l look, d lib9p.Dialect, said []lib9p.Msg) (told []string) {
	for _, m := range said {
		told = append(told, l.tell(d, m))
	}
	return told
}

// direct begins a session with the server itself and leads it to the row's message.
func (r *row) direct(t testing.TB, b *bench) (*client, string) {
	t.Helper()
	dir := r.place(t, b)
	conn, err := b.dial()
	must(t, err)
	t.Cleanup(func() { conn.Close() })
	c := begin(t, conn, b.d, b.server.Aname, filepath.Base(dir))
	r.lead(t, c)
	return c, dir
}

func (r *row) lead(t testing.TB, c *client) {
	t.Helper()
	if r.before != nil {
		r.before(c)
	}
	if c.err != nil {
		t.Fatalf("before it: %v", c.err)
	}
}

// tidy does what styxpersist would do before the message.
func (r *row) tidy(c *client) {
	if r.alone != nil {
		r.alone(c)
	}
}

func (r *row) lookAt(t testing.TB, b *bench, dir string) look {
	t.Helper()
	l, err := lookAt(dir, b.export)
	must(t, err)
	if r.locks {
		l.text += "\nf is " + isLocked(dir)
	}
	return l
}

// stateOf takes down the tree, and then what the fids are, which the client asks the server.
func (r *row) stateOf(t testing.TB, b *bench, c *client, dir string) state {
	t.Helper()
	l := r.lookAt(t, b, dir)
	s := state{tree: l.text}
	for fid := range s.fids {
		if slices.Contains(r.skip, fid) {
			continue
		}
		switch m := c.stat(uint32(fid)); {
		case m == nil:
			s.fids[fid] = "broken"
		case lib9p.ErrorOf(m) != nil:
			s.fids[fid] = "error"
		default:
			s.fids[fid] = identity(l, m)
		}
	}
	return s
}

// identity says which file a fid is.
func identity(l look, m lib9p.Msg) string {
	switch m := m.(type) {
	case *lib9p.Rgetattr:
		return l.who(m.Qid)
	case *lib9p.Rstat:
		return l.who(m.Stat.Qid)
	}
	return fmt.Sprintf("%T", m)
}

// send sends the row's message and returns it and its reply. sent is called between the two, unless it is nil: then nobody
// holds back the reply to what goes before.
func (r *row) send(c *client, sent func()) (m, reply lib9p.Msg) {
	m = r.msg(c)
	tag := uint16(1)
	if lib9p.TypeOf(m) == lib9p.TypeTversion {
		tag = lib9p.NoTag
	}
	c.SetDeadline(time.Now().Add(patience))
	if r.pipes != nil {
		c.err = c.Send(2, r.pipes(c))
		if sent == nil && c.err == nil {
			_, _, c.err = c.Receive()
		}
	}
	if c.err == nil {
		c.err = c.Send(tag, m)
	}
	if sent != nil {
		sent()
	}
	for c.err == nil {
		var got uint16
		var err error
		if got, reply, err = c.Receive(); err != nil {
			c.err = err
			return m, nil
		}
		c.hears(reply)
		if got == tag {
			return m, reply
		}
	}
	return m, nil
}

// A rig is what a cell is played on.
type rig struct {
	*client
	b     *bench
	dir   string
	proxy *fault.Proxy
	log   *bytes.Buffer // of styxpersist, good when done
	done  chan error    // what Serve returned
}

// rig begins a session through styxpersist and the proxy.
func (r *row) rig(t testing.TB, b *bench) *rig {
	t.Helper()
	g := &rig{b: b, dir: r.place(t, b), log: new(bytes.Buffer), done: make(chan error, 1)}
	log := slog.New(slog.NewTextHandler(g.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	var err error
	g.proxy, err = fault.New("tcp", "127.0.0.1:0", b.dial)
	must(t, err)
	near, far := net.Pipe()
	redial := make(chan chan<- io.ReadWriteCloser)
	go styxpersist.Dialer(redial, func() (io.ReadWriteCloser, error) { return call(g.proxy) })
	go func() {
		g.done <- styxpersist.Serve(context.Background(), far, styxpersist.Config{
			Redial: redial, Rand: func() float64 { return 0 }, Logger: log, Sole: r.sole})
		close(redial)
	}()
	g.client = begin(t, near, b.d, b.server.Aname, filepath.Base(g.dir))
	r.lead(t, g.client)
	return g
}

// call calls the proxy on a connection that is given up when nothing is heard from it for two seconds.
func call(p *fault.Proxy) (net.Conn, error) {
	dialer := net.Dialer{KeepAliveConfig: net.KeepAliveConfig{Enable: true, Idle: time.Second, Interval: time.Second, Count: 1}}
	conn, err := dialer.Dial("tcp", p.Addr().String())
	if err != nil {
		return nil, err
	}
	raw, err := conn.(*net.TCPConn).SyscallConn()
	if err == nil {
		err = errors.Join(err, raw.Control(func(fd uintptr) {
			err = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, 500)
		}))
	}
	return conn, err
}

// end ends the session, and the proxy with what it has kept.
func (g *rig) end() error {
	g.Close()
	var err error
	select {
	case <-g.done:
	case <-time.After(patience):
		err = errors.New("the session does not end")
	}
	return errors.Join(err, g.proxy.Close())
}

// cell plays one cell, and says why it came to its class.
func (r *row) cell(t *testing.T, b *bench, col *column, ref *reference) (got class, why string) {
	t.Helper()
	if col.tree != same { // a server of its own, which can be killed
		b = newBench(t, b.kind, b.d, filepath.Dir(filepath.Dir(b.export)))
	}
	g := r.rig(t, b)
	defer func() {
		if err := g.end(); err != nil && got != hung {
			got, why = hung, err.Error()
		}
		why += "\n" + g.log.String()
	}()

	m := r.msg(g.client)
	held := uint8(0)
	if r.pipes != nil {
		held = lib9p.TypeOf(r.pipes(g.client))
	}
	f := col.fault
	f.Type = r.wire(m)
	killed, replaced := make(chan struct{}), make(chan struct{})
	if col.tree != same {
		f.Then = func() {
			close(killed)
			<-replaced
		}
	}
	l := &late{Armed: g.proxy.Arm(f), typ: f.Type, when: col.executed}
	frame, err := lib9p.Pack(b.d, 1, m)
	must(t, err)
	count := newTally(f.Type, frame, held, l.Hit(), f.At)
	g.proxy.SetTap(func(m fault.Message) {
		count.tap(m)
		l.tap(m)
	})
	var other look
	_, reply := r.send(g.client, func() {
		if col.tree != same {
			<-killed
			other = r.replace(t, b, g.dir, col.tree == another)
			close(replaced)
		}
	})
	o := &outcome{row: r, col: col, ref: ref, d: b.d, reply: reply, other: other}
	return o.follow(t, g, l, count)
}

// replace kills the server of b, which has the cell dir, and starts another. It returns the other tree.
func (r *row) replace(t *testing.T, b *bench, dir string, other bool) (l look) {
	b.server.Kill()
	if other {
		must(t, os.Rename(b.export, b.export+".old"))
		must(t, os.Mkdir(b.export, 0o777))
		r.furnish(t, dir, true)
		l = r.lookAt(t, b, dir)
	}
	b.server.Start()
	return l
}

// follow has the client go on, waits until all is executed that will be, and judges what there is then.
func (o *outcome) follow(t *testing.T, g *rig, l *late, count *tally) (class, string) {
	t.Helper()
	if o.reply == nil {
		return hung, fmt.Sprint("no reply: ", g.err)
	}
	start := len(g.said)
	if o.col.executed == resent {
		l.execute()
	}
	o.success = lib9p.ErrorOf(o.reply) == nil
	gone := make(chan struct{})
	go func() {
		defer close(gone)
		if o.row.then != nil && o.success && o.col.tree != another {
			o.row.then(g.client)
		}
	}()
	if o.col.executed == answered {
		select {
		case <-gone:
		case <-time.After(goesOn):
		}
		l.execute()
	}
	<-gone
	switch {
	case g.hung():
		return hung, g.err.Error()
	case g.err != nil:
		return odd, g.err.Error()
	}
	now := o.row.lookAt(t, g.b, g.dir)
	for end := time.Now().Add(lab.Patience); o.row.locks && o.success && now.text != o.ref.final.tree && time.Now().Before(end); {
		time.Sleep(10 * time.Millisecond) // the server may not have let go of what the old connection had
		now = o.row.lookAt(t, g.b, g.dir)
	}
	o.last = g.said[len(g.said)-1]
	o.told, o.then = now.tell(o.d, o.reply), tellAll(now, o.d, g.said[start:])
	o.pipelined = pipelined(g.said[:start], o.reply, o.row.pipes != nil)
	o.now = o.row.stateOf(t, g.b, g.client, g.dir)
	o.names, o.count = g.listed(), count.total()
	return o.judge()
}

// pipelined returns what was told of the request before the row's, if there was one.
func pipelined(said []lib9p.Msg, reply lib9p.Msg, piped bool) lib9p.Msg {
	if !piped || len(said) < 2 || said[len(said)-1] != reply {
		return nil
	}
	return said[len(said)-2]
}
