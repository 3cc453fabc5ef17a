//go:build linux

package main

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"sync"

	"github.com/styxkit/styxkit/cmd/internal/source"
	"github.com/styxkit/styxkit/dial"
	"github.com/styxkit/styxkit/styxpersist"
)

// A service gives each client a connection to the server.
type service struct {
	src     *source.Source
	persist bool
	log     *slog.Logger
}

// accept serves clients until ctx ends and post is closed, and then until the last of them is gone.
func (s *service) accept(ctx context.Context, post *dial.Announcement) error {
	var clients sync.WaitGroup
	defer clients.Wait()
	for {
		conn, err := post.Accept()
		if err != nil {
			return err
		}
		clients.Go(func() { s.client(ctx, conn) })
	}
}

func (s *service) client(ctx context.Context, conn net.Conn) {
	do := s.relay
	if s.persist {
		do = s.keep
	}
	if err := do(ctx, conn); err != nil && ctx.Err() == nil {
		s.log.Error("client ended", "err", err)
	}
}

// keep gives a client a connection that outlives its server.
func (s *service) keep(ctx context.Context, conn net.Conn) error {
	redial := make(chan chan<- io.ReadWriteCloser)
	defer close(redial)
	go styxpersist.Dialer(redial, func() (io.ReadWriteCloser, error) { return s.src.Dial(ctx) })
	return styxpersist.Serve(ctx, conn, styxpersist.Config{Redial: redial, Logger: s.log})
}

// relay passes bytes until both sides have ended.
func (s *service) relay(ctx context.Context, client net.Conn) error {
	defer client.Close()
	server, err := s.src.Dial(ctx)
	if err != nil {
		return err
	}
	defer server.Close()
	defer context.AfterFunc(ctx, func() { client.Close(); server.Close() })()
	done := make(chan error, 1)
	go func() { done <- pass(client, server) }()
	return errors.Join(pass(server, client), <-done)
}

// pass passes what from says on to to, and then its end.
func pass(to io.Writer, from io.Reader) error {
	_, err := io.Copy(to, from)
	if c, ok := to.(interface{ CloseWrite() error }); ok {
		c.CloseWrite()
	}
	if c, ok := from.(interface{ CloseRead() error }); ok && err != nil {
		c.CloseRead()
	}
	if errors.Is(err, net.ErrClosed) {
		err = nil
	}
	return err
}
