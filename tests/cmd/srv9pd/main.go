// Srv9pd serves a host directory in 9P2000 with 9fans.net/go's srv9p: a server for the tests
// that shares nothing with this toolkit's own.
//
//	srv9pd [-m msize] [-n] network address dir
//
// It serves regular files and directories. A fid is a descriptor of the file it stands for, so that
// it stays with its file through every rename, and qid.path is the inode, so that it is the same
// after a restart; with -n it is a number that is drawn when the file is first seen, so that it is another.
package main

import (
	"flag"
	"fmt"
	"net"
	"os"

	"9fans.net/go/plan9"
)

func main() {
	fmt.Fprintln(os.Stderr, "srv9pd:", run(os.Args[1:]))
	os.Exit(1)
}

// run serves until it cannot.
func run(args []string) error {
	flags := flag.NewFlagSet("srv9pd", flag.ContinueOnError)
	msize := flags.Uint("m", 128<<10+plan9.IOHDRSZ, "the largest message, in bytes")
	anew := flags.Bool("n", false, "number the files anew at each start")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if args = flags.Args(); len(args) != 3 {
		return fmt.Errorf("usage: srv9pd [-m msize] [-n] network address dir")
	}
	if args[0] == "unix" {
		os.Remove(args[1]) // what a killed one has left
	}
	t, err := openTree(args[2], uint32(*msize), *anew)
	if err != nil {
		return err
	}
	l, err := net.Listen(args[0], args[1])
	if err != nil {
		return err
	}
	for {
		c, err := l.Accept()
		if err != nil {
			return err
		}
		go func() {
			defer c.Close()
			t.server().Serve(c, c)
		}()
	}
}
