package soak

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"syscall"
	"time"

	"github.com/styxkit/styxkit/lib9p"
	"github.com/styxkit/styxkit/tests/fault"
	"github.com/styxkit/styxkit/tests/internal/lab"
)

// A tormentor makes something bad happen to a server, and to the way there, every 1 to 5 seconds.
type tormentor struct {
	server *lab.Server
	proxy  *fault.Proxy
	gate   *gate
	r      *rand.Rand
	count  map[string]int
	holes  time.Time // when the next black hole may be
}

// torment works until ctx ends, and leaves the server running.
func (x *tormentor) torment(ctx context.Context) {
	for pause(ctx, time.Second+time.Duration(x.r.IntN(4000))*time.Millisecond) {
		name := ""
		switch k := x.r.IntN(100); {
		case k < 45:
			name = "kill"
			x.server.Kill()
			pause(ctx, time.Duration(x.r.IntN(1500))*time.Millisecond)
			x.server.Start()
		case k < 60:
			name = "stop"
			x.server.Proc().Signal(syscall.SIGSTOP)
			pause(ctx, time.Duration(200+x.r.IntN(3000))*time.Millisecond)
			x.server.Proc().Signal(syscall.SIGCONT)
		case k < 75:
			name = "reset"
			x.gate.reset(x.proxy)
		case k < 92:
			name = "slow"
			x.proxy.SetDelay(time.Duration(5+x.r.IntN(60)) * time.Millisecond)
			pause(ctx, time.Second)
			x.proxy.SetDelay(0)
		case time.Now().After(x.holes):
			// It takes the client's kernel half a minute to find out.
			name = "black hole"
			x.proxy.Break(fault.Silent)
			x.holes = time.Now().Add(75 * time.Second)
		default:
			continue
		}
		x.count[name]++
	}
}

// pause reports whether d has passed and ctx has not ended.
func pause(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}

// A gate stands in the proxy and counts the requests that the server has. A server that resets a connection does
// nothing more for it, and a proxy's reset must mean the same: so the gate holds back new requests until the
// server has answered the others.
type gate struct {
	mu     sync.Mutex
	cond   *sync.Cond
	shut   bool
	atWork map[request]bool
}

type request struct {
	conn int
	tag  uint16
}

func newGate() *gate {
	g := &gate{atWork: make(map[request]bool)}
	g.cond = sync.NewCond(&g.mu)
	return g
}

// tap is the proxy's.
func (g *gate) tap(m fault.Message) {
	g.mu.Lock()
	defer g.mu.Unlock()
	r := request{m.Conn, m.T.Tag()}
	if m.R == nil {
		for g.shut {
			g.cond.Wait()
		}
		g.atWork[r] = true
		return
	}
	delete(g.atWork, r)
	if m.T.Type() == lib9p.TypeTflush { // what is flushed may have no answer
		delete(g.atWork, request{m.Conn, m.T.U16(lib9p.OffBody)})
	}
	g.cond.Broadcast()
}

// reset resets the present connections when the server has nothing to do for them, or after 3 seconds does not.
func (g *gate) reset(p *fault.Proxy) {
	g.mu.Lock()
	g.shut = true
	late := false
	timer := time.AfterFunc(3*time.Second, func() {
		g.mu.Lock()
		late = true
		g.cond.Broadcast()
		g.mu.Unlock()
	})
	for len(g.atWork) > 0 && !late {
		g.cond.Wait()
	}
	timer.Stop()
	if !late {
		p.Break(fault.RST)
	}
	clear(g.atWork)
	g.shut = false
	g.cond.Broadcast()
	g.mu.Unlock()
}

// report tells what has happened.
func (x *tormentor) report() string {
	s := ""
	for _, name := range []string{"kill", "stop", "reset", "slow", "black hole"} {
		s += fmt.Sprintf("%s %d, ", name, x.count[name])
	}
	return s[:len(s)-2]
}
