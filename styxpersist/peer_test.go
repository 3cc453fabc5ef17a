//go:build unix

package styxpersist

import (
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/styxkit/styxkit/lib9p"
)

// A peer is one end that a play speaks at, and what it knows of the conversation there.
type peer struct {
	p      *play
	conn   *wire
	server bool
	inbox  chan lib9p.Frame

	mu      sync.Mutex
	asked   map[uint16]lib9p.Msg        // requests without answer, by tag
	flushed map[uint16]bool             // client: tags that Rflush has freed and nothing has used since
	cancels map[*lib9p.Tflush]lib9p.Msg // client: the request that had the old tag when the flush was sent
	fids    map[uint32]bool             // server: what it has made
	attrs   map[uint32]bool             // server: fids that write an attribute, or a proof
	fault   string                      // what the other side did wrong, unasked
	stuck   bool                        // server: it answers nothing by itself, and does not see the end
}

func newPeer(p *play, conn *wire, server bool) *peer {
	who := &peer{
		p: p, conn: conn, server: server, inbox: make(chan lib9p.Frame, 1000),
		asked: make(map[uint16]lib9p.Msg), flushed: make(map[uint16]bool),
		cancels: make(map[*lib9p.Tflush]lib9p.Msg), fids: make(map[uint32]bool), attrs: make(map[uint32]bool),
	}
	go who.listen()
	return who
}

func (w *peer) name() string {
	if w.server {
		return "the server"
	}
	return "the client"
}

// listen puts what comes into the inbox, and holds it to the protocol.
func (w *peer) listen() {
	in := lib9p.NewReader(w.conn, 1<<24)
	for {
		f, err := in.Next()
		if err != nil {
			if !w.isStuck() {
				w.conn.Close() // as a server does that sees the end
			}
			return
		}
		f = append(lib9p.Frame(nil), f...)
		if w.server {
			if w.request(f) {
				continue
			}
		} else {
			w.reply(f)
		}
		w.inbox <- f
	}
}

func (w *peer) stick() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.stuck = true
}

func (w *peer) isStuck() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.stuck
}

func (w *peer) wrong(format string, arg ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.fault == "" {
		w.fault = fmt.Sprintf(format, arg...)
	}
}

// reply holds what the client is told to the rule of one reply a tag, and none after Rflush.
func (w *peer) reply(f lib9p.Frame) {
	tag, m, err := w.unpack(f)
	if err != nil {
		w.wrong("the client got %v", err)
		return
	}
	w.mu.Lock()
	t := w.asked[tag]
	delete(w.asked, tag)
	if fl, ok := t.(*lib9p.Tflush); ok {
		if old := w.cancels[fl]; old != nil && w.asked[fl.Oldtag] == old {
			delete(w.asked, fl.Oldtag)
			w.flushed[fl.Oldtag] = true
		}
	}
	flushed := w.flushed[tag]
	w.mu.Unlock()
	switch {
	case t == nil && flushed:
		w.wrong("the client got %s after Rflush", w.show(f))
	case t == nil && tag != lib9p.NoTag:
		w.wrong("the client got %s, which answers nothing", w.show(f))
	case t != nil && f.Type() != lib9p.TypeOf(t)+1 && lib9p.ErrorOf(m) == nil:
		w.wrong("the client got %s for %s", w.show(f), lib9p.Format(w.p.d, tag, t))
	}
}

