//go:build linux

package main

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"9fans.net/go/plan9"

	"github.com/styxkit/styxkit/cmd/internal/cli"
	"github.com/styxkit/styxkit/lib9p"
	"github.com/styxkit/styxkit/lib9p/srv"
	"github.com/styxkit/styxkit/lib9p/srv/hostfs"
)

// A host serves a directory as the service fs, to clients in a dialect of its choice.
type host struct {
	t   *testing.T
	dir string

	mu    sync.Mutex
	l     net.Listener
	conns []net.Conn
}

func newHost(t *testing.T, dialect lib9p.Dialect) *host {
	h := &host{t: t, dir: t.TempDir()}
	ns := t.TempDir()
	t.Setenv("NAMESPACE", ns)
	tree, err := hostfs.New(h.dir, hostfs.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if h.l, err = net.Listen("unix", filepath.Join(ns, "fs")); err != nil {
		t.Fatal(err)
	}
	var serving sync.WaitGroup
	serving.Go(func() {
		for {
			conn, err := h.l.Accept()
			if err != nil {
				return
			}
			h.mu.Lock()
			h.conns = append(h.conns, conn)
			h.mu.Unlock()
			serving.Go(func() { srv.Serve(context.Background(), &choosy{Conn: conn, dialect: dialect}, tree) })
		}
	})
	t.Cleanup(func() {
		h.l.Close()
		h.hangUp()
		serving.Wait()
	})
	return h
}

// hangUp cuts all connections off.
func (h *host) hangUp() {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, c := range h.conns {
		c.Close()
	}
	h.conns = nil
}

// A choosy conn lets the server see no better dialect than its own in the client's first message.
type choosy struct {
	net.Conn
	dialect lib9p.Dialect
	early   []byte
	asked   bool
}

func (c *choosy) Read(b []byte) (int, error) {
	if !c.asked {
		c.asked = true
		f, err := lib9p.NewReader(c.Conn, 1<<20).Next()
		if err != nil {
			return 0, err
		}
		tag, m, err := lib9p.Unpack(lib9p.L, f)
		if err != nil {
			return 0, err
		}
		m.(*lib9p.Tversion).Version = c.dialect.String()
		if c.early, err = lib9p.Pack(lib9p.L, tag, m); err != nil {
			return 0, err
		}
	}
	if len(c.early) > 0 {
		n := copy(b, c.early)
		c.early = c.early[n:]
		return n, nil
	}
	return c.Conn.Read(b)
}

// call runs 9p and returns what it prints, errors first.
func call(t *testing.T, stdin string, args ...string) (stdout, stderr string, err error) {
	t.Helper()
	f, err := os.Create(filepath.Join(t.TempDir(), "stderr"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var out strings.Builder
	err = run(args, strings.NewReader(stdin), &out, f)
	text, rerr := os.ReadFile(f.Name())
	if rerr != nil {
		t.Fatal(rerr)
	}
	return out.String(), string(text), err
}

func TestOps(t *testing.T) {
	defer syscall.Umask(syscall.Umask(0o022))
	for _, d := range []lib9p.Dialect{lib9p.P2000, lib9p.U, lib9p.L} {
		t.Run(d.String(), func(t *testing.T) {
			h := newHost(t, d)
			large := strings.Repeat("0123456789abcdef", 50_000)
			os.WriteFile(filepath.Join(h.dir, "large"), []byte(large), 0o644)
			for _, tt := range []struct {
				args, stdin string
				stdout      string // a pattern
				err         string // a part, empty for none
			}{
				{args: "read fs/large", stdout: large},
				{args: "create fs/a fs//./b"},
				{args: "create fs/a", err: "create fs/a: file already exists"},
				{args: "mkdir fs/d fs/d/e"},
				{args: "ls fs", stdout: "a\nb\nd\nlarge\n"},
				{args: "ls fs/d fs/a", stdout: "e\na\n"},
				{args: "ls -d fs/d", stdout: "d\n"},
				{args: "ls -l fs/", stdout: `--rw-r--r-- M 0 \w+ +\w+ +0 \w+ +\d+ \d\d:\d\d a
--rw-r--r-- M 0 \w+ +\w+ +0 \w+ +\d+ \d\d:\d\d b
d-rwxr-xr-x M 0 \w+ +\w+ +\d+ \w+ +\d+ \d\d:\d\d d
--rw-r--r-- M 0 \w+ +\w+ +800000 \w+ +\d+ \d\d:\d\d large
`},
				{args: "write fs/a", stdin: large},
				{args: "read fs/a", stdout: large},
				{args: "write -l fs/a", stdin: "one\ntwo"},
				{args: "read fs/a", stdout: "one\ntwo"},
				{args: "write fs/a"},
				{args: "read fs/a"},
				{args: "stat fs/a", stdout: `name 'a' uid '\w+' gid '\w+' muid '\w*' qid \S+ mode --rw-r--r-- atime \d+ mtime \d+ length 0 type \d+ dev \d+` + "\n"},
				{args: "stat fs", stdout: `name '/' .* mode d-rwx.*\n`},
				{args: "rdwr fs/b", stdin: "x\ny\n", stdout: "\n\n\n"},
				{args: "read fs/b", stdout: "xy"},
				{args: "rm fs/nothing fs/a", err: "rm fs/nothing: file does not exist"},
				{args: "rm fs/d", err: "rm fs/d: directory not empty"},
				{args: "rm fs", err: "the root cannot be removed"},
				{args: "mkdir fs", err: "the root is there already"},
				{args: "rm fs/d/e fs/d fs/b"},
				{args: "ls fs", stdout: "large\n"},
				{args: "-a unix!" + filepath.Join(os.Getenv("NAMESPACE"), "fs") + " ls /", stdout: "large\n"},
				{args: "-a fs -A nothing ls /", err: "attach: "},
				{args: "read fs/x/y", err: "read fs/x/y: file does not exist"},
				{args: "read nothing/x", err: "is a server posted there?"},
				{args: "read /", err: "the name of a service"},
				{args: "-a {true} read x", err: "is it a 9P server"},
				{args: "-p -a {true} read x", err: "is it a 9P server"},
			} {
				args := strings.Fields(tt.args)
				stdout, stderr, err := call(t, tt.stdin, args...)
				if err == nil && tt.err != "" || err != nil && (tt.err == "" || !strings.Contains(err.Error(), tt.err) && !strings.Contains(stderr, tt.err)) {
					t.Errorf("9p %s: error is %v and does not say %q", tt.args, err, tt.err)
				}
				if tt.err == "" && stderr != "" {
					t.Errorf("9p %s says %s", tt.args, stderr)
				}
				if len(tt.stdout) > 10_000 {
					if stdout != tt.stdout {
						t.Errorf("9p %s printed %d bytes", tt.args, len(stdout))
					}
				} else if !regexp.MustCompile("^(?:" + tt.stdout + ")$").MatchString(stdout) {
					t.Errorf("9p %s printed\n%snot\n%s", tt.args, stdout, tt.stdout)
				}
			}
		})
	}
}

func TestUsage(t *testing.T) {
	for _, args := range []string{"", "-x read a", "read", "read a b", "shout a", "read -l a", "ls", "-a"} {
		_, stderr, err := call(t, "", strings.Fields(args)...)
		if !errors.Is(err, cli.ErrUsage) || !strings.Contains(stderr, "usage: 9p [-p] ") {
			t.Errorf("9p %s: %v, %s", args, err, stderr)
		}
	}
	c, err := parse(strings.Fields("-pa addr -Aname ls -ld x y"), os.Stderr)
	if err != nil || !c.persist || c.addr != "addr" || c.aname != "name" || !c.long || !c.itself || len(c.paths) != 2 {
		t.Errorf("%+v, %v", c, err)
	}
}

// With -p a conversation goes on when the server was away.
func TestPersist(t *testing.T) {
	h := newHost(t, lib9p.L)
	if err := os.WriteFile(filepath.Join(h.dir, "f"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	stderr, err := os.Create(filepath.Join(t.TempDir(), "stderr"))
	if err != nil {
		t.Fatal(err)
	}
	defer stderr.Close()
	in, stdin := io.Pipe()
	stdout, out := io.Pipe()
	done := make(chan error, 1)
	go func() {
		err := run([]string{"-p", "rdwr", "fs/f"}, in, out, stderr)
		out.Close()
		done <- err
	}()
	lines := bufio.NewScanner(stdout)
	lines.Scan() // the file is empty
	for _, line := range []string{"one", "two", "three"} {
		h.hangUp()
		io.WriteString(stdin, line+"\n")
		if !lines.Scan() {
			t.Fatal(<-done)
		}
	}
	stdin.Close()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(filepath.Join(h.dir, "f")); string(got) != "onetwothree" {
		t.Errorf("file holds %q, %v", got, err)
	}
	if text, err := os.ReadFile(stderr.Name()); err != nil || strings.Count(string(text), "\n") < 3 {
		t.Errorf("stderr says %q, %v", text, err)
	}
}

// The columns of the long form are as wide as they must be.
func TestTable(t *testing.T) {
	c := &command{long: true}
	now := time.Now()
	got := c.table([]plan9.Dir{
		{Name: "a", Uid: "glenda", Gid: "sys", Length: 5, Mode: 0o644, Mtime: uint32(now.Unix())},
		{Name: "it's", Uid: "u", Gid: "g", Length: 12345, Mode: plan9.DMDIR | 0o700, Mtime: 1e9},
	})
	want := "--rw-r--r-- M 0 glenda sys     5 " + now.Format("Jan _2 15:04") + " a\n" +
		"d-rwx------ M 0 u      g   12345 " + time.Unix(1e9, 0).Format("Jan _2  2006") + " 'it''s'\n"
	if got != want {
		t.Errorf("%s not\n%s", got, want)
	}
	for name, want := range map[string]string{"a": "a", "": "''", "a b": "'a b'", "ü-1.x": "ü-1.x", "a\nb": "'a\nb'"} {
		if got := quote(name); got != want {
			t.Errorf("%q is quoted %s", name, got)
		}
	}
}
