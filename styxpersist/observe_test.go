//go:build unix

package styxpersist

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync/atomic"
	"testing/synctest"
)

// observe keeps an event for the script. It wants to be told of events with nothing locked, and one at a time.
func (p *play) observe(e Event) {
	if s := p.session(); s != nil {
		s.mu.Lock()
		defer s.mu.Unlock()
	}
	select {
	case p.events <- e:
	default:
	}
}

// event waits for the next event that line says: a kind, and the words of its text, where * is anything in a word. Others are passed over.
func (p *play) event(line string) {
	kind, text, _ := strings.Cut(line, " ")
	var other []string
	for {
		synctest.Wait()
		select {
		case e := <-p.events:
			if fmt.Sprintf("%T", e) == "styxpersist."+kind && (text == "" || sameWords(text, e.String())) {
				return
			}
			other = append(other, fmt.Sprintf("%T %s", e, e))
		default:
			p.fatalf("there was no such event, but %q", other)
		}
	}
}

func sameWords(want, got string) bool {
	return slices.EqualFunc(strings.Fields(want), strings.Fields(got), func(w, g string) bool {
		before, after, any := strings.Cut(w, "*")
		return w == g || any && strings.HasPrefix(g, before) && strings.HasSuffix(g, after)
	})
}

// counted looks at counters: name=n.
func (p *play) counted(w []string) {
	synctest.Wait()
	for _, word := range w {
		name, want, _ := strings.Cut(word, "=")
		c := reflect.ValueOf(p.link.cfg.Counters).Elem().FieldByName(name).Addr().Interface().(*atomic.Int64)
		if got := fmt.Sprint(c.Load()); got != want {
			p.fatalf("%s is %s", name, got)
		}
	}
}
