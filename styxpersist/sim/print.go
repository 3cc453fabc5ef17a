//go:build sim || mutate

package sim

import (
	"fmt"
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
