//go:build unix

package styxpersist

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"9fans.net/go/plan9"

	"github.com/styxkit/styxkit/lib9p"
)

// A farm is a server of very many files, which are where anybody looks for them, on a line with a round trip of rtt.
// It answers in the order of the requests, and remembers what it was asked.
type farm struct {
	t   *testing.T
	rtt time.Duration
	// trouble returns another answer than the usual, or nil.
	trouble func(m lib9p.Msg, underWay int) lib9p.Msg

	all sync.WaitGroup

	mu   sync.Mutex
	conn *wire // the server's end of the present connection
	came time.Time
	sent []asked // on the present connection, but for the handshake
	most int     // requests under way at a time, on any connection
}

// An asked is a request, and when it came, as time since the connection.
type asked struct {
	name string // of the file
	msg  lib9p.Msg
	at   time.Duration
}

// A hand is the client of a farm.
type hand struct {
	*farm
	link   *link
	conn   *wire
	redial chan chan<- io.ReadWriteCloser
	done   chan error
	events chan Event
	heard  chan lib9p.Frame
}

// newFarm starts Serve between a client and a farm, of which at most window fids come back at a time.
func newFarm(t *testing.T, window int) *hand {
	near, far := newWires()
	h := &hand{
		farm: &farm{t: t, rtt: 10 * time.Millisecond}, conn: far,
		redial: make(chan chan<- io.ReadWriteCloser), done: make(chan error, 1),
		events: make(chan Event, 1<<16), heard: make(chan lib9p.Frame, 1<<16),
	}
	h.link = &link{
		cfg: Config{Redial: h.redial, Counters: new(Counters), window: window, Observer: func(e Event) { h.events <- e }},
		log: slog.New(slog.DiscardHandler), conn: near, wall: wallClock,
	}
	go func() { h.done <- h.link.serve(context.Background()) }()
	go func() {
		in := lib9p.NewReader(far, 1<<20)
		for {
			f, err := in.Next()
			if err != nil {
				return
			}
			h.heard <- append(lib9p.Frame(nil), f...)
		}
	}()
	h.say(lib9p.NoTag, &lib9p.Tversion{Msize: 8192, Version: "9P2000.L"})
	h.connect()
	h.reply()
	h.call(&lib9p.Tattach{Fid: 0, Afid: lib9p.NoFid})
	return h
}

// end hangs up and waits for the end of Serve.
func (h *hand) end() {
	h.conn.Close()
	if err := <-h.done; err != nil {
		h.t.Error(err)
	}
	h.farm.die()
	h.all.Wait()
}

func (h *hand) say(tag uint16, m lib9p.Msg) {
	f, err := lib9p.Pack(lib9p.L, tag, m)
	if err != nil {
		h.t.Fatal(err)
	}
	h.conn.Write(f)
}

func (h *hand) reply() lib9p.Frame {
	h.t.Helper()
	select {
	case f := <-h.heard:
		return f
	case <-time.After(patience):
		h.t.Fatal("no answer")
		return nil
	}
}

func (h *hand) call(m lib9p.Msg) {
	h.t.Helper()
	h.say(1, m)
	if f := h.reply(); f.Type() != lib9p.TypeOf(m)+1 {
		h.t.Fatalf("%s was answered with %s", lib9p.TypeName(lib9p.TypeOf(m)), lib9p.TypeName(f.Type()))
	}
}

// walk makes fid the file name; open opens it, too.
func (h *hand) walk(fid uint32, name string) {
	h.t.Helper()
	h.call(&lib9p.Twalk{Fid: 0, Newfid: fid, Wname: []string{name}})
}

func (h *hand) open(fid uint32, name string) {
	h.t.Helper()
	h.walk(fid, name)
	h.call(&lib9p.Tlopen{Fid: fid, Flags: lib9p.LRDWR})
}

// openMany opens the files of the fids 1 to n, a thousand at a time.
func (h *hand) openMany(n int) {
	h.t.Helper()
	for from := 1; from <= n; from += 1000 {
		to := min(from+1000, n+1)
		for _, each := range []func(fid uint32) lib9p.Msg{
			func(fid uint32) lib9p.Msg { return &lib9p.Twalk{Newfid: fid, Wname: []string{fmt.Sprint(fid)}} },
			func(fid uint32) lib9p.Msg { return &lib9p.Tlopen{Fid: fid, Flags: lib9p.LRDWR} },
		} {
			for fid := from; fid < to; fid++ {
				h.say(uint16(fid), each(uint32(fid)))
			}
			for range to - from {
				h.reply()
			}
		}
	}
}

