package fault

import (
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"github.com/styxkit/styxkit/lib9p"
)

// A Message is one that a proxy has read.
type Message struct {
	Conn int         // its connection: they are counted from 1
	T    lib9p.Frame // the request
	R    lib9p.Frame // the reply, nil when it is the request that has come
}

// A Proxy passes 9P conversations on to a server.
type Proxy struct {
	listener net.Listener
	dial     func() (net.Conn, error)
	all      sync.WaitGroup

	mu     sync.Mutex
	armed  []*Armed
	conns  map[*conn]bool
	count  int
	delay  time.Duration
	tap    func(Message)
	closed bool
	failed error // what could not be done as it was asked for
}

// New returns a proxy that takes calls at address and calls the server with dial for each of them. A call that dial fails
// for is reset.
func New(network, address string, dial func() (net.Conn, error)) (*Proxy, error) {
	l, err := net.Listen(network, address)
	if err != nil {
		return nil, err
	}
	p := &Proxy{listener: l, dial: dial, conns: make(map[*conn]bool)}
	p.all.Go(p.accept)
	return p, nil
}

// Addr returns where the proxy takes calls.
func (p *Proxy) Addr() net.Addr { return p.listener.Addr() }

// Dial calls the proxy.
func (p *Proxy) Dial() (net.Conn, error) { return net.Dial(p.Addr().Network(), p.Addr().String()) }

// SetDelay makes each message, from now on, arrive d later than it would. A round trip takes twice as long.
func (p *Proxy) SetDelay(d time.Duration) {
	p.mu.Lock()
	p.delay = d
	p.mu.Unlock()
}

// SetTap has f called with each message that comes, before it is passed on: as long as f does not return, it is not. The frames
// are good for the call only. Calls for one direction of a connection come one at a time and in order.
func (p *Proxy) SetTap(f func(Message)) {
	p.mu.Lock()
	p.tap = f
	p.mu.Unlock()
}

// Conns returns how many connections there are at present.
func (p *Proxy) Conns() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.conns)
}

// Break ends the client's side of all present connections as end says, wherever they are in a message.
func (p *Proxy) Break(end End) {
	p.mu.Lock()
	var all []*conn
	for c := range p.conns {
		all = append(all, c)
	}
	p.mu.Unlock()
	for _, c := range all {
		c.end(end)
		halfClose(c.server)
	}
}

// Close ends all connections and returns when nothing of the proxy is left running. The error is of the first fault that
// could not take place.
func (p *Proxy) Close() error {
	err := p.listener.Close()
	p.mu.Lock()
	p.closed = true
	for _, a := range p.armed {
		a.answered()
	}
	for c := range p.conns {
		c.shut()
	}
	p.mu.Unlock()
	p.all.Wait()
	p.mu.Lock()
	defer p.mu.Unlock()
	return errors.Join(err, p.failed)
}

func (p *Proxy) fail(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.failed == nil {
		p.failed = fmt.Errorf("break a connection: %w", err)
	}
}

func (p *Proxy) accept() {
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return
		}
		p.all.Go(func() { p.serve(client) })
	}
}

func (p *Proxy) serve(client net.Conn) {
	server, err := p.dial()
	if err != nil {
		reset(client)
		return
	}
	c := newConn(p, client, server)
	p.mu.Lock()
	p.count++
	c.num = p.count
	p.conns[c] = true
	if p.closed {
		c.shut()
	}
	p.mu.Unlock()
	c.run()
	p.mu.Lock()
	delete(p.conns, c)
	p.mu.Unlock()
}

func (p *Proxy) show(m Message) {
	p.mu.Lock()
	tap := p.tap
	p.mu.Unlock()
	if tap != nil {
		tap(m)
	}
}

// due returns when a message that comes now is to go on.
func (p *Proxy) due() time.Time {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.delay == 0 {
		return time.Time{}
	}
	return time.Now().Add(p.delay)
}
