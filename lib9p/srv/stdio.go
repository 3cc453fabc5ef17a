package srv

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"time"

	"github.com/styxkit/styxkit/lib9p"
)

// ServeStdio is [Serve] for a command's standard input and output, which may be
// a socket, pipes, or anything else. When ctx ends while it cannot be woken from
// reading, as from a terminal, it returns all the same.
func ServeStdio(ctx context.Context, in io.Reader, out io.Writer, tree Tree) error {
	done := make(chan error, 1)
	go func() { done <- Serve(ctx, stdioOf(in, out), tree) }()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
	}
	t := time.NewTimer(writeGrace + 5*time.Second)
	defer t.Stop()
	select {
	case err := <-done:
		return err
	case <-t.C:
		return errors.New("serve 9p: a request is still running: ended without waiting for it")
	}
}

// stdioOf makes a transport of input and output. A socket and pipes are made
// such that Close ends a pending Read.
func stdioOf(in io.Reader, out io.Writer) lib9p.Transport {
	fin, ok1 := in.(*os.File)
	fout, ok2 := out.(*os.File)
	if !ok1 || !ok2 {
		return &stdio{in, out}
	}
	if sameFile(fin, fout) {
		if c, err := net.FileConn(fin); err == nil {
			fin.Close()
			fout.Close()
			return c
		}
	}
	return &stdio{pollable(fin), pollable(fout)}
}

func sameFile(a, b *os.File) bool {
	ai, err := a.Stat()
	if err != nil {
		return false
	}
	bi, err := b.Stat()
	return err == nil && os.SameFile(ai, bi) && ai.Mode()&os.ModeSocket != 0
}

type stdio struct {
	io.Reader
	io.Writer
}

func (s *stdio) Close() error {
	var errs []error
	for _, f := range []any{s.Reader, s.Writer} {
		if c, ok := f.(io.Closer); ok {
			errs = append(errs, c.Close())
		}
	}
	return errors.Join(errs...)
}

func (s *stdio) SetReadDeadline(t time.Time) error {
	if d, ok := s.Reader.(interface{ SetReadDeadline(time.Time) error }); ok {
		return d.SetReadDeadline(t)
	}
	return os.ErrNoDeadline
}

func (s *stdio) SetWriteDeadline(t time.Time) error {
	if d, ok := s.Writer.(interface{ SetWriteDeadline(time.Time) error }); ok {
		return d.SetWriteDeadline(t)
	}
	return os.ErrNoDeadline
}
