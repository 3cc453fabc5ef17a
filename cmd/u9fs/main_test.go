//go:build linux

package main

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/styxkit/styxkit/cmd/internal/cli"
	"github.com/styxkit/styxkit/lib9p"
	"github.com/styxkit/styxkit/lib9p/client"
)

func TestUsage(t *testing.T) {
	for _, args := range [][]string{{"-x"}, {"a", "b"}, {"-l"}, {"-rx", "."}} {
		var stdout, stderr bytes.Buffer
		if err := run(args, strings.NewReader(""), &stdout, &stderr); err != cli.ErrUsage {
			t.Errorf("%q: got error %v", args, err)
		}
		if !strings.Contains(stderr.String(), "usage: "+usage+"\n") || stdout.Len() > 0 {
			t.Errorf("%q: said %q and %q", args, stderr.String(), stdout.String())
		}
	}
	none := filepath.Join(t.TempDir(), "none")
	if err := run([]string{none}, strings.NewReader(""), io.Discard, io.Discard); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got error %v", err)
	}
}

// ends are what a command reads and writes.
type ends struct {
	io.Reader
	io.WriteCloser
}

func TestServe(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "f"), []byte("hello"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		args []string
		want error
	}{
		{[]string{dir}, nil},
		{[]string{"-r", dir}, lib9p.EROFS},
		{[]string{"-Ar", "--", dir}, lib9p.EROFS},
	} {
		inR, inW := io.Pipe()
		outR, outW := io.Pipe()
		done := make(chan error, 1)
		go func() { done <- run(tt.args, inR, outW, io.Discard) }()
		c, err := client.New(t.Context(), ends{outR, inW}, client.Options{})
		if err != nil {
			t.Fatal(err)
		}
		root, err := c.Attach(t.Context(), nil, "glenda", "", lib9p.NoUid)
		if err != nil {
			t.Fatal(err)
		}
		f, err := root.Walk(t.Context(), "f")
		if err != nil {
			t.Fatal(err)
		}
		if err := f.Lopen(t.Context(), lib9p.LRDWR); !errors.Is(err, tt.want) {
			t.Errorf("%q: got error %v, want %v", tt.args, err, tt.want)
		}
		c.Close()
		if err := <-done; err != nil {
			t.Errorf("%q: got error %v", tt.args, err)
		}
	}
}
