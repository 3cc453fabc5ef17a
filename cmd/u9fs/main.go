//go:build linux

// U9fs serves a directory of the host over 9P, on its standard input and output
// or on an address. See u9fs(4).
package main

import (
	"context"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/styxkit/styxkit/cmd/internal/cli"
	"github.com/styxkit/styxkit/cmd/internal/serve"
	"github.com/styxkit/styxkit/lib9p/srv/hostfs"
)

const usage = "u9fs [-rA] [-l addr] [dir]"

func main() {
	os.Exit(cli.Exit("u9fs", run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr), os.Stderr))
}

func run(args []string, stdin io.Reader, stdout, stderr io.Writer) error {
	s := serve.Server{Name: "u9fs", Stdin: stdin, Stdout: stdout, Stderr: stderr,
		Advice: "use a loopback address, or -A to serve everybody"}
	var o hostfs.Options
	fs := cli.Flags("u9fs", usage, stderr)
	fs.BoolVar(&o.ReadOnly, "r", false, "")
	fs.BoolVar(&s.Open, "A", false, "")
	fs.StringVar(&s.Addr, "l", "", "")
	rest, err := cli.Parse(fs, args)
	if err != nil {
		return err
	}
	dir := "."
	switch len(rest) {
	case 0:
	case 1:
		dir = rest[0]
	default:
		return cli.Usage(fs)
	}
	// A client that has gone is the end of its connection and not ours.
	signal.Ignore(syscall.SIGPIPE)
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // a second signal does not wait for anything
	tree, err := hostfs.New(dir, o)
	if err != nil {
		return err
	}
	// What a file is to be, clients have said. A socket of our own is none of theirs.
	s.Ready = func() { syscall.Umask(0) }
	return s.Serve(ctx, tree)
}
