//go:build linux

package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"

	"9fans.net/go/plan9"

	"github.com/styxkit/styxkit/lib9p"
	"github.com/styxkit/styxkit/lib9p/client"
)

// read copies f to standard output. The reads follow each other, as a stream wants it.
func (c *command) read(ctx context.Context, f file) error {
	fid, err := f.open(ctx, plan9.OREAD)
	if err != nil {
		return err
	}
	defer fid.Clunk(ctx)
	buf := make([]byte, fid.Iounit())
	for off := int64(0); ; {
		n, err := fid.ReadAt(ctx, buf, off)
		if err != nil || n == 0 {
			return err
		}
		if _, err := c.stdout.Write(buf[:n]); err != nil {
			return err
		}
		off += int64(n)
	}
}

// write copies standard input to f, which loses what it had. Nothing at all is one write of no bytes, which says something
// to some files.
func (c *command) write(ctx context.Context, f file) error {
	fid, err := f.open(ctx, plan9.OWRITE|plan9.OTRUNC)
	if err != nil {
		return err
	}
	w := &writer{ctx: ctx, fid: fid}
	if c.byLine {
		err = c.writeLines(w)
	} else {
		err = c.writeAll(w)
	}
	if err == nil && !w.did {
		_, err = w.Write(nil)
	}
	return errors.Join(err, fid.Clunk(ctx))
}

func (c *command) writeAll(w *writer) error {
	buf := make([]byte, w.fid.Iounit())
	for {
		n, err := c.stdin.Read(buf)
		if n > 0 {
			if _, err := w.Write(buf[:n]); err != nil {
				return err
			}
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return fmt.Errorf("standard input: %w", err)
		}
	}
}

// writeLines writes each line on its own. A line that is refused is reported, and the next has its turn.
func (c *command) writeLines(w *writer) error {
	in := bufio.NewReaderSize(c.stdin, int(w.fid.Iounit()))
	refused := 0
	for {
		line, err := in.ReadSlice('\n') // a line longer than a message goes in several
		if err != nil && err != io.EOF && err != bufio.ErrBufferFull {
			return fmt.Errorf("standard input: %w", err)
		}
		if len(line) > 0 {
			if _, werr := w.Write(line); werr != nil {
				if isOver(werr) {
					return werr
				}
				refused++
				fmt.Fprintf(c.stderr, "9p: write: %v\n", werr)
			}
		}
		if err == io.EOF {
			if refused > 0 {
				return fmt.Errorf("%d of the lines were not written", refused)
			}
			return nil
		}
	}
}

// isOver reports whether err is of a connection that has ended.
func isOver(err error) bool {
	_, over := errors.AsType[*client.ConnError](err)
	return over
}

// A writer writes to a fid, one message a call where it fits into one.
type writer struct {
	ctx context.Context
	fid *client.Fid
	off int64
	did bool
}

func (w *writer) Write(p []byte) (int, error) {
	w.did = true
	for done := 0; ; {
		n, err := w.fid.WriteAt(w.ctx, p[done:], w.off)
		w.off += int64(n)
		done += n
		switch {
		case err != nil:
			return done, err
		case done == len(p):
			return done, nil
		case n == 0:
			return done, io.ErrShortWrite
		}
	}
}

// rdwr talks to f: what can be read, a line of standard input, and so on. An error is not the end of it.
func (c *command) rdwr(ctx context.Context, f file) error {
	fid, err := f.open(ctx, plan9.ORDWR)
	if err != nil {
		return err
	}
	defer fid.Clunk(ctx)
	in := bufio.NewReaderSize(c.stdin, int(fid.Iounit()))
	buf := make([]byte, fid.Iounit())
	w := &writer{ctx: ctx, fid: fid}
	for {
		n, err := fid.ReadAt(ctx, buf, w.off)
		if isOver(err) {
			return err
		}
		if err != nil {
			fmt.Fprintf(c.stderr, "9p: read: %v\n", err)
		} else if _, err := fmt.Fprintf(c.stdout, "%s\n", buf[:n]); err != nil {
			return err
		}
		w.off += int64(n)
		line, err := in.ReadSlice('\n')
		if err != nil && err != io.EOF && err != bufio.ErrBufferFull {
			return fmt.Errorf("standard input: %w", err)
		}
		if len(line) == 0 {
			return nil
		}
		if line[len(line)-1] == '\n' {
			line = line[:len(line)-1]
		}
		if _, err := w.Write(line); isOver(err) {
			return err
		} else if err != nil {
			fmt.Fprintf(c.stderr, "9p: write: %v\n", err)
		}
	}
}

func (c *command) stat(ctx context.Context, f file) error {
	d, err := f.stat(ctx)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(c.stdout, d.String())
	return err
}

func (f file) stat(ctx context.Context) (plan9.Dir, error) {
	fid, err := f.root.Walk(ctx, f.names...)
	if err != nil {
		return plan9.Dir{}, err
	}
	defer fid.Clunk(ctx)
	return f.dir(ctx, fid, f.name())
}

func (c *command) create(ctx context.Context, f file) error { return f.make(ctx, false) }

func (c *command) mkdir(ctx context.Context, f file) error { return f.make(ctx, true) }

func (c *command) rm(ctx context.Context, f file) error {
	if len(f.names) == 0 {
		return &lib9p.Error{Ename: "the root cannot be removed", Errno: lib9p.EBUSY}
	}
	fid, err := f.root.Walk(ctx, f.names...)
	if err != nil {
		return err
	}
	return fid.Remove(ctx)
}
