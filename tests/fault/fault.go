// Package fault is a proxy that stands between a 9P client and its server, knows the messages that pass, and breaks the
// conversation where it is told to: before a request, within it, within its reply, or so that the request is
// executed after the client has given the connection up.
//
// A [Proxy] takes calls, calls the server for each, and passes frames on in both directions. A [Fault] is
// armed for one message. When it comes by, the fault takes place and the connection is over: the client's side of it ends in
// the way that the fault names, and the server is told the end of what the client says. What the server still answers is
// read, shown to the tap, and thrown away, so that whoever watches learns what has been executed.
//
// Each direction of a connection has two goroutines, one that reads and one that writes, with a queue between them: a
// message that is delayed does not delay those behind it more than itself.
package fault

import (
	"sync"

	"github.com/styxkit/styxkit/lib9p"
)

// An End is how the client's side of a connection ends.
type End uint8

const (
	// FIN is an end of file, as of a server that has hung up.
	FIN End = iota
	// RST is a reset. On a network without resets it is an end of file.
	RST
	// Silent is no end at all: over TCP nothing that the client sends is acknowledged any more, so that it is
	// the client's kernel that gives the connection up. Elsewhere what it sends is thrown away. Such a connection of
	// the proxy's stays until the client hangs up where that can be seen, or Close.
	Silent
)

// A Side is one direction of a conversation.
type Side uint8

const (
	Request Side = iota // from the client to the server
	Reply               // from the server to the client
)

// Half, as a fault's Keep, is half of the message.
const Half = -1

// A Fault is what is to happen to one message.
type Fault struct {
	// Type is of the T-message, 0 for any. Nth counts such messages from when the fault is armed; 0 is the first,
	// as is 1.
	Type uint8
	Nth  int

	// At is which of the two is lost: the request, which the server never sees then, or its reply.
	At Side
	// Keep is how many bytes of the lost message arrive nevertheless, or Half.
	Keep int
	// Late has the request held and not lost: it reaches the server as a whole, on its old connection, at Release.
	Late bool

	// End is how the client's connection ends. Then is called before, where it is not nil.
	End  End
	Then func()
}

// An Armed is a fault that waits for its message.
type Armed struct {
	Fault
	hit      chan struct{}
	released chan struct{}
	executed chan struct{}
	release  sync.Once
	execute  sync.Once
}

// Hit is closed when the fault has taken place.
func (a *Armed) Hit() <-chan struct{} { return a.hit }

// Executed is closed when the server has answered the request that the fault is for, or can answer it no more.
func (a *Armed) Executed() <-chan struct{} { return a.executed }

// Release lets a late request go to the server.
func (a *Armed) Release() { a.release.Do(func() { close(a.released) }) }

func (a *Armed) answered() { a.execute.Do(func() { close(a.executed) }) }

// kept returns the part of f that arrives.
func (a *Armed) kept(f lib9p.Frame) lib9p.Frame {
	if a.Keep == Half {
		return f[:len(f)/2]
	}
	return f[:min(a.Keep, len(f))]
}

// Arm arms f. Of several that wait for one message the one armed first has it.
func (p *Proxy) Arm(f Fault) *Armed {
	a := &Armed{Fault: f, hit: make(chan struct{}), released: make(chan struct{}), executed: make(chan struct{})}
	p.mu.Lock()
	p.armed = append(p.armed, a)
	p.mu.Unlock()
	return a
}

// Disarm takes back a fault that has not taken place.
func (p *Proxy) Disarm(a *Armed) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.disarm(a)
}

func (p *Proxy) disarm(a *Armed) {
	for i, b := range p.armed {
		if a == b {
			p.armed = append(p.armed[:i:i], p.armed[i+1:]...)
			return
		}
	}
}

// faultFor returns the fault that is due at request f, if any.
func (p *Proxy) faultFor(f lib9p.Frame) *Armed {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, a := range p.armed {
		if a.Type != 0 && a.Type != f.Type() {
			continue
		}
		if a.Nth--; a.Nth <= 0 {
			p.disarm(a)
			return a
		}
	}
	return nil
}