// connect gives the session a connection when it asks for one.
func (h *hand) connect() {
	near, far := newWires()
	select {
	case c := <-h.redial:
		h.farm.serve(far)
		c <- near
	case <-time.After(patience):
		h.t.Fatal("nobody asks for a connection")
	}
}

// back waits until the session says that all is back, and for what goes on to come to rest.
func (h *hand) back() Back {
	h.t.Helper()
	for {
		select {
		case e := <-h.events:
			if b, ok := e.(Back); ok {
				synctest.Wait()
				return b
			}
		case <-time.After(10 * time.Minute):
			h.t.Fatal("the server is not back")
		}
	}
}

// die ends the present connection. When it returns nobody is at work for it any more.
func (f *farm) die() {
	f.mu.Lock()
	conn := f.conn
	f.mu.Unlock()
	conn.Close()
	synctest.Wait()
}

// since is how long the present connection lives.
func (f *farm) since() time.Duration {
	f.mu.Lock()
	defer f.mu.Unlock()
	return time.Since(f.came)
}

// walked returns the names that were walked to on the present connection, in order.
func (f *farm) walked() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	var l []string
	for _, a := range f.sent {
		if w, ok := a.msg.(*lib9p.Twalk); ok && len(w.Wname) > 0 {
			l = append(l, a.name)
		}
	}
	return l
}

// before returns how many requests came before the first of type typ.
func (f *farm) before(typ uint8) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.IndexFunc(f.sent, func(a asked) bool { return lib9p.TypeOf(a.msg) == typ })
}

// serve answers on conn, each request when rtt has passed.
func (f *farm) serve(conn *wire) {
	f.mu.Lock()
	f.conn, f.came, f.sent = conn, time.Now(), nil
	f.mu.Unlock()
	type due struct {
		frame lib9p.Frame
		at    time.Time
	}
	later := make(chan due, 1<<16)
	f.all.Go(func() {
		for d := range later {
			time.Sleep(time.Until(d.at))
			conn.Write(d.frame)
		}
	})
	f.all.Go(func() {
		defer close(later)
		names := make(map[uint32]string)
		in := lib9p.NewReader(conn, 1<<20)
		for {
			g, err := in.Next()
			if err != nil {
				return
			}
			tag, m, err := lib9p.Unpack(lib9p.L, g)
			if err != nil {
				f.t.Error(err)
				return
			}
			answer, err := lib9p.Pack(lib9p.L, tag, f.answer(names, m, len(later)+1))
			if err != nil {
				f.t.Error(err)
				return
			}
			later <- due{answer, time.Now().Add(f.rtt)}
		}
	})
}

func (f *farm) answer(names map[uint32]string, m lib9p.Msg, underWay int) lib9p.Msg {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.most = max(f.most, underWay)
	name := ""
	defer func() { f.sent = append(f.sent, asked{name, m, time.Since(f.came)}) }()
	if f.trouble != nil {
		if answer := f.trouble(m, underWay); answer != nil {
			return answer
		}
	}
	qid := func() lib9p.Qid {
		if name == "" {
			return lib9p.Qid{Type: plan9.QTDIR, Path: 1}
		}
		q := lib9p.Qid{Path: 2}
		for _, c := range name {
			q.Path = q.Path*257 + uint64(c)
		}
		if strings.HasPrefix(name, "excl") {
			q.Type = plan9.QTEXCL
		}
		return q
	}
	switch m := m.(type) {
	case *lib9p.Tversion:
		return &lib9p.Rversion{Msize: m.Msize, Version: m.Version}
	case *lib9p.Tattach:
		names[m.Fid] = ""
		return &lib9p.Rattach{Qid: qid()}
	case *lib9p.Twalk:
		r := &lib9p.Rwalk{}
		name = names[m.Fid]
		if len(m.Wname) > 0 {
			name = m.Wname[0]
			r.Wqid = []lib9p.Qid{qid()}
		}
		names[m.Newfid] = name
		return r
	case *lib9p.Tlopen:
		name = names[m.Fid]
		return &lib9p.Rlopen{Qid: qid()}
	case *lib9p.Tread:
		name = names[m.Fid]
		return &lib9p.Rread{Data: []byte(name)}
	case *lib9p.Twrite:
		name = names[m.Fid]
		return &lib9p.Rwrite{Count: uint32(len(m.Data))}
	case *lib9p.Tlock:
		return &lib9p.Rlock{Status: lib9p.LockSuccess}
	case *lib9p.Tgetattr:
		return &lib9p.Rgetattr{Valid: lib9p.GetBasic, Mode: lib9p.ModeRegular | 0644, Size: 10}
	case *lib9p.Tclunk:
		return &lib9p.Rclunk{}
	}
	return lib9p.ErrorMsg(lib9p.L, errProto)
}
