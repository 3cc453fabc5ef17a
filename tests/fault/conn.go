package fault

import (
	"bytes"
	"io"
	"net"
	"sync"
	"time"

	"github.com/styxkit/styxkit/lib9p"
)

// maxFrame is the largest message that passes, in bytes.
const maxFrame = 4 << 20

// A conn is one connection of a client's and the one to the server that belongs to it.
type conn struct {
	p              *Proxy
	num            int
	client, server net.Conn
	over           chan struct{} // closed when all is to stop
	shutOnce       sync.Once
	endOnce        sync.Once

	mu      sync.Mutex
	pending map[uint16]asked // by tag: what has no reply yet
	ended   bool             // the client is told nothing any more
}

// asked is a request on its way, and the fault that is to happen to its reply or was late.
type asked struct {
	t     lib9p.Frame
	fault *Armed
}

// An item is a message between the one who reads it and the one who writes it.
type item struct {
	f     lib9p.Frame
	due   time.Time
	fault *Armed
}

func newConn(p *Proxy, client, server net.Conn) *conn {
	return &conn{p: p, client: client, server: server, over: make(chan struct{}), pending: make(map[uint16]asked)}
}

// run passes messages on until both sides have ended.
func (c *conn) run() {
	const depth = 256
	up, down := make(chan item, depth), make(chan item, depth)
	var all sync.WaitGroup
	all.Go(func() { c.readClient(up) })
	all.Go(func() { c.readServer(down) })
	all.Go(func() { c.writeServer(up) })
	all.Go(func() { c.writeClient(down) })
	all.Wait()
	c.shut()
}

// shut ends both connections at once.
func (c *conn) shut() {
	c.shutOnce.Do(func() {
		close(c.over)
		c.client.Close()
		c.server.Close()
	})
}

// readClient passes on what the client says, and when it ends, that.
func (c *conn) readClient(up chan<- item) {
	defer close(up)
	r := lib9p.NewReader(c.client, maxFrame)
	for {
		f, err := r.Next()
		if err != nil {
			return
		}
		f = bytes.Clone(f)
		if c.isEnded() {
			continue
		}
		c.p.show(Message{Conn: c.num, T: f})
		fault := c.p.faultFor(f)
		c.mu.Lock()
		c.pending[f.Tag()] = asked{f, fault}
		c.mu.Unlock()
		it := item{f: f, due: c.p.due()}
		if fault != nil && fault.At == Request {
			it.fault = fault
		}
		select {
		case up <- it:
		case <-c.over:
			return
		}
	}
}

// writeServer tells the server what the client said, and that it has ended. Behind a fault nothing follows.
func (c *conn) writeServer(up <-chan item) {
	defer drain(up)
	defer halfClose(c.server)
	for it := range up {
		switch {
		case !c.wait(it.due):
			return
		case it.fault == nil:
			if _, err := c.server.Write(it.f); err != nil {
				return
			}
		case it.fault.Late:
			c.late(it)
			return
		default:
			c.server.Write(it.fault.kept(it.f))
			it.fault.answered()
			c.happen(it.fault)
			return
		}
	}
}

// late ends the conversation for the client, and lets the server have the request when it is time.
func (c *conn) late(it item) {
	c.happen(it.fault)
	select {
	case <-it.fault.released:
	case <-c.over:
		return
	}
	c.server.Write(it.f)
	select {
	case <-it.fault.executed:
	case <-c.over:
	}
}

// readServer passes on what the server says. It reads on when the client is told nothing any more.
func (c *conn) readServer(down chan<- item) {
	defer close(down)
	defer c.unanswered()
	r := lib9p.NewReader(c.server, maxFrame)
	for {
		f, err := r.Next()
		if err != nil {
			return
		}
		f = bytes.Clone(f)
		c.mu.Lock()
		q := c.pending[f.Tag()]
		delete(c.pending, f.Tag())
		c.mu.Unlock()
		if q.t != nil {
			c.p.show(Message{Conn: c.num, T: q.t, R: f})
		}
		if q.fault != nil {
			q.fault.answered()
		}
		select {
		case down <- item{f: f, due: c.p.due(), fault: q.fault}:
		case <-c.over:
			return
		}
	}
}

// writeClient tells the client what the server said, and that it has ended.
func (c *conn) writeClient(down <-chan item) {
	defer drain(down)
	for it := range down {
		if !c.wait(it.due) {
			return
		}
		if c.isEnded() {
			continue
		}
		if it.fault != nil && it.fault.At == Reply {
			c.client.Write(it.fault.kept(it.f))
			c.happen(it.fault)
			halfClose(c.server)
			continue
		}
		if _, err := c.client.Write(it.f); err != nil {
			c.end(FIN)
		}
	}
	c.end(FIN)
}

// happen ends the client's side as the fault says.
func (c *conn) happen(a *Armed) {
	if a.Then != nil {
		a.Then()
	}
	c.end(a.End)
	close(a.hit)
}

// end ends the client's side. The first end counts.
func (c *conn) end(how End) {
	c.endOnce.Do(func() {
		c.mu.Lock()
		c.ended = true
		c.mu.Unlock()
		switch how {
		case FIN:
			halfClose(c.client)
		case RST:
			reset(c.client)
		case Silent:
			if err := silence(c.client); err != nil {
				c.p.fail(err)
			}
		}
	})
}

func (c *conn) isEnded() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.ended
}

// unanswered tells faults that no reply will come: the server has ended.
func (c *conn) unanswered() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, q := range c.pending {
		if q.fault != nil {
			q.fault.answered()
		}
	}
}

// wait waits until due. It returns false when all is to stop.
func (c *conn) wait(due time.Time) bool {
	d := time.Until(due)
	if d <= 0 {
		return true
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-c.over:
		return false
	}
}

func drain(ch <-chan item) {
	for range ch {
	}
}

// halfClose says the end of what is sent. What comes is still read.
func halfClose(c io.Closer) {
	if h, ok := c.(interface{ CloseWrite() error }); ok {
		h.CloseWrite()
	}
}

// reset ends a connection so that the peer sees a reset where the network has one.
func reset(c net.Conn) {
	if t, ok := c.(*net.TCPConn); ok {
		t.SetLinger(0)
	}
	c.Close()
}
