//go:build linux

// U9fs serves a directory of the host over 9P, on its standard input and output
// or on an address. See u9fs(4).
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"github.com/u-root/u-root/pkg/uroot/unixflag"

	"github.com/styxkit/styxkit/dial"
	"github.com/styxkit/styxkit/lib9p/srv"
	"github.com/styxkit/styxkit/lib9p/srv/hostfs"
)

const usage = "usage: u9fs [-rA] [-l addr] [dir]"

// errUsage says that usage has been printed.
var errUsage = errors.New("usage")

func main() {
	if err := run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr); err != nil {
		if err != errUsage {
			fmt.Fprintf(os.Stderr, "u9fs: %v\n", err)
		}
		os.Exit(1)
	}
}

type options struct {
	readOnly, open bool
	addr, dir      string
}

func parse(args []string, stderr io.Writer) (o options, err error) {
	fs := flag.NewFlagSet("u9fs", flag.ContinueOnError)
	fs.SetOutput(stderr)
	fs.Usage = func() { fmt.Fprintln(stderr, usage) }
	fs.BoolVar(&o.readOnly, "r", false, "")
	fs.BoolVar(&o.open, "A", false, "")
	fs.StringVar(&o.addr, "l", "", "")
	rest, err := parseFlags(fs, args)
	if err != nil {
		return o, err
	}
	if len(rest) > 1 {
		fs.Usage()
		return o, errUsage
	}
	o.dir = "."
	if len(rest) == 1 {
		o.dir = rest[0]
	}
	return o, nil
}

// parseFlags parses flags, which may come in groups, also behind the argument of
// another, and returns what follows them.
func parseFlags(fs *flag.FlagSet, rest []string) ([]string, error) {
	for {
		if fs.Parse(unixflag.ArgsToGoArgs(rest)) != nil {
			return nil, errUsage
		}
		rest = fs.Args()
		switch {
		case len(rest) == 0 || rest[0] == "" || rest[0][0] != '-':
			return rest, nil
		case rest[0] == "-": // what unixflag makes of --
			return rest[1:], nil
		}
	}
}

func run(args []string, stdin io.Reader, stdout, stderr io.Writer) error {
	o, err := parse(args, stderr)
	if err != nil {
		return err
	}
	// A client that has gone is the end of its connection and not ours.
	signal.Ignore(syscall.SIGPIPE)
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	tree, err := hostfs.New(o.dir, hostfs.Options{ReadOnly: o.readOnly})
	if err != nil {
		return err
	}
	syscall.Umask(0) // clients have said what they want
	if o.addr == "" {
		return srv.ServeStdio(ctx, stdin, stdout, tree)
	}
	l, err := announce(ctx, o, stderr)
	if err != nil {
		return err
	}
	return srv.ServeListener(ctx, l, tree, slog.New(slog.NewTextHandler(stderr, nil)))
}

// announce listens on an address of this machine only, unless told otherwise.
func announce(ctx context.Context, o options, stderr io.Writer) (*dial.Announcement, error) {
	a, err := dial.Parse(o.addr, "", "9fs")
	if err != nil {
		return nil, err
	}
	if a.Net != "unix" {
		local, err := srv.IsLocal(ctx, a.Host)
		if err != nil {
			return nil, fmt.Errorf("announce %s: %w", a, err)
		}
		if !local && !o.open {
			return nil, fmt.Errorf("announce %s: others could reach it, and nobody is asked who he is: use a loopback address, or -A to serve everybody", a)
		}
		if !local {
			fmt.Fprintf(stderr, "u9fs: %s is open to everybody who can reach it, without authentication\n", a)
		}
	}
	return dial.Announce(ctx, a.String())
}
