//go:build unix

package styxpersist

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
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
	old    *peer // and on the one before, if that is still there
	link   *link
	redial chan chan<- io.ReadWriteCloser
	ended  chan error
	events chan Event // what the observer was told
	over   bool       // Serve has returned
	want   string     // in the error of Serve, "" where it returns nil
	loose  bool       // the server lies, so that what it holds is not compared

	mu    sync.Mutex
	model *model // nil where the script answers everything
	gone  bool   // the client has hung up
	again bool   // it is not the first connection

	vars, oldVars  map[string]string
	dirEnd, srvEnd int // how far the client and the server are in the directory that the script reads

	pending chan<- io.ReadWriteCloser // where the session waits for a connection, if it is known
	since   time.Time                 // when it was answered last

	slept atomic.Int64 // how far the wall clock runs ahead, in nanoseconds

	auth []string // what Config.Auth does; mu

	roots []string // qids of the trees attached to, in order
	tag   int      // the last ctag of rpc
}

// patience is how long a script waits for what has to come, in the bubble's time.
const patience = 2 * time.Minute

// newPlay starts Serve between the two peers.
func newPlay(t *testing.T, d lib9p.Dialect) *play {
	near, far := newWires()
	p := &play{
		t: t, d: d, redial: make(chan chan<- io.ReadWriteCloser), ended: make(chan error, 1), events: make(chan Event, 1000), tag: 99,
		vars: map[string]string{"dialect": d.String()},
	}
	p.client = newPeer(p, far, false)
	log := slog.New(slog.DiscardHandler)
	if testing.Verbose() {
		log = slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelDebug}))
	}
	p.link = &link{cfg: Config{Redial: p.redial, Observer: p.observe, Counters: new(Counters)}, log: log, conn: near, wall: p.wall}
	go func() { p.ended <- p.link.serve(context.Background()) }()
	t.Cleanup(p.clean)
	return p
}

func (p *play) wall() time.Time { return wallClock().Add(time.Duration(p.slept.Load())) }

func (p *play) clean() {
	for _, who := range [...]*peer{p.client, p.server, p.old} {
		if who != nil {
			who.conn.Close()
		}
	}
	if p.pending != nil {
		p.pending <- nil
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
		line, ok := p.mine(line)
		if !ok {
			continue
		}
		verb, rest, _ := strings.Cut(line, " ")
		if rest == "{" {
			var set []string
			for i++; strings.TrimSpace(p.lines[i]) != "}"; i++ {
				if line, ok := p.mine(strings.TrimSpace(p.lines[i])); ok {
					set = append(set, line)
				}
			}
			p.set(verb, set)
		} else {
			p.do(verb, rest)
		}
		p.audit(false)
	}
	p.finish()
}

// mine returns a line without the letter of its dialect, and false where that is another one.
func (p *play) mine(line string) (string, bool) {
	if only, rest, ok := strings.Cut(line, "| "); ok && len(only) == 1 {
		return rest, only == dialectLetter(p.d)
	}
	return line, true
}

func dialectLetter(d lib9p.Dialect) string { return [...]string{"P", "U", "L"}[d] }

// finish hangs up and looks whether anything is left.
func (p *play) finish() {
	p.at = len(p.lines)
	if !p.over && p.want == "" {
		time.Sleep(10 * time.Second) // what a probe holds it lets go of
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
	case "o>", "o<":
		p.vars, p.oldVars = p.oldVars, p.vars
		if verb == "o>" {
			p.old.say(rest)
		} else {
			p.old.hear(rest)
		}
		p.vars, p.oldVars = p.oldVars, p.vars
	case "old": // hangup
		synctest.Wait()
		p.old.conn.Close()
		synctest.Wait()
	case "wake": // d: the machine has slept for so long
		d, err := time.ParseDuration(rest)
		if err != nil {
			p.fatalf("%v", err)
		}
		p.slept.Add(int64(d))
	case "soft":
		d, err := time.ParseDuration(rest)
		if err != nil {
			p.fatalf("%v", err)
		}
		p.link.cfg.Soft = d // before there is a session
	case "full":
		p.here().conn.fill()
	case "empty":
		p.here().conn.empty()
	case "stuck":
		p.here().stick()
	case "rpc":
		p.rpc(rest)
	case "connect":
		p.connect(rest)
	case "shake":
		p.shake("$msize")
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
		p.modelLine(spell(rest))
	case "qids": // policy
		p.link.cfg.Qids, _ = ParseQidPolicy(rest)
	case "roots": // the qids of the trees attached to, in order
		p.roots = nil
		for _, w := range words(rest) {
			p.roots = append(p.roots, qids(w)[0])
		}
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
	case "now":
		p.since = time.Now()
	case "within":
		p.within(words(rest))
	case "taken":
		p.pending = p.asked()
	case "flood": // n message
		n, line, _ := strings.Cut(rest, " ")
		for range atoi(n) {
			p.here().say(line)
		}
	case "many": // n name fields: the client asks with the tags from 1000 on
		w := words(rest)
		for i := range atoi(w[0]) {
			p.client.say(fmt.Sprintf("%s tag %d %s", w[1], 1000+i, strings.Join(w[4:], " ")))
		}
	case "answer": // n pattern => reply: the server is asked n times, and answers so
		n, line, _ := strings.Cut(rest, " ")
		name, reply, _ := strings.Cut(line, " => ")
		for range atoi(n) {
			p.here().hear(name + " ... => " + reply)
		}
	case "collect": // n: the client gets n replies
		for range atoi(rest) {
			p.client.next()
		}
	case "blocked":
		p.blocked()
	case "idle":
		p.idle()
	case "auth": // Config.Auth, from now on
		p.setAuth(words(spell(rest)))
	case "silly": // Config.Silly
		p.link.cfg.Silly = true
	case "sole": // Config.Sole
		p.link.cfg.Sole = true
	case "hides": // name: the session renames it, $h from now on, and the server has not answered yet
		p.hides(rest)
	case "files": // all that the tree holds
		p.files(words(rest))
	case "event":
		p.event(rest)
	case "counted":
		p.counted(words(rest))
	case "takeonly":
		p.here().conn.takeOnly(atoi(rest))
	default:
		p.macro(verb, rest)
	}
}

// asked waits until the session asks for a connection, and returns where to send it.
func (p *play) asked() chan<- io.ReadWriteCloser {
	if c := p.pending; c != nil {
		p.pending = nil
		return c
	}
	select {
	case c := <-p.redial:
		return c
	case <-time.After(patience):
		p.fatalf("nobody asks for a connection")
		return nil
	}
}

// within waits until the session asks for a connection and looks when that is, counted from the last answer.
func (p *play) within(w []string) {
	p.pending = p.asked()
	least, err := time.ParseDuration(w[0])
	most, err2 := time.ParseDuration(w[1])
	if d := time.Since(p.since); err != nil || err2 != nil || d < least || d > most {
		p.fatalf("asked for a connection after %v", d)
	}
}

func (p *play) here() *peer {
	if p.server == nil {
		p.fatalf("no server yet")
	}
	return p.server
}

func atoi(s string) int {
	n, _ := strconv.Atoi(s)
	return n
}

// blocked answers that a lock is held by another, for as long as the session asks.
func (p *play) blocked() {
	for {
		select {
		case f := <-p.server.inbox:
			p.server.send(f.Tag(), &lib9p.Rlock{Status: lib9p.LockBlocked})
		case <-time.After(5 * time.Second):
			return
		}
	}
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
	for _, who := range [...]*peer{p.client, p.server, p.old} {
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
