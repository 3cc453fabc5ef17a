//go:build unix

package styxpersist

import (
	"fmt"
	"strings"
	"syscall"
	"testing/synctest"
	"time"
)

// connect gives the session a connection. Unless rest is raw, the handshake is made too, as it was the first time.
func (p *play) connect(rest string) {
	near, far := newWires()
	if p.old != nil {
		p.old.conn.Close()
		p.old = nil
	}
	switch {
	case p.server == nil:
	case p.server.isStuck():
		p.old, p.oldVars = p.server, p.vars
	default:
		p.server.conn.Close()
		p.mu.Lock()
		p.again = true
		p.mu.Unlock()
	}
	p.server = newPeer(p, far, true)
	p.vars = map[string]string{"dialect": p.d.String()}
	p.srvEnd = 0
	p.setDirEnds()
	p.newGeneration()
	p.asked() <- near
	switch how, n, _ := strings.Cut(rest, " "); how {
	case "":
		p.shake("$msize")
	case "less":
		p.shake(n)
	}
}

// shake makes the handshake on a new connection, as it was the first time, but for the msize that the server answers.
func (p *play) shake(msize string) {
	p.server.hear("Tversion tag 65535 msize $msize version $version")
	p.server.say("Rversion tag 65535 msize " + msize + " version $version")
	for i, qid := range p.roots {
		p.server.hear(fmt.Sprintf("Tattach fid $root%d afid 4294967295 ... => Rattach qid %s", i, qid))
		synctest.Wait()
	}
	p.vars["root"] = p.vars["root0"]
	synctest.Wait()
}

func (p *play) refuse(rest string, err error) {
	for range max(1, atoi(rest)) {
		p.asked() <- failed{err}
		p.since = time.Now()
	}
	synctest.Wait()
}

// hangup ends the server's connection in one of the ways in which connections end.
func (p *play) hangup(how string) {
	synctest.Wait()
	switch conn := p.here().conn; how {
	case "", "eof":
		conn.Close()
	case "reset":
		conn.fail(syscall.ECONNRESET)
	case "timeout":
		conn.fail(syscall.ETIMEDOUT)
	default:
		p.fatalf("unknown way to hang up")
	}
	synctest.Wait()
}
