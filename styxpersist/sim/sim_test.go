//go:build sim || mutate

package sim

import (
	"flag"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"strings"
	"testing"
	"testing/cryptotest"
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
	replays   = flag.Int("replays", 100, "histories of each dialect that TestReplay plays twice")
	traces    = flag.Bool("traces", true, "show the trace of a failing history, made as small as can be")
)

func TestMain(m *testing.M) {
	debug.SetTraceback("all") // so that a panic shows which history it was
	runtime.GOMAXPROCS(1)     // so that goroutines run in the same order each time
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
	synctest.Test(t, func(t *testing.T) {
		cryptotest.SetGlobalRandom(t, h.Seed) // which hidden names are made of
		w = h.run(synctest.Wait)
	})
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
	var played, silly, proved, failed, ahead, early int
	t.Cleanup(func() {
		fmt.Printf("sim: %d histories of %d slots in %d dialects%s, %d with Silly, %d with proofs, %d failed, %.0f a second; %d reads went ahead, %d too early\n",
			played, *slots, len(dialects), how, silly, proved, failed, float64(played)/time.Since(began).Seconds(), ahead, early)
	})
	for _, d := range dialects {
		t.Run(d.d.String(), func(t *testing.T) {
			bad := 0
			for i := range uint64(n) {
				h := History{Seed: *first + i, Dialect: d.d, Slots: *slots}
				w := play(t, h)
				played++
				ahead, early = ahead+w.ahead, early+w.early
				if w.silly {
					silly++
				}
				if w.proved {
					proved++
				}
				if w.err == nil {
					continue
				}
				failed++
				t.Errorf("seed %d: %v", h.Seed, w.err)
				if bad++; bad > *most {
					t.Fatal("enough")
				}
				report(t, h)
			}
		})
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

// TestReplay plays histories again, and wants the same to happen. The runtime interrupts a goroutine when the machine lets it run
// for long, after which another may be the first to get something that only one can have: so a history may differ
// once, and must then be the same in most of its runs.
func TestReplay(t *testing.T) {
	const agree, most = 3, 5
	for _, d := range dialects {
		for i := range uint64(*replays) {
			h := History{Seed: *first + i, Dialect: d.d, Slots: *slots}
			a, b := play(t, h).Story(), play(t, h).Story()
			if a == b {
				continue
			}
			seen := map[string]int{a: 1, b: 1}
			again := 0
			for run := 2; run < most && again < agree; run++ {
				c := play(t, h).Story()
				seen[c]++
				again = max(again, seen[c])
			}
			if again < agree {
				t.Errorf("%s: runs differ: %s", h.again(), difference(a, b))
			}
		}
	}
}

// difference returns the first lines in which a and b differ.
func difference(a, b string) string {
	la, lb := strings.Split(a, "\n"), strings.Split(b, "\n")
	for i := range la {
		if i == len(lb) || la[i] != lb[i] {
			return fmt.Sprintf("line %d\n%s\n%s", i+1, la[i], strings.Join(lb[i:min(i+1, len(lb))], ""))
		}
	}
	return "the second goes on"
}
