package main

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// program puts an executable script into a folder.
func program(t *testing.T, dir, name, script string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name), []byte("#!/bin/sh\n"+script+"\n"), 0o700); err != nil {
		t.Fatal(err)
	}
}

func TestRun(t *testing.T) {
	t.Setenv("PATH", t.TempDir()) // the system has nothing
	for _, tt := range []struct {
		args, want string
	}{
		{"dial", "DIAL(2)\n\nNAME\n"},
		{"2 dial", "DIAL(2)\n\nNAME\n"},
		{"netmkaddr", "DIAL(2)\n\nNAME\n"},
		{"man", "SYNOPSIS\n     man [section] page\n     man -k word\n"},
		{"-k NETWORK", "dial, announce, listen, accept, netmkaddr, netinfo (2) - make and break"},
	} {
		var out bytes.Buffer
		if err := run(strings.Fields(tt.args), &out); err != nil || !strings.Contains(out.String(), tt.want) {
			t.Errorf("man %s: %v\n%s\nwant %s", tt.args, err, out.String(), tt.want)
		}
	}
}

func TestRunFaults(t *testing.T) {
	for _, tt := range []struct {
		args, want string
	}{
		{"", "usage"},
		{"-?", "usage"},
		{"-k", "usage"},
		{"9 dial", "usage"},
		{"dial 2", "usage"},
		{"2 dial x", "usage"},
		{"3 dial", "find page dial(3): there is none"},
		{"no-such-page", "man -k no-such-page"},
		{"-k no-such-word", `search for "no-such-word"`},
	} {
		var out bytes.Buffer
		err := run(strings.Fields(tt.args), &out)
		if err == nil || !strings.Contains(err.Error(), tt.want) || out.Len() > 0 {
			t.Errorf("man %s: %v, %q, want %s", tt.args, err, out.String(), tt.want)
		}
	}
}

// The system's man comes first, then nroff, then ourselves; one that shows
// something else does not count.
func TestSystem(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("PATH", dir)
	show := func() string {
		t.Helper()
		var out bytes.Buffer
		if err := run([]string{"dial"}, &out); err != nil {
			t.Fatal(err)
		}
		return out.String()
	}
	if got := show(); !strings.HasPrefix(got, "DIAL(2)\n") {
		t.Errorf("without anything: %q", got)
	}
	program(t, dir, "nroff", `printf "N\bNA\bAM\bME\bE dial by \033[1mnroff\033[0m %s\n" "$1"`)
	if got, want := show(), "NAME dial by nroff -man\n"; got != want {
		t.Errorf("with nroff: %q, want %q", got, want)
	}
	program(t, dir, "man", `echo "NAME dial by man $1 $2 $MANWIDTH"`)
	t.Setenv("MANWIDTH", "66")
	if got, want := show(), "NAME dial by man -l - 66\n"; got != want {
		t.Errorf("with man: %q, want %q", got, want)
	}
	program(t, dir, "man", `echo this system has been minimized`)
	program(t, dir, "nroff", `echo NAME dial; exit 1`)
	if got := show(); !strings.HasPrefix(got, "DIAL(2)\n") {
		t.Errorf("with ones that do not work: %q", got)
	}
}

// Under styx we are the first man on PATH.
func TestLookPathPassesOverItself(t *testing.T) {
	ours, theirs := t.TempDir(), t.TempDir()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(self, filepath.Join(ours, "man")); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", ours)
	if got, ok := lookPath("man"); ok {
		t.Errorf("found %s, which is the test itself", got)
	}
	program(t, theirs, "man", "")
	t.Setenv("PATH", ours+":"+theirs)
	if got, _ := lookPath("man"); got != filepath.Join(theirs, "man") {
		t.Errorf("found %q", got)
	}
}

func TestPager(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("PATH", dir+":/bin:/usr/bin")
	program(t, dir, "shout", "tr a-z A-Z")
	for _, name := range []string{"PAGER", "MANPAGER"} {
		t.Setenv(name, "shout | cat")
		var out bytes.Buffer
		if err := page([]byte("page\n"), &out); err != nil || out.String() != "PAGE\n" {
			t.Errorf("%s: %q, %v", name, out.String(), err)
		}
	}
	t.Setenv("MANPAGER", "false")
	if err := page(nil, new(bytes.Buffer)); err == nil || errors.Is(err, errUsage) {
		t.Errorf("a pager that fails: %v", err)
	}
	t.Setenv("MANPAGER", "")
	t.Setenv("PAGER", "")
	t.Setenv("PATH", t.TempDir())
	var out bytes.Buffer
	if err := page([]byte("page\n"), &out); err != nil || out.String() != "page\n" {
		t.Errorf("without a pager: %q, %v", out.String(), err)
	}
}
