//go:build unix

package main

import (
	"bytes"
	"io"
	"strings"
	"testing"

	"github.com/styxkit/styxkit/cmd/internal/cli"
	"github.com/styxkit/styxkit/lib9p"
	"github.com/styxkit/styxkit/lib9p/client"
)

func TestUsage(t *testing.T) {
	for _, args := range [][]string{{"-A"}, {"dir"}, {"-l"}} {
		var stderr bytes.Buffer
		if err := run(args, strings.NewReader(""), io.Discard, &stderr); err != cli.ErrUsage {
			t.Errorf("%q: got error %v", args, err)
		}
		if !strings.Contains(stderr.String(), "usage: "+usage+"\n") {
			t.Errorf("%q: said %q", args, stderr.String())
		}
	}
	err := run([]string{"-l", "tcp!*!0"}, nil, nil, io.Discard)
	if err == nil || !strings.Contains(err.Error(), "use a loopback address") {
		t.Errorf("got error %v", err)
	}
}

// ends are what a command reads and writes.
type ends struct {
	io.Reader
	io.WriteCloser
}

func TestServe(t *testing.T) {
	inR, inW := io.Pipe()
	outR, outW := io.Pipe()
	done := make(chan error, 1)
	go func() { done <- run(nil, inR, outW, io.Discard) }()
	c, err := client.New(t.Context(), ends{outR, inW}, client.Options{})
	if err != nil {
		t.Fatal(err)
	}
	root, err := c.Attach(t.Context(), nil, "glenda", "", lib9p.NoUid)
	if err != nil {
		t.Fatal(err)
	}
	if err := root.Lcreate(t.Context(), "f", lib9p.LRDWR, 0o600, lib9p.NoUid); err != nil {
		t.Error(err)
	}
	c.Close()
	if err := <-done; err != nil {
		t.Error(err)
	}
}
