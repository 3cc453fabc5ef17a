//go:build linux

// 9p reads, writes and lists files of a 9P server. See 9p(1).
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"

	"github.com/styxkit/styxkit/cmd/internal/cli"
)

const usage = `9p [-p] [-a addr] [-A aname] op path
op is one of
	read path
	write [-l] path
	rdwr path
	stat path...
	ls [-dl] path...
	create path...
	mkdir path...
	rm path...
without -a, the first name of path is that of a service in $NAMESPACE`

func main() {
	os.Exit(cli.Exit("9p", run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr), os.Stderr))
}

// An op is what is done to the files of the paths.
type op struct {
	name  string
	many  bool // takes more than one path
	flags func(*flag.FlagSet, *command)
	do    func(*command, context.Context, file) error
}

var ops = []op{
	{name: "read", do: (*command).read},
	{name: "write", do: (*command).write, flags: func(fs *flag.FlagSet, c *command) { fs.BoolVar(&c.byLine, "l", false, "") }},
	{name: "rdwr", do: (*command).rdwr},
	{name: "stat", do: (*command).stat, many: true},
	{name: "ls", do: (*command).ls, many: true, flags: func(fs *flag.FlagSet, c *command) {
		fs.BoolVar(&c.itself, "d", false, "")
		fs.BoolVar(&c.long, "l", false, "")
	}},
	{name: "create", do: (*command).create, many: true},
	{name: "mkdir", do: (*command).mkdir, many: true},
	{name: "rm", do: (*command).rm, many: true},
}

// A command is a call of 9p.
type command struct {
	persist      bool
	addr, aname  string
	byLine       bool // write
	itself, long bool // ls
	op           *op
	paths        []string

	stdin  io.Reader
	stdout io.Writer
	stderr *os.File
}

func parse(args []string, stderr *os.File) (*command, error) {
	c := new(command)
	fs := cli.Flags("9p", usage, stderr)
	fs.BoolVar(&c.persist, "p", false, "")
	fs.BoolVar(&c.persist, "P", false, "")
	fs.StringVar(&c.addr, "a", "", "")
	fs.StringVar(&c.aname, "A", "", "")
	rest, err := cli.Parse(fs, args)
	if err != nil {
		return nil, err
	}
	if len(rest) == 0 {
		return nil, cli.Usage(fs)
	}
	for i := range ops {
		if ops[i].name == rest[0] {
			c.op = &ops[i]
		}
	}
	if c.op == nil {
		return nil, cli.Usage(fs)
	}
	of := cli.Flags(c.op.name, usage, stderr)
	if c.op.flags != nil {
		c.op.flags(of, c)
	}
	if c.paths, err = cli.Parse(of, rest[1:]); err != nil {
		return nil, err
	}
	if len(c.paths) == 0 || len(c.paths) > 1 && !c.op.many {
		return nil, cli.Usage(fs)
	}
	return c, nil
}

func run(args []string, stdin io.Reader, stdout io.Writer, stderr *os.File) error {
	c, err := parse(args, stderr)
	if err != nil {
		return err
	}
	c.stdin, c.stdout, c.stderr = stdin, stdout, stderr
	ctx := context.Background()
	servers := &servers{command: c}
	defer servers.close()
	var failed error
	for _, path := range c.paths {
		f, err := servers.find(ctx, path)
		if err == nil {
			err = c.op.do(c, ctx, f)
		}
		if err != nil {
			// The other paths have their turn; the last error is for the caller to print.
			if failed != nil {
				fmt.Fprintf(stderr, "9p: %v\n", failed)
			}
			failed = fmt.Errorf("%s %s: %w", c.op.name, path, err)
		}
	}
	return failed
}
