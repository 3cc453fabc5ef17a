// Package soak runs programs on mounts for long, while something bad happens to their servers every 1 to 5 seconds: they are
// killed, stopped, slow, and their connections reset or swallowed. The programs know what must come out.
package soak

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/styxkit/styxkit/tests/fault"
	"github.com/styxkit/styxkit/tests/internal/lab"
	"github.com/styxkit/styxkit/tests/internal/load"
	"github.com/styxkit/styxkit/tests/internal/program"
)

var (
	lasts = flag.Duration("for", 10*time.Second, "how long it lasts")
	seed  = flag.Uint64("seed", 0, "of the faults and of what the programs do; 0 takes a new one")
)

func TestMain(m *testing.M) {
	flag.Parse()
	os.Exit(run(m))
}

func run(m *testing.M) int {
	if *seed == 0 {
		*seed = uint64(time.Now().UnixNano())
	}
	return lab.Main(m, nil, []string{"mount", "u9fs"}, []string{"load"})
}

func TestSoak(t *testing.T) {
	t.Logf("seed %d", *seed)
	for i, kind := range []string{"u9fs", "diod"} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			soak(t, kind, *seed+uint64(i))
		})
	}
}

// soak mounts a server through a proxy, and works on it while it is tormented.
func soak(t *testing.T, kind string, own uint64) {
	random := func(n uint64) *rand.Rand { return rand.New(rand.NewPCG(own, n)) }
	server := lab.Kinds[kind](t, "tcp", t.TempDir())
	proxy, err := fault.New("tcp", "127.0.0.1:0", server.Dial)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { proxy.Close() })
	g := newGate()
	proxy.SetTap(g.tap)
	host, port, _ := net.SplitHostPort(proxy.Addr().String())
	there := *server
	there.Addr = "tcp!" + host + "!" + port
	m := lab.MountAt(t, &there, "-p", "-t", "fuse")

	ctx, cancel := context.WithTimeout(t.Context(), *lasts)
	defer cancel()
	x := &tormentor{server: server, proxy: proxy, gate: g, r: random(1), count: make(map[string]int)}
	var bad, work sync.WaitGroup
	w := &works{t: t, m: m, fault: cancel}
	churned := filepath.Join(m.Dir, "churned")
	if err := os.Mkdir(churned, 0o755); err != nil {
		t.Fatal(err)
	}
	work.Go(func() { w.load(ctx, "exercise", filepath.Join(m.Dir, "exercised"), fmt.Sprint(own)) })
	work.Go(func() { w.load(ctx, "churn", churned, fmt.Sprint(own)) })
	work.Go(func() { w.programs(ctx, random(3)) })
	bad.Go(func() { x.torment(ctx) })
	work.Wait()
	bad.Wait()
	t.Logf("%s; %s; undecided: %d", x.report(), w.did(), w.honest)
	if t.Failed() {
		t.Logf("play it again with -seed %d; the mount says:\n%s", *seed, program.Tail(m.Err(), 6000))
	}
}

// works are the programs on one mount.
type works struct {
	t     *testing.T
	m     *lab.Mount
	fault func() // ends everything, because something is wrong

	mu     sync.Mutex
	done   []string
	honest int // operations, or scripts, that were undecided
}

func (w *works) failed(format string, args ...any) {
	if !w.t.Failed() {
		w.t.Errorf(format, args...)
	}
	w.fault()
}

func (w *works) did() string { return strings.Join(w.done, ", ") }

func (w *works) note(undecided int, format string, args ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.honest += undecided
	w.done = append(w.done, fmt.Sprintf(format, args...))
}

// load runs a program of tests/cmd/load, which tells what it has seen when its input ends.
func (w *works) load(ctx context.Context, kind string, args ...string) {
	cmd := exec.Command(lab.Bin("load"), append([]string{kind}, args...)...)
	in, err := cmd.StdinPipe()
	if err == nil {
		defer context.AfterFunc(ctx, func() { in.Close() })()
	}
	var out io.ReadCloser
	if err == nil {
		out, err = cmd.StdoutPipe()
	}
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		w.failed("%s: %v", kind, err)
		return
	}
	last := ""
	lines := bufio.NewScanner(out)
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		last = lines.Text()
	}
	var r load.Report
	if err := errors.Join(cmd.Wait(), json.Unmarshal([]byte(last), &r)); err != nil {
		w.failed("%s: %v: %s", kind, err, program.Tail(last, 500))
		return
	}
	if len(r.Faults) > 0 {
		w.failed("%s after %d operations: %s", kind, r.Ops, strings.Join(r.Faults, "\n"))
	}
	w.note(int(r.Honest), "%s %d operations", kind, r.Ops)
}

// amounts are for scripts that take some ten seconds.
var amounts = map[string]string{"git": "25", "sqlite-journal": "60", "sqlite-wal": "60", "tar": "300", "rsync": "120", "vim": "10", "make": "20"}

// programs runs scripts, one after the other, in an order of its own.
func (w *works) programs(ctx context.Context, r *rand.Rand) {
	count := 0
	for ctx.Err() == nil {
		for _, i := range r.Perm(len(program.All)) {
			p := program.All[i]
			if amount := amounts[p.Name]; amount != "" && ctx.Err() == nil && p.There() {
				count++
				w.program(ctx, p, fmt.Sprint(p.Name, count), amount)
			}
		}
	}
	w.note(0, "%d scripts", count)
}

func (w *works) program(ctx context.Context, p program.Program, name, amount string) {
	dir := filepath.Join(w.m.Dir, name)
	out, err := p.Run(ctx, dir, w.t.TempDir(), amount)
	switch {
	case ctx.Err() != nil: // it was ended, wherever it was
	case err == nil:
		// By another process: the mount's way leads through this one, which must not wait for it where Go cannot.
		said, err := exec.CommandContext(ctx, "rm", "-r", dir).CombinedOutput()
		if err != nil && ctx.Err() == nil && !program.Honest(string(said)) {
			w.failed("remove what %s has made: %v: %s", p.Name, err, said)
		}
	case program.Honest(out):
		w.note(1, "%s undecided", p.Name)
		w.t.Logf("undecided: %s: %s", p.Name, program.Tail(out, 500))
	default:
		w.failed("%s: %v\n%s", p.Name, err, out)
	}
}
