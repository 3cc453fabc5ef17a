//go:build unix

// Ramfs serves a file tree in memory over 9P, on its standard input and output
// or on an address. See ramfs(4).
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
	"github.com/styxkit/styxkit/lib9p/srv/memfs"
)

const usage = "usage: ramfs [-l addr]"

// errUsage says that usage has been printed.
var errUsage = errors.New("usage")

func main() {
	if err := run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr); err != nil {
		if err != errUsage {
			fmt.Fprintf(os.Stderr, "ramfs: %v\n", err)
		}
		os.Exit(1)
	}
}

func run(args []string, stdin io.Reader, stdout, stderr io.Writer) error {
	fs := flag.NewFlagSet("ramfs", flag.ContinueOnError)
	fs.SetOutput(stderr)
	fs.Usage = func() { fmt.Fprintln(stderr, usage) }
	addr := fs.String("l", "", "")
	if fs.Parse(unixflag.ArgsToGoArgs(args)) != nil {
		return errUsage
	}
	if fs.NArg() > 0 {
		fs.Usage()
		return errUsage
	}
	// A client that has gone is the end of its connection and not ours.
	signal.Ignore(syscall.SIGPIPE)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	tree := memfs.New(memfs.Options{})
	if *addr == "" {
		return srv.ServeStdio(ctx, stdin, stdout, tree)
	}
	l, err := announce(ctx, *addr)
	if err != nil {
		return err
	}
	return srv.ServeListener(ctx, l, tree, slog.New(slog.NewTextHandler(stderr, nil)))
}

// announce listens on an address that only this machine can reach.
func announce(ctx context.Context, addr string) (*dial.Announcement, error) {
	a, err := dial.Parse(addr, "", "9fs")
	if err != nil {
		return nil, err
	}
	if a.Net != "unix" {
		local, err := srv.IsLocal(ctx, a.Host)
		if err != nil {
			return nil, fmt.Errorf("announce %s: %w", a, err)
		}
		if !local {
			return nil, fmt.Errorf("announce %s: others could reach it, and nobody is asked who he is: use a loopback address", a)
		}
	}
	return dial.Announce(ctx, a.String())
}