// request holds what the server is asked to the protocol. It returns true for a
// clunk of what nobody needs, which it answers.
func (w *peer) request(f lib9p.Frame) (dealt bool) {
	tag, m, err := w.unpack(f)
	if err != nil {
		w.wrong("the server got %v", err)
		return false
	}
	own, discards := w.p.isOwn(f)
	w.mu.Lock()
	if w.asked[tag] != nil {
		w.mu.Unlock()
		w.wrong("the server got %s while that tag was in use", w.show(f))
		return false
	}
	w.asked[tag] = m
	w.mu.Unlock()
	uses, makes := fidsOf(m)
	for _, fid := range uses {
		if !w.has(fid) && !(discards || !own && w.coming(fid)) {
			w.wrong("the server got %s with a fid that it has not", w.show(f))
		}
	}
	if makes != lib9p.NoFid && w.has(makes) {
		w.wrong("the server got %s with a newfid that is in use", w.show(f))
	}
	if fl, ok := m.(*lib9p.Tflush); ok && own && fl.Oldtag == tagUnused && !w.isStuck() {
		w.send(tag, &lib9p.Rflush{})
		return true
	}
	if own && !discards {
		if what := w.p.harmful(w, m); what != "" {
			w.wrong("the session asks for %s of its own accord: %s", what, w.show(f))
		}
		if answer := w.p.serve(m); answer != nil {
			w.send(tag, answer)
			return true
		}
	}
	if !discards {
		return false
	}
	fid := m.(*lib9p.Tclunk).Fid
	if w.has(fid) {
		w.send(tag, &lib9p.Rclunk{})
	} else {
		w.send(tag, lib9p.ErrorMsg(w.p.d, errUnknownFid))
	}
	return true
}

func (w *peer) has(fid uint32) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.fids[fid]
}

// coming reports whether a request under way will make fid.
func (w *peer) coming(fid uint32) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, m := range w.asked {
		if _, makes := fidsOf(m); makes == fid {
			return true
		}
	}
	return false
}

// fidsOf returns the fids that m uses and the one that it makes.
func fidsOf(m lib9p.Msg) (uses []uint32, makes uint32) {
	makes = lib9p.NoFid
	switch m := m.(type) {
	case *lib9p.Tversion, *lib9p.Tflush:
		return nil, makes
	case *lib9p.Tauth:
		return nil, m.Afid
	case *lib9p.Tattach:
		if m.Afid != lib9p.NoFid {
			uses = append(uses, m.Afid)
		}
		return uses, m.Fid
	case *lib9p.Twalk:
		if m.Fid != m.Newfid {
			makes = m.Newfid
		}
		return []uint32{m.Fid}, makes
	case *lib9p.Txattrwalk:
		return []uint32{m.Fid}, m.Newfid
	}
	f, err := lib9p.Pack(lib9p.L, 0, m)
	if err != nil {
		f, err = lib9p.Pack(lib9p.P2000, 0, m)
	}
	if err != nil {
		return nil, makes
	}
	first, second := f.FidOffsets()
	for _, off := range [...]int{first, second} {
		if off != 0 {
			uses = append(uses, f.U32(off))
		}
	}
	return uses, makes
}

// send says m, and takes in what the peer's own answer means.
func (w *peer) send(tag uint16, m lib9p.Msg) {
	w.note(tag, m)
	f, err := lib9p.Pack(w.p.d, tag, m)
	if err != nil {
		w.p.fatalf("%v", err)
	}
	w.conn.Write(f)
}

// note takes in what a message that this peer says means for the fids and tags.
func (w *peer) note(tag uint16, m lib9p.Msg) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.server {
		if fl, ok := m.(*lib9p.Tflush); ok && fl.Oldtag != tag {
			w.cancels[fl] = w.asked[fl.Oldtag]
		}
		w.asked[tag] = m
		delete(w.flushed, tag)
		return
	}
	t := w.asked[tag]
	delete(w.asked, tag)
	if t == nil {
		return
	}
	if fl, ok := t.(*lib9p.Tflush); ok {
		delete(w.asked, fl.Oldtag)
	}
	uses, makes := fidsOf(t)
	failed := lib9p.ErrorOf(m) != nil
	switch t := t.(type) {
	case *lib9p.Tclunk, *lib9p.Tremove:
		delete(w.fids, uses[0])
		delete(w.attrs, uses[0])
	case *lib9p.Tauth:
		w.attrs[t.Afid] = !failed
	case *lib9p.Txattrcreate:
		w.attrs[t.Fid] = !failed
	case *lib9p.Twalk:
		r, ok := m.(*lib9p.Rwalk)
		failed = failed || ok && len(r.Wqid) < len(t.Wname)
	}
	if makes != lib9p.NoFid && !failed {
		w.fids[makes] = true
	}
}

