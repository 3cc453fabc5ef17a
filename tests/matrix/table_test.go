package matrix

import (
	"bytes"
	"fmt"
	"maps"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"text/tabwriter"
	"time"
)

// A table collects what cells came to.
type table struct {
	mu    sync.Mutex
	lines map[string]*line
}

type line struct {
	service, row string
	order        int
	refused      string
	cells        map[string]class
}

func (t *table) enter(b *bench, r *row, c *column, ref *reference, got class) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.lines == nil {
		t.lines = make(map[string]*line)
	}
	service := b.kind + " " + b.d.String()
	l := t.lines[service+r.name]
	if l == nil {
		l = &line{service: service, row: r.name, cells: make(map[string]class)}
		l.order = slices.IndexFunc(rows, func(s row) bool { return s.name == r.name })
		if ref.refused {
			l.refused = " (" + strings.TrimPrefix(ref.told, "error: ") + ")"
		}
		t.lines[service+r.name] = l
	}
	l.cells[c.name] = got
}

const legend = `What a message comes to when the connection dies under it, with real servers, through styxpersist.

    ok               done once, and the client got the server's answer, or the same
    refused          the server refuses it in any case, as the row's name says, and the client was told so
    done, doubt      done once, and the client was told that it is possibly not completed
    not done, doubt  not done, and the client was told the same
    then doubt       done, and the client was told that the clunk which makes an attribute of it is possibly not completed
    error            its file is not there any more, and the client was told so
    told, not done   a Tclunk is answered, the file that it should have removed is still there

    lost             the request did not arrive                 fenced: the session is told the end of file
    cut              half of it did                             fenced: a reset
    reply lost       it was executed, and the reply was lost    fenced
    reply cut        half of the reply came                     fenced: a reset
    silent, lost     the request did not arrive                 nothing is heard any more
    silent, done     it was executed                            nothing is heard any more
    late, first      executed when the session has another connection
    late, resent     executed just before the session sends it again, or after the answer
    late, answered   executed after the answer, when the client has gone on
    restarted        executed, the server killed and started again
    another tree     and started again with another tree that has the same names

    sole             a row in which styxpersist is told that nobody else makes names

`

// bytes returns the table as text.
func (t *table) bytes(tb testing.TB) []byte {
	tb.Helper()
	var buf bytes.Buffer
	buf.WriteString(legend)
	fmt.Fprintf(&buf, "%s, %s, Linux %s, diod %s\n\n", time.Now().UTC().Format(time.DateOnly), runtime.Version(),
		said(tb, "uname", "-r"), said(tb, "dpkg-query", "-Wf", "${Version}", "diod"))
	w := tabwriter.NewWriter(&buf, 0, 8, 2, ' ', 0)
	for _, s := range services {
		name := s.kind + " " + s.dialect.String()
		fmt.Fprint(w, name)
		for _, c := range columns {
			fmt.Fprint(w, "\t", c.name)
		}
		fmt.Fprintln(w)
		for _, l := range t.of(name) {
			fmt.Fprint(w, l.row, l.refused)
			for _, c := range columns {
				fmt.Fprint(w, "\t", l.cells[c.name])
			}
			fmt.Fprintln(w)
		}
		fmt.Fprintln(w)
	}
	must(tb, w.Flush())
	return buf.Bytes()
}

// sum says how many cells came to what.
func (t *table) sum() string {
	n, counts := 0, make(map[class]int)
	for _, l := range t.lines {
		for _, c := range l.cells {
			n++
			counts[c]++
		}
	}
	s := fmt.Sprintf("%d cells", n)
	for _, c := range slices.Sorted(maps.Keys(counts)) {
		s += fmt.Sprintf("; %s: %d", c, counts[c])
	}
	return s
}

// of returns the lines of one service, in the order of the rows.
func (t *table) of(service string) (ll []*line) {
	for _, l := range t.lines {
		if l.service == service {
			ll = append(ll, l)
		}
	}
	slices.SortFunc(ll, func(a, b *line) int { return a.order - b.order })
	return ll
}

func said(t testing.TB, name string, args ...string) string {
	t.Helper()
	out, err := exec.Command(name, args...).Output()
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return strings.TrimSpace(string(out))
}
