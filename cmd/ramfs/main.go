//go:build unix

// Ramfs serves a file tree in memory over 9P, on its standard input and output
// or on an address. See ramfs(4).
package main

import (
	"context"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/styxkit/styxkit/cmd/internal/cli"
	"github.com/styxkit/styxkit/cmd/internal/serve"
	"github.com/styxkit/styxkit/lib9p/srv/memfs"
)

const usage = "ramfs [-l addr]"

func main() {
	os.Exit(cli.Exit("ramfs", run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr), os.Stderr))
}

func run(args []string, stdin io.Reader, stdout, stderr io.Writer) error {
	s := serve.Server{Name: "ramfs", Stdin: stdin, Stdout: stdout, Stderr: stderr, Advice: "use a loopback address"}
	fs := cli.Flags("ramfs", usage, stderr)
	fs.StringVar(&s.Addr, "l", "", "")
	rest, err := cli.Parse(fs, args)
	if err != nil {
		return err
	}
	if len(rest) > 0 {
		return cli.Usage(fs)
	}
	// A client that has gone is the end of its connection and not ours.
	signal.Ignore(syscall.SIGPIPE)
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // a second signal does not wait for anything
	return s.Serve(ctx, memfs.New(memfs.Options{}))
}
