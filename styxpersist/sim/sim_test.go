//go:build sim || mutate

package sim

import (
	"flag"
	"fmt"
	"os"
	"runtime/debug"
	"testing"
	"testing/synctest"

	"github.com/styxkit/styxkit/lib9p"
)

var (
	seed      = flag.Uint64("seed", 0, "the history that TestSeed plays")
	dialect   = flag.String("dialect", "L", "its dialect: L or 2000")
	histories = flag.Int("histories", 0, "how many histories of each dialect TestHistories plays")
	first     = flag.Uint64("first", 1, "the first seed of TestHistories")
	slots     = flag.Int("slots", 200, "slots of a history")
	most      = flag.Int("most", 3, "failing histories after which TestHistories gives up")
	traces    = flag.Bool("traces", true, "show the trace of a failing history, made as small as can be")
)

func TestMain(m *testing.M) {
	debug.SetTraceback("all") // so that a panic shows which history it was
	flag.Parse()
	os.Exit(m.Run())
}

// play runs a history in a bubble.
func play(t *testing.T, h History) (w *world) {
	synctest.Test(t, func(t *testing.T) { w = h.run(synctest.Wait) })
	return w
}

func TestSeed(t *testing.T) {
	if *seed == 0 {
		*seed = 1
	}
	d, ok := map[string]lib9p.Dialect{"L": lib9p.L, "2000": lib9p.P2000}[*dialect]
	if !ok {
		t.Fatalf("dialect %q is neither L nor 2000", *dialect)
	}
	w := play(t, History{Seed: *seed, Dialect: d, Slots: *slots})
	if testing.Verbose() {
		fmt.Print(w.Trace())
	}
	if w.err != nil {
		t.Errorf("seed %d: %v", *seed, w.err)
	}
}

func TestHistories(t *testing.T) {
	n := *histories
	if n == 0 {
		n = manyHistories
	}
	for _, d := range []lib9p.Dialect{lib9p.P2000, lib9p.L} {
		for shard := range 2 {
			t.Run(fmt.Sprintf("%s/%d", d, shard), func(t *testing.T) {
				t.Parallel()
				bad := 0
				for i := shard; i < n; i += 2 {
					h := History{Seed: *first + uint64(i), Dialect: d, Slots: *slots}
					w := play(t, h)
					if w.err == nil {
						continue
					}
					t.Errorf("seed %d: %v", h.Seed, w.err)
					if bad++; bad > *most {
						t.Fatal("enough")
					}
					report(t, h)
				}
			})
		}
	}
}

// report shows a failing history, made smaller.
func report(t *testing.T, h History) {
	t.Helper()
	if !*traces {
		return
	}
	small := shrink(h, func(h History) string { return play(t, h).kind })
	w := play(t, small)
	t.Logf("play it again with: go test -tags sim ./styxpersist/sim -run TestSeed -seed %d -dialect %s -v", h.Seed, map[lib9p.Dialect]string{lib9p.L: "L", lib9p.P2000: "2000"}[h.Dialect])
	t.Logf("with %d slots instead of %d: %v\n%s", small.Slots-len(small.Skip), h.Slots, w.err, w.Trace())
}