func (w *peer) unpack(f lib9p.Frame) (uint16, lib9p.Msg, error) {
	d := w.p.d
	if f.Type() == lib9p.TypeTversion || f.Type() == lib9p.TypeRversion {
		d = lib9p.P2000
	}
	return lib9p.Unpack(d, f)
}

func (w *peer) show(f lib9p.Frame) string {
	tag, m, err := w.unpack(f)
	if err != nil {
		return err.Error()
	}
	return lib9p.Format(w.p.d, tag, m)
}

// next returns the next message, however long it takes within reason.
func (w *peer) next() lib9p.Frame {
	w.p.t.Helper()
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case f := <-w.inbox:
		return f
	case <-timer.C:
		w.p.fatalf("%s hears nothing", w.name())
		return nil
	}
}

// say sends the message of a line: "cut n message" only n bytes of it, "hex bytes" what is no message.
func (w *peer) say(line string) {
	line, ok := w.p.fill(line)
	if !ok {
		w.p.fatalf("a name in %q stands for nothing yet", line)
	}
	if text, is := strings.CutPrefix(line, "hex "); is {
		var b []byte
		if _, err := fmt.Sscanf(strings.ReplaceAll(text, " ", ""), "%x", &b); err != nil {
			w.p.fatalf("%v", err)
		}
		if !w.server && len(b) >= lib9p.HeaderSize {
			w.asked[lib9p.Frame(b).Tag()] = &lib9p.Tclunk{} // something that may be answered with an error
		}
		w.conn.Write(b)
		return
	}
	cut := -1
	if text, is := strings.CutPrefix(line, "cut "); is {
		n, text, _ := strings.Cut(text, " ")
		cut, _ = strconv.Atoi(n)
		line = text
	}
	tag, m, err := lib9p.Parse(w.p.d, line)
	if err != nil {
		w.p.fatalf("%v", err)
	}
	if cut < 0 {
		w.send(tag, m)
		return
	}
	f, err := lib9p.Pack(w.p.d, tag, m)
	if err != nil {
		w.p.fatalf("%v", err)
	}
	w.conn.Write(f[:min(cut, len(f))])
}

// hear waits for a message that is as line says.
func (w *peer) hear(line string) {
	w.p.t.Helper()
	f := w.next()
	if why := w.matches(f, line); why != "" {
		w.p.fatalf("%s hears %s: %s", w.name(), w.show(f), why)
	}
	w.accept(f, line)
}

// accept binds the names in line, and gives the answer that stands behind it.
func (w *peer) accept(f lib9p.Frame, line string) {
	pattern, answer, answered := strings.Cut(line, " => ")
	w.match(f, pattern, w.p.vars)
	w.p.vars["tag"] = strconv.Itoa(int(f.Tag()))
	if answered {
		w.say(answer)
	}
}

// matches returns why f is not what line says, or nothing.
func (w *peer) matches(f lib9p.Frame, line string) string {
	pattern, _, _ := strings.Cut(line, " => ")
	trial := make(map[string]string)
	for k, v := range w.p.vars {
		trial[k] = v
	}
	return w.match(f, pattern, trial)
}

func (w *peer) match(f lib9p.Frame, pattern string, vars map[string]string) string {
	want, got := words(w.p.expand(pattern)), words(w.show(f))
	if len(want) < 2 || want[1] != "tag" {
		want = append([]string{want[0], "tag", "*"}, want[1:]...)
	}
	for i, word := range want {
		if word == "..." {
			return ""
		}
		if i >= len(got) {
			return fmt.Sprintf("it ends before %s", word)
		}
		switch {
		case word == "*":
		case word[0] == '$':
			if old, bound := vars[word[1:]]; bound && old != got[i] {
				return fmt.Sprintf("%s is %s, not %s", word, old, got[i])
			}
			vars[word[1:]] = got[i]
		case canonical(word) != canonical(got[i]):
			return fmt.Sprintf("%s stands where %s should", got[i], word)
		}
	}
	if len(got) > len(want) {
		return fmt.Sprintf("%s stands behind the end", got[len(want)])
	}
	return ""
}
