package main

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/styxkit/styxkit/lib9p/client"
	"github.com/styxkit/styxkit/lib9p/srv"
	"github.com/styxkit/styxkit/lib9p/srv/hostfs"
	"github.com/styxkit/styxkit/mount"
	"github.com/styxkit/styxkit/mount/fuse"
)

const from = "tcp!fs.example.org!564"

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// mounted mounts an empty directory. The mount must be gone at the end of the test.
func mounted(t *testing.T, dir string) *fuse.Server {
	t.Helper()
	return mountedFrom(t, from, dir)
}

func mountedFrom(t *testing.T, from, dir string) *fuse.Server {
	t.Helper()
	tree, err := hostfs.New(t.TempDir(), hostfs.Options{})
	must(t, err)
	ours, theirs := net.Pipe()
	go srv.Serve(context.Background(), theirs, tree)
	conn, err := client.New(t.Context(), ours, client.Options{})
	must(t, err)
	root, err := conn.Attach(t.Context(), nil, "root", "", 0)
	must(t, err)
	s, err := fuse.Mount(root, dir, fuse.Options{Source: from})
	must(t, err)
	t.Cleanup(func() {
		if _, ok, _ := mount.At(dir); ok {
			t.Error("it is still mounted")
			s.Unmount(true)
		}
		s.Wait()
		conn.Close()
	})
	return s
}

// says is a run that succeeds and what it says.
func says(t *testing.T, args ...string) string {
	t.Helper()
	var out bytes.Buffer
	if err := run(args, &out); err != nil {
		t.Errorf("unmount %v: %v", args, err)
	}
	return out.String()
}

func TestUnmount(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "with space\\and more")
	must(t, os.Mkdir(dir, 0o755))
	link := filepath.Join(t.TempDir(), "link")
	must(t, os.Symlink(dir, link))
	t.Chdir(filepath.Dir(dir))
	for _, args := range [][]string{
		{dir}, {filepath.Base(dir)}, {"../" + filepath.Base(filepath.Dir(dir)) + "/" + filepath.Base(dir) + "/"}, {link}, {from, dir},
		{"tcp!fs.example.org!564", link},
	} {
		s := mounted(t, dir)
		if out := says(t, args...); out != "" {
			t.Errorf("unmount %v says %q", args, out)
		}
		s.Wait()
	}
}

// An address alone is enough where it is mounted once.
func TestAddress(t *testing.T) {
	from := fmt.Sprintf("tcp!fs%d.example.org!564", os.Getpid()) // of this process alone
	first, second := t.TempDir(), t.TempDir()
	a, b := mountedFrom(t, from, first), mountedFrom(t, from, second)
	var out bytes.Buffer
	if err := run([]string{from}, &out); err == nil || !strings.Contains(err.Error(), first+", "+second) {
		t.Errorf("of two mounts it says %v", err)
	}
	says(t, second)
	b.Wait()
	says(t, from)
	a.Wait()
	if err := run([]string{from}, &out); err == nil {
		t.Error("nothing is unmounted without an error")
	}
}

// A mount in use leaves the name space, and stays for those who use it.
func TestBusy(t *testing.T) {
	dir := t.TempDir()
	s := mounted(t, dir)
	// Not by exec's Dir: our runtime would stand still while the folder is asked for.
	busy := exec.Command("sh", "-c", `cd "$1" && echo there && exec cat`, "sh", dir)
	in, err := busy.StdinPipe()
	must(t, err)
	out, err := busy.StdoutPipe()
	must(t, err)
	must(t, busy.Start())
	if _, err := out.Read(make([]byte, 10)); err != nil {
		t.Fatal(err)
	}
	if out := says(t, dir); !strings.Contains(out, "in use") {
		t.Errorf("it says %q", out)
	}
	select {
	case <-s.Done():
		t.Error("it has ended under its user")
	default:
	}
	must(t, in.Close())
	must(t, busy.Wait())
	s.Wait()
}

func TestRefused(t *testing.T) {
	dir := t.TempDir()
	mounted(t, dir)
	for _, tt := range []struct {
		args []string
		says string
	}{
		{[]string{t.TempDir()}, "is not a mount point: mounted are"},
		{[]string{"/none/of/these"}, "no such file"},
		{[]string{"tcp!other!564", dir}, "is mounted " + from + ", not tcp!other!564"},
		{nil, "usage"},
		{[]string{"a", "b", "c"}, "usage"},
	} {
		var out bytes.Buffer
		if err := run(tt.args, &out); err == nil || !strings.Contains(err.Error(), tt.says) {
			t.Errorf("unmount %v: %v", tt.args, err)
		}
	}
	says(t, dir)
}
