//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"path/filepath"
	"strings"
	"sync"

	"github.com/styxkit/styxkit/cmd/internal/cli"
	"github.com/styxkit/styxkit/cmd/internal/source"
	"github.com/styxkit/styxkit/lib9p"
	"github.com/styxkit/styxkit/lib9p/client"
	"github.com/styxkit/styxkit/styxpersist"
)

// servers are those that the paths are on, by address; each is connected to once.
type servers struct {
	command *command
	open    map[string]*server
}

type server struct {
	root *client.Fid
	end  []func() // what is to be done at the end, the last first
}

// A file is a path on a server.
type file struct {
	root  *client.Fid
	names []string // from the root
}

// find returns the file that path means.
func (s *servers) find(ctx context.Context, path string) (file, error) {
	addr := s.command.addr
	if addr == "" {
		service, rest, _ := strings.Cut(strings.TrimLeft(path, "/"), "/")
		if service == "" {
			return file{}, errors.New("without -a, a path begins with the name of a service")
		}
		addr, path = "unix!"+filepath.Join(source.Namespace(), service), rest
	}
	sv := s.open[addr]
	if sv == nil {
		sv = new(server)
		if err := sv.connect(ctx, s.command, addr); err != nil {
			sv.close()
			return file{}, err
		}
		if s.open == nil {
			s.open = make(map[string]*server)
		}
		s.open[addr] = sv
	}
	f := file{root: sv.root}
	for name := range strings.SplitSeq(path, "/") {
		if name != "" && name != "." {
			f.names = append(f.names, name)
		}
	}
	return f, nil
}

func (s *servers) close() {
	for _, sv := range s.open {
		sv.close()
	}
}

func (sv *server) close() {
	for i := range sv.end {
		sv.end[len(sv.end)-1-i]()
	}
}

func (sv *server) connect(ctx context.Context, c *command, addr string) error {
	src, err := source.Parse(addr, c.stderr)
	if err != nil {
		return err
	}
	uname, uid, err := source.User()
	if err != nil {
		return err
	}
	var conn lib9p.Transport
	if conn, err = src.Dial(ctx); err != nil {
		return err
	}
	sv.end = append(sv.end, src.Wait)
	answered := func() {}
	if c.persist {
		log := cli.Log(c.stderr, "9p: "+src.String(), slog.LevelInfo)
		ctx, conn, answered = sv.persist(ctx, src, conn, log)
	}
	cl, err := client.New(ctx, conn, client.Options{})
	if cause := context.Cause(ctx); cause != nil {
		err = cause
	}
	if err != nil {
		return err
	}
	answered()
	sv.end = append(sv.end, func() { cl.Close() })
	sv.root, err = cl.Attach(ctx, nil, uname, c.aname, uid)
	if err != nil {
		return fmt.Errorf("attach: %w", err)
	}
	return nil
}

var errNoAnswer = errors.New("the server hangs up before the version is agreed on: is it a 9P server")

// persist puts styxpersist between the client, which gets the connection that is returned, and the server, to which first is
// the first connection. It is not made again before answered is called: what ends before is no server, and ends ctx.
func (sv *server) persist(parent context.Context, src *source.Source, first lib9p.Transport, log *slog.Logger) (
	ctx context.Context, conn lib9p.Transport, answered func()) {
	ctx, fail := context.WithCancelCause(parent)
	redial := make(chan chan<- io.ReadWriteCloser)
	up := make(chan struct{})
	go styxpersist.Dialer(redial, func() (io.ReadWriteCloser, error) {
		if conn := first; conn != nil {
			first = nil
			return conn, nil
		}
		select {
		case <-up:
			return src.Dial(ctx)
		default:
			fail(errNoAnswer)
			return nil, errNoAnswer
		}
	})
	ours, theirs := net.Pipe()
	var running sync.WaitGroup
	running.Go(func() {
		defer close(redial)
		if err := styxpersist.Serve(ctx, theirs, styxpersist.Config{Redial: redial, Logger: log}); err != nil && ctx.Err() == nil {
			log.Error("connection ended", "err", err)
		}
	})
	sv.end = append(sv.end, func() {
		ours.Close()
		fail(nil)
		running.Wait()
	})
	return ctx, ours, func() { close(up) }
}
