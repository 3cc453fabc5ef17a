package styxpersist

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/styxkit/styxkit/lib9p"
)

// A play is a script and the two peers that it plays. The lines are described in testdata/README.
type play struct {
	t      *testing.T
	d      lib9p.Dialect
	script string
	at     int // line of script
	lines  []string

	client *peer // what the script says as the client
	server *peer // and as the server, on the present connection; nil before the first
	link   *link
	redial chan chan<- io.ReadWriteCloser
	ended  chan error
	over   bool   // Serve has returned
	want   string // in the error of Serve, "" where it returns nil
	loose  bool   // the server lies, so that what it holds is not compared

	mu    sync.Mutex
	model *model // nil where the script answers everything
	gone  bool   // the client has hung up

	vars           map[string]string
	dirEnd, srvEnd int // how far the client and the server are in the directory that the script reads

	roots []string // qids of the trees attached to, in order
	tag   int      // the last ctag of rpc
}

// patience is how long a script waits for what has to come, in the bubble's time.
const patience = 2 * time.Minute

// newPlay starts Serve between the two peers.
func newPlay(t *testing.T, d lib9p.Dialect) *play {
	near, far := newWires()
	p := &play{
		t: t, d: d, redial: make(chan chan<- io.ReadWriteCloser), ended: make(chan error, 1), tag: 99,
		vars: make(map[string]string),
	}
	p.client = newPeer(p, far, false)
	log := slog.New(slog.DiscardHandler)
	if testing.Verbose() {
		log = slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelDebug}))
	}
	p.link = &link{cfg: Config{Redial: p.redial}, log: log, conn: near}
	go func() { p.ended <- p.link.serve(context.Background()) }()
	t.Cleanup(p.clean)
	return p
}

func (p *play) clean() {
	p.client.conn.Close()
	if p.server != nil {
		p.server.conn.Close()
	}
	for !p.over {
		select {
		case <-p.ended:
			p.over = true
		case c := <-p.redial:
			c <- nil
		}
	}
}

func (p *play) fatalf(format string, arg ...any) {
	p.t.Helper()
	p.t.Fatalf("%s:%d: %s: %s", p.script, p.at, strings.TrimSpace(p.lines[min(p.at, len(p.lines))-1]), fmt.Sprintf(format, arg...))
}

// run plays the lines from the first to the client's hang-up.
func (p *play) run() {
	for i := 0; i < len(p.lines); i++ {
		p.at = i + 1
		line := strings.TrimSpace(p.lines[i])
		if line == "" || line[0] == '#' {
			continue
		}
		if only, rest, ok := strings.Cut(line, "| "); ok && len(only) == 1 {
			if only != dialectLetter(p.d) {
				continue
			}
			line = rest
		}
		verb, rest, _ := strings.Cut(line, " ")
		if rest == "{" {
			var set []string
			for i++; strings.TrimSpace(p.lines[i]) != "}"; i++ {
				set = append(set, strings.TrimSpace(p.lines[i]))
			}
			p.set(verb, set)
		} else {
			p.do(verb, rest)
		}
		p.audit(false)
	}
	p.finish()
}

func dialectLetter(d lib9p.Dialect) string {
	if d == lib9p.L {
		return "L"
	}
	return "P"
}

// finish hangs up and looks whether anything is left.
func (p *play) finish() {
	p.at = len(p.lines)
	if !p.over && p.want == "" {
		p.idle()
		p.audit(true)
		p.auditServer()
		p.client.conn.Close()
	}
	p.join()
}

// join waits for the end of Serve.
func (p *play) join() {
	if p.over {
		return
	}
	select {
	case err := <-p.ended:
		p.over = true
		if p.want == "" && err != nil || p.want != "" && (err == nil || !strings.Contains(err.Error(), p.want)) {
			p.fatalf("Serve returned %v, not %q", err, p.want)
		}
	case <-time.After(patience):
		p.fatalf("Serve does not return")
	}
}

// do plays one line.
func (p *play) do(verb, rest string) {
	switch verb {
	case "c>":
		p.client.say(rest)
	case "c<":
		p.client.hear(rest)
	case "s>":
		p.here().say(rest)
	case "s<":
		p.here().hear(rest)
	case "rpc":
		p.rpc(rest)
	case "connect":
		p.connect(rest)
	case "shake":
		p.shake()
	case "refuse":
		p.refuse(rest, syscall.ECONNREFUSED)
	case "away":
		p.refuse(rest, errors.New("no route to host"))
	case "hangup":
		p.hangup(rest)
	case "client": // hangup
		p.gone = true
		p.client.conn.Close()
	case "tree":
		p.modelLine(rest)
	case "manual":
		p.modelManual(rest)
	case "end":
		p.want = strings.Trim(rest, `"`)
		p.join()
	case "loose":
		p.loose = true
	case "sleep":
		d, err := time.ParseDuration(rest)
		if err != nil {
			p.fatalf("%v", err)
		}
		time.Sleep(d)
	case "idle":
		p.idle()
	case "takeonly":
		var n int
		fmt.Sscan(rest, &n)
		p.here().conn.takeOnly(n)
	default:
		p.macro(verb, rest)
	}
}

func (p *play) here() *peer {
	if p.server == nil {
		p.fatalf("no server yet")
	}
	return p.server
}

// set plays lines that may come in any order.
func (p *play) set(verb string, lines []string) {
	who := p.client
	if verb == "s<" {
		who = p.here()
	}
	for len(lines) > 0 {
		f := who.next()
		found := -1
		for i, line := range lines {
			if who.matches(f, line) == "" {
				found = i
				break
			}
		}
		if found < 0 {
			p.fatalf("%s is none of %q", who.show(f), lines)
		}
		who.accept(f, lines[found])
		lines = append(lines[:found:found], lines[found+1:]...)
	}
}

// idle fails where anything more was said, now that nobody can go on.
func (p *play) idle() {
	synctest.Wait()
	for _, who := range [...]*peer{p.client, p.server} {
		if who == nil {
			continue
		}
		select {
		case f := <-who.inbox:
			p.fatalf("%s hears %s, which nobody expects", who.name(), who.show(f))
		default:
		}
	}
	select {
	case err := <-p.ended:
		p.over = true
		p.fatalf("Serve returned %v", err)
	default:
	}
}

// connect gives the session a connection. Unless rest is raw, the handshake is made too, as it was the first time.
func (p *play) connect(rest string) {
	near, far := newWires()
	if p.server != nil {
		p.server.conn.Close()
	}
	p.server = newPeer(p, far, true)
	p.vars = make(map[string]string)
	p.srvEnd = 0
	p.setDirEnds()
	p.newGeneration()
	select {
	case c := <-p.redial:
		c <- near
	case <-time.After(patience):
		p.fatalf("nobody asks for a connection")
	}
	if rest != "raw" {
		p.shake()
	}
}

// shake makes the handshake on a new connection, as it was the first time.
func (p *play) shake() {
	p.server.hear("Tversion tag 65535 msize $msize version $version")
	p.server.say("Rversion tag 65535 msize $msize version $version")
	for i, qid := range p.roots {
		p.server.hear(fmt.Sprintf("Tattach fid $root%d afid 4294967295 ... => Rattach qid %s", i, qid))
		synctest.Wait()
	}
	p.vars["root"] = p.vars["root0"]
	synctest.Wait()
}

func (p *play) refuse(rest string, err error) {
	n := 1
	fmt.Sscan(rest, &n)
	for range n {
		select {
		case c := <-p.redial:
			c <- failed{err}
		case <-time.After(patience):
			p.fatalf("nobody asks for a connection")
		}
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
