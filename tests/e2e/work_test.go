package e2e

import (
	"encoding/json"
	"io"
	"math/rand/v2"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/styxkit/styxkit/tests/internal/lab"
	"github.com/styxkit/styxkit/tests/internal/load"
)

// A worker is a running program of tests/cmd/load.
type worker struct {
	*lab.Proc
	t     testing.TB
	name  string
	stdin io.Closer
}

func work(t testing.TB, args ...string) *worker {
	t.Helper()
	cmd := exec.Command(lab.Bin("load"), args...)
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	return &worker{lab.Start(t, cmd), t, args[0], stdin}
}

// ops returns how many operations the worker has said to have done.
func (w *worker) ops() int64 {
	lines := strings.Fields(w.Out())
	for i := len(lines) - 1; i >= 0; i-- {
		if n, err := strconv.ParseInt(lines[i], 10, 64); err == nil {
			return n
		}
	}
	return 0
}

// moves waits until the worker has done something more. The number that it shows may be
// of before the call, so it has to change twice.
func (w *worker) moves() {
	w.t.Helper()
	for range 2 {
		from := w.ops()
		lab.Until(w.t, 2*lab.Patience, w.name+" goes on", func() bool { return w.Exited() || w.ops() > from })
	}
}

// finish ends the worker and returns its report. What must not have happened to it fails the test.
func (w *worker) finish() *load.Report {
	w.t.Helper()
	w.stdin.Close()
	w.Wait(2 * lab.Patience)
	r := new(load.Report)
	out := strings.TrimSpace(w.Out())
	last := out[strings.LastIndexByte(out, '\n')+1:]
	if err := json.Unmarshal([]byte(last), r); err != nil {
		w.t.Fatalf("%s ended with %v and no report: %v\n%s", w.name, w.Cmd.ProcessState, err, w.Err())
	}
	for _, f := range r.Faults {
		w.t.Errorf("%s: %s", w.name, f)
	}
	w.t.Logf("%s: %d operations, %d MiB read, %d honest errors, the slowest took %v",
		w.name, r.Ops, r.Bytes>>20, r.Honest, r.Slowest.Round(time.Millisecond))
	return r
}

// crash kills the server and starts it again, n times, from 0.2 to 3 seconds apart,
// away for up to half a second. It stops early when one of the workers has ended.
func crash(t testing.TB, s *lab.Server, n int, workers ...*worker) {
	t.Helper()
	rng := rand.New(rand.NewPCG(*seed, 20))
	t.Logf("-seed=%d", *seed)
	for i := range n {
		time.Sleep(200*time.Millisecond + upTo(rng, 2800*time.Millisecond))
		t.Logf("crash %d at %s", i+1, time.Now().Format("15:04:05.000"))
		s.Kill()
		if rng.IntN(2) == 0 {
			time.Sleep(upTo(rng, 500*time.Millisecond))
		}
		s.Start()
		for _, w := range workers {
			if w.Exited() {
				t.Errorf("%s ended after crash %d", w.name, i+1)
				return
			}
		}
	}
}

func upTo(rng *rand.Rand, d time.Duration) time.Duration { return time.Duration(rng.Int64N(int64(d))) }
