// Srv9pd serves a host directory in 9P2000 with 9fans.net/go's srv9p: a server for the tests
// that shares nothing with this toolkit's own.
//
//	srv9pd network address dir
//
// It serves regular files and directories. A fid is a descriptor of the file it stands for, so that
// it stays with its file through every rename, and qid.path is the inode, so that it is the same
// after a restart.
package main

import (
	"fmt"
	"net"
	"os"
)

func main() {
	fmt.Fprintln(os.Stderr, "srv9pd:", run(os.Args[1:]))
	os.Exit(1)
}

// run serves until it cannot.
func run(args []string) error {
	if len(args) != 3 {
		return fmt.Errorf("usage: srv9pd network address dir")
	}
	if args[0] == "unix" {
		os.Remove(args[1]) // what a killed one has left
	}
	t, err := openTree(args[2])
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
