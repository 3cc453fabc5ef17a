// Package load holds the programs that work on a mount while its server is killed under them:
// one appends to a file, one reads a file over and over, one does things at random to a file,
// one goes on with a file that it has removed, one creates, renames and removes files.
// They run as processes of their own, see tests/cmd/load.
//
// Each works until its standard input ends. It then says in a [Report] what it saw. An error is
// honest when it is the EIO that says of an interrupted create, rename or remove that nobody knows
// whether it was done; every other error is a fault of the mount.
package load

import (
	"fmt"
	"io"
	"os"
	"sync/atomic"
	"time"
)

// A Report is what a program did and saw. It is printed as JSON when the program ends.
type Report struct {
	Kind    string
	Ops     int64             // what it did with success: lines, passes, operations
	Bytes   int64             // what it read
	Honest  int64             // errors of the honest kind
	Slowest time.Duration     // the longest single operation, which is one that waited for the server
	Faults  []string          // everything that must not be
	Tree    map[string]string // what the churner believes to be there, see [Scan]
}

// maxFaults ends a program that only repeats itself.
const maxFaults = 20

// A run is what the programs share.
type run struct {
	stop   chan struct{} // closed when standard input ends
	report Report
	ops    atomic.Int64 // report.Ops while it runs, for the progress lines
}

// start prepares a run of the given kind, which ends with in and shows its progress on out.
func start(kind string, in io.Reader, out io.Writer) *run {
	r := &run{stop: make(chan struct{}), report: Report{Kind: kind, Faults: []string{}}}
	go func() {
		io.Copy(io.Discard, in)
		close(r.stop)
	}()
	go r.progress(out)
	return r
}

// progress prints the number of operations whenever it has changed, ten times a second at most.
func (r *run) progress(out io.Writer) {
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for last := int64(0); ; {
		select {
		case <-r.stop:
			return
		case <-tick.C:
			if n := r.ops.Load(); n != last {
				fmt.Fprintln(out, n)
				last = n
			}
		}
	}
}

// over reports whether the program has to end.
func (r *run) over() bool {
	select {
	case <-r.stop:
		return true
	default:
		return len(r.report.Faults) >= maxFaults
	}
}

// did counts an operation that began at start and succeeded.
func (r *run) did(start time.Time) {
	r.ops.Add(1)
	r.slow(start)
}

func (r *run) slow(start time.Time) {
	r.report.Slowest = max(r.report.Slowest, time.Since(start))
}

// fault notes something that must not be.
func (r *run) fault(format string, args ...any) {
	at := time.Now().Format("15:04:05.000 ")
	r.report.Faults = append(r.report.Faults, at+fmt.Sprintf(format, args...))
}

// end returns the report.
func (r *run) end() *Report {
	r.report.Ops = r.ops.Load()
	return &r.report
}

// closed notes an error of closing f, which an honest mount does not have.
func (r *run) closed(f *os.File) {
	if err := f.Close(); err != nil {
		r.fault("close: %v", err)
	}
}
