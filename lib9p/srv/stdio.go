package srv

import (
	"errors"
	"io"
	"net"
	"os"
	"time"

	"github.com/styxkit/styxkit/lib9p"
)

// Stdio returns the transport that a command's standard input and output are,
// which may be a socket, pipes, or anything else. A socket and pipes are made
// such that Close ends a pending Read; a terminal cannot be.
func Stdio(in io.Reader, out io.Writer) lib9p.Transport {
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
