//go:build linux

package main

import (
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/styxkit/styxkit/lib9p"
)

// A spy writes down the messages that go over a connection to the server, one a line.
type spy struct {
	lib9p.Transport
	w io.Writer

	mu       sync.Mutex
	dialect  lib9p.Dialect // as the server has it
	to, from []byte        // what has come of messages that are not whole yet
}

// maxLine bounds what is written of a message, in bytes: data can be long.
const maxLine = 300

// spyOn returns a connection that does what conn does, and writes its messages to w.
func spyOn(conn lib9p.Transport, w io.Writer) lib9p.Transport { return &spy{Transport: conn, w: w} }

func (s *spy) Read(b []byte) (int, error) {
	n, err := s.Transport.Read(b)
	s.saw("<-", &s.from, b[:n])
	return n, err
}

func (s *spy) Write(b []byte) (int, error) {
	s.saw("->", &s.to, b) // before the answer can come
	return s.Transport.Write(b)
}

// saw takes in bytes of one direction.
func (s *spy) saw(way string, part *[]byte, b []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	*part = append(*part, b...)
	for len(*part) >= lib9p.HeaderSize {
		size := int(lib9p.Frame(*part).Size())
		if size < lib9p.HeaderSize || size > len(*part) {
			return
		}
		s.say(way, lib9p.Frame((*part)[:size]))
		*part = (*part)[size:]
	}
	if len(*part) == 0 {
		*part = nil
	}
}

func (s *spy) say(way string, f lib9p.Frame) {
	d := s.dialect
	if f.Type() == lib9p.TypeTversion || f.Type() == lib9p.TypeRversion {
		d = lib9p.P2000
	}
	tag, m, err := lib9p.Unpack(d, f)
	line := fmt.Sprintf("%d bytes that are no message: %v", len(f), err)
	if err == nil {
		line = lib9p.Format(d, tag, m)
	}
	if v, ok := m.(*lib9p.Rversion); ok {
		if d, ok := lib9p.ParseDialect(v.Version); ok {
			s.dialect = d
		}
	}
	if len(line) > maxLine {
		line = line[:maxLine] + "..."
	}
	fmt.Fprintf(s.w, "%s %s %s\n", time.Now().Format("15:04:05.000000"), way, line)
}

// What a connection may have beside: without it these are errors.

func (s *spy) CloseWrite() error {
	if c, ok := s.Transport.(interface{ CloseWrite() error }); ok {
		return c.CloseWrite()
	}
	return errors.ErrUnsupported
}

func (s *spy) SetReadDeadline(t time.Time) error {
	if c, ok := s.Transport.(interface{ SetReadDeadline(time.Time) error }); ok {
		return c.SetReadDeadline(t)
	}
	return errors.ErrUnsupported
}

func (s *spy) SetWriteDeadline(t time.Time) error {
	if c, ok := s.Transport.(interface{ SetWriteDeadline(time.Time) error }); ok {
		return c.SetWriteDeadline(t)
	}
	return errors.ErrUnsupported
}
