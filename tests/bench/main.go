// Bench measures what a relay costs: operations per second from a client to a 9P server
// over Unix sockets, directly, through "srv -p" and through "socat -b 131072".
//
//	bench [-server diod|u9fs] [-rounds n] [-time d] [-srv command]
//	bench -recovery [-rounds n] [-files n] [-cached n]
//
// The operations are stat (Tgetattr), and reads and writes in messages of 64 KiB, which is the most
// that diod takes, one at a time and sixteen at a time. The ways take turns, so that what else the machine does hits all of them; the table shows medians.
//
// With -recovery it measures how long a client with open files waits when the server was killed and is back, over a line with a
// round trip of 10 ms. Built with the tag sim it compares that with a recovery that does one thing after the other, which
// takes minutes.
package main

import (
	"flag"
	"fmt"
	"io"
	"os"
	"slices"
	"text/tabwriter"
	"time"

	"github.com/styxkit/styxkit/tests/internal/lab"
)

func main() {
	server := flag.String("server", "diod", "the server behind the relays: diod or u9fs")
	rounds := flag.Int("rounds", 7, "how often to measure everything")
	each := flag.Duration("time", 300*time.Millisecond, "how long to measure one thing once")
	recovery := flag.Bool("recovery", false, "measure recoveries")
	files := flag.Int("files", 10000, "with -recovery: how many files are open")
	cached := flag.Int("cached", 150000, "with -recovery: how many other fids there are in the second line")
	srv := flag.String("srv", "", "a srv to measure instead of the tree's own")
	flag.Parse()
	if flag.NArg() > 0 || *rounds < 1 || *server != "diod" && *server != "u9fs" {
		flag.Usage()
		os.Exit(2)
	}
	do := func() error { return run(os.Stdout, *server, *srv, *rounds, *each) }
	if *recovery {
		do = func() error { return recoveries(os.Stdout, *rounds, *files, *cached) }
	}
	if err := do(); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(out io.Writer, server, srv string, rounds int, each time.Duration) error {
	dir, err := os.MkdirTemp("", "styxbench")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if err := lab.Build(dir, nil, []string{"srv", "u9fs"}, nil); err != nil {
		return err
	}
	if srv == "" {
		srv = lab.Bin("srv")
	}
	b := &bed{dir: dir, srv: srv}
	defer b.stop()
	ways, err := b.start(server)
	if err != nil {
		return err
	}
	for range rounds {
		for _, op := range ops {
			for _, w := range ways {
				n, err := w.measure(op, each)
				if err != nil {
					return fmt.Errorf("%s, %s: %w", w.name, op.name, err)
				}
				w.seen[op.name] = append(w.seen[op.name], n)
			}
		}
	}
	fmt.Fprintf(out, "operations per second to %s, medians of %d rounds of %v\n\n", server, rounds, each)
	return table(out, ways)
}

func table(out io.Writer, ways []*way) error {
	t := tabwriter.NewWriter(out, 0, 8, 2, ' ', tabwriter.AlignRight)
	line := func(name string, cell func(op) string) {
		fmt.Fprintf(t, "%s\t", name)
		for _, op := range ops {
			fmt.Fprintf(t, "%s\t", cell(op))
		}
		fmt.Fprintln(t)
	}
	line("", func(o op) string { return o.name })
	for _, w := range ways {
		line(w.name, func(o op) string { return fmt.Sprintf("%.0f", median(w.seen[o.name])) })
	}
	for _, to := range []int{0, 2} {
		line(ways[1].name+" / "+ways[to].name, func(o op) string {
			return fmt.Sprintf("%.2f", median(ways[1].seen[o.name])/median(ways[to].seen[o.name]))
		})
	}
	return t.Flush()
}

func median(v []float64) float64 {
	s := slices.Sorted(slices.Values(v))
	n := len(s)
	return (s[(n-1)/2] + s[n/2]) / 2
}
