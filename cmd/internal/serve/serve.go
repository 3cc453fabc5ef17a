// Package serve is what the commands have in common that serve a tree of files
// without asking anybody who he is.
package serve

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"

	"github.com/styxkit/styxkit/cmd/internal/cli"
	"github.com/styxkit/styxkit/dial"
	"github.com/styxkit/styxkit/lib9p/srv"
)

// A Server says where a tree is served.
type Server struct {
	Name   string // of the command
	Addr   string // where to listen, or empty for standard input and output
	Open   bool   // addresses that others can reach will do
	Advice string // for who gave such an address without Open
	Ready  func() // called when the address is there and before it is served; may be nil

	Stdin          io.Reader
	Stdout, Stderr io.Writer
}

// Serve serves tree until ctx ends or, on standard input and output, the client hangs up.
func (s *Server) Serve(ctx context.Context, tree srv.Tree) error {
	if s.Ready == nil {
		s.Ready = func() {}
	}
	if s.Addr == "" {
		s.Ready()
		return srv.ServeStdio(ctx, s.Stdin, s.Stdout, tree)
	}
	l, err := s.announce(ctx)
	if err != nil {
		return err
	}
	s.Ready()
	return srv.ServeListener(ctx, l, tree, cli.Log(s.Stderr, s.Name, slog.LevelInfo))
}

func (s *Server) announce(ctx context.Context) (*dial.Announcement, error) {
	a, err := dial.Parse(s.Addr, "", "9fs")
	if err != nil {
		return nil, err
	}
	if a.Net != "unix" {
		local, err := isLocal(ctx, a.Host)
		if err != nil {
			return nil, fmt.Errorf("announce %s: %w", a, err)
		}
		if !local && !s.Open {
			return nil, fmt.Errorf("announce %s: others could reach it, and nobody is asked who he is: %s", a, s.Advice)
		}
		if !local {
			fmt.Fprintf(s.Stderr, "%s: %s is open to everybody who can reach it, without authentication\n", s.Name, a)
		}
	}
	return dial.Announce(ctx, a.String())
}

// isLocal reports whether only this machine can reach host, which is a name, an
// address, or * for all of this machine's.
func isLocal(ctx context.Context, host string) (bool, error) {
	if host == "*" {
		return false, nil
	}
	addrs, err := net.DefaultResolver.LookupIPAddr(ctx, host)
	if err != nil {
		return false, err
	}
	for _, a := range addrs {
		if !a.IP.IsLoopback() {
			return false, nil
		}
	}
	return len(addrs) > 0, nil
}
