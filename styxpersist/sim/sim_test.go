//go:build sim || mutate

package sim

import (
	"flag"
	"fmt"
	"os"
	"runtime/debug"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/styxkit/styxkit/lib9p"
)

var (
	seed      = flag.Uint64("seed", 0, "the history that TestSeed plays")
	dialect   = flag.String("dialect", "L", "its dialect: 2000, u or L")
	histories = flag.Int("histories", 0, "how many histories of each dialect TestHistories plays")
	first     = flag.Uint64("first", 1, "the first seed of TestHistories")
	slots     = flag.Int("slots", 200, "slots of a history")
	most      = flag.Int("most", 3, "failing histories after which TestHistories gives up")
	traces    = flag.Bool("traces", true, "show the trace of a failing history, made as small as can be")
)

func TestMain(m *testing.M) {
	debug.SetTraceback("all") // so that a panic shows which history it was
	debug.SetGCPercent(400)
	flag.Parse()
	os.Exit(m.Run())
}

// The dialects, and how -dialect names them.
var dialects = []struct {
	name string
	d    lib9p.Dialect
}{{"2000", lib9p.P2000}, {"u", lib9p.U}, {"L", lib9p.L}}

func dialectNamed(name string) (lib9p.Dialect, bool) {
	for _, d := range dialects {
		if d.name == name {
			return d.d, true
		}
	}
	return 0, false
}

func (h History) again() string {
	return fmt.Sprintf("go test -tags sim ./styxpersist/sim -run TestSeed -seed %d -dialect %s -slots %d -v", h.Seed, dialects[h.Dialect].name, h.Slots)
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
	d, ok := dialectNamed(*dialect)
	if !ok {
		t.Fatalf("dialect %q is none of 2000, u and L", *dialect)
	}
	h := History{Seed: *seed, Dialect: d, Slots: *slots}
	w := play(t, h)
	if testing.Verbose() {
		fmt.Print(w.Trace())
	}
	if w.err != nil {
		t.Errorf("seed %d: %v", *seed, w.err)
		report(t, h)
	}
}

// TestHistories plays many histories of each dialect, and says how many.
func TestHistories(t *testing.T) {
	n := *histories
	if n == 0 {
		n = manyHistories
	}
	began := time.Now()
	var played, failed atomic.Int64
	t.Cleanup(func() {
		fmt.Printf("sim: %d histories of %d slots in %d dialects%s, %d failed, %.0f a second\n",
			played.Load(), *slots, len(dialects), how, failed.Load(), float64(played.Load())/time.Since(began).Seconds())
	})
	for _, d := range dialects {
		for shard := range 2 {
			t.Run(fmt.Sprintf("%s/%d", d.d, shard), func(t *testing.T) {
				t.Parallel()
				bad := 0
				for i := shard; i < n; i += 2 {
					h := History{Seed: *first + uint64(i), Dialect: d.d, Slots: *slots}
					w := play(t, h)
					played.Add(1)
					if w.err == nil {
						continue
					}
					failed.Add(1)
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
	t.Logf("play it again with: %s", h.again())
	t.Logf("with %d slots instead of %d: %v\n%s", small.Slots-len(small.Skip), h.Slots, w.err, w.Trace())
}
