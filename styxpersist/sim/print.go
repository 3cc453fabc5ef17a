//go:build sim || mutate

package sim

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/styxkit/styxkit/lib9p"
)

// Trace returns everything that happened, a line each.
func (w *world) Trace() string {
	var b strings.Builder
	for i := range w.events {
		e := &w.events[i]
		fmt.Fprintf(&b, "%5d %9.3fs ", e.at, e.when.Seconds())
		if e.s != nil {
			fmt.Fprintf(&b, "s%d ", e.s.num)
		}
		if e.gen != 0 {
			fmt.Fprintf(&b, "connection %d ", e.gen)
		}
		b.WriteString([...]string{
			evIssue: "client -> ", evReply: "client <- ", evArrive: "     -> server: ", evLost: "     -> nowhere: ", evExecute: "        server does: ", evSay: "     <- server: ",
			evTime: "time passes: ", evFault: "*** ",
		}[e.kind])
		b.WriteString(e.text)
		if e.f != nil {
			b.WriteString(w.format(e.f))
		}
		if e.op != nil {
			fmt.Fprintf(&b, "   #%d", e.op.id)
		}
		b.WriteByte('\n')
	}
	return b.String()
}

// numbers are those that styxpersist chooses. Which of several goroutines that were woken at once asks first is
// the scheduler's choice, and with it who gets which number; nothing else is, because the world does what came in an order of its own.
var numbers = regexp.MustCompile(`\b(tag|oldtag|fid|newfid|dfid|afid|dirfd|olddirfid|newdirfid) [0-9]+`)

// Story is the trace without what goroutines that run at once leave open: the numbers that styxpersist chooses, and the order of
// what it sends in one breath.
func (w *world) Story() string {
	var all, breath []string
	last := -1
	rest := func() {
		slices.Sort(breath)
		all, breath = append(all, breath...), nil
	}
	for i, line := range strings.Split(strings.TrimSuffix(w.Trace(), "\n"), "\n") {
		e := &w.events[i]
		switch e.kind {
		case evArrive, evLost:
			if e.at != last {
				rest()
			}
			last = e.at
			breath = append(breath, numbers.ReplaceAllString(line, "$1"))
			continue
		case evExecute, evSay:
			line = numbers.ReplaceAllString(line, "$1")
		}
		rest()
		all = append(all, line)
	}
	rest()
	return strings.Join(all, "\n")
}

func (w *world) format(f lib9p.Frame) string {
	d := w.d
	if f.Type() == lib9p.TypeTversion || f.Type() == lib9p.TypeRversion {
		d = lib9p.P2000
	}
	tag, m, err := lib9p.Unpack(d, f)
	if err != nil {
		return fmt.Sprintf("%s %x", err, []byte(f))
	}
	switch m := m.(type) {
	case *lib9p.Rreaddir:
		s := fmt.Sprintf("Rreaddir tag %d count %d:", tag, len(m.Data))
		for b := m.Data; len(b) > 0; {
			e, rest, err := lib9p.NextDirent(b)
			if err != nil {
				return s + " malformed"
			}
			s, b = s+fmt.Sprintf(" %s@%x", e.Name, e.Offset), rest
		}
		return s
	case *lib9p.Rread:
		if _, _, err := lib9p.NextStat(m.Data, d); err == nil && d != lib9p.L {
			s := fmt.Sprintf("Rread tag %d count %d:", tag, len(m.Data))
			for b := m.Data; len(b) > 0; {
				e, rest, err := lib9p.NextStat(b, d)
				if err != nil {
					return s + " malformed"
				}
				s, b = s+" "+e.Name, rest
			}
			return s
		}
	}
	return lib9p.Format(d, tag, m)
}

// whereabouts tells where a client's fid is in truth, and how its file came there.
func (f *cfid) whereabouts() string {
	if f == nil || f.node == nil {
		return ""
	}
	s := fmt.Sprintf("; fid %d is file %d", f.num, f.node.path)
	for e := f.via; e != nil; e = e.dir.up {
		s += " <"
		for _, p := range e.past {
			s += fmt.Sprintf(" %d:%d/%s", p.at, p.dir.path, p.name)
		}
		for _, o := range e.moves {
			s += fmt.Sprintf(" by #%d", o.id)
		}
		if e.gone != 0 {
			s += fmt.Sprintf(" gone:%d", e.gone)
		}
	}
	return s
}
