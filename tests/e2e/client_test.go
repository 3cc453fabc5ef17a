package e2e

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"9fans.net/go/plan9"
	"9fans.net/go/plan9/client"

	"github.com/styxkit/styxkit/tests/internal/lab"
	"github.com/styxkit/styxkit/tests/internal/load"
)

// post runs "srv -f flags addr name" and returns it with the path of the socket that it posts.
func post(t testing.TB, s *lab.Server, flags ...string) (p *lab.Proc, socket string) {
	t.Helper()
	ns := lab.SocketDir(t)
	cmd := exec.Command(lab.Bin("srv"), append(append([]string{"-f"}, flags...), s.Addr, "fs")...)
	cmd.Env = append(os.Environ(), "NAMESPACE="+ns)
	p = lab.Start(t, cmd)
	socket = filepath.Join(ns, "fs")
	lab.Until(t, lab.Patience, "srv posts its service", func() bool {
		if p.Exited() {
			t.Fatalf("srv ended: %v\n%s", p.Cmd.ProcessState, p.Err())
		}
		return listens(socket)
	})
	return p, socket
}

// listens reports whether somebody takes calls on a socket.
func listens(socket string) bool {
	c, err := net.Dial("unix", socket)
	if err == nil {
		c.Close()
	}
	return err == nil
}

// 9fans.net/go's client, which cannot survive anything, talks 9P2000 through srv -p
// while the server is killed. Three callers share its connection.
func TestSurviveClient(t *testing.T) {
	for _, server := range []string{"u9fs", "srv9pd"} {
		t.Run(server, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			if _, err := load.MakeData(filepath.Join(dir, "data"), 4<<20); err != nil {
				t.Fatal(err)
			}
			if err := os.Mkdir(filepath.Join(dir, "churn"), 0o755); err != nil {
				t.Fatal(err)
			}
			s := lab.Kinds[server](t, "tcp", dir)
			_, socket := post(t, s, "-p")
			conn, err := client.Dial("unix", socket)
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			root, err := conn.Attach(nil, "root", "")
			if err != nil {
				t.Fatal(err)
			}
			c := &caller{t: t, root: root, dir: dir, stop: make(chan struct{}), steps: make(map[string]int)}
			c.run(func() { crash(t, s, 8) })
		})
	}
}

// A caller is the three goroutines that use one client.
type caller struct {
	t    *testing.T
	root *client.Fsys
	dir  string // what the server serves
	stop chan struct{}

	mu     sync.Mutex
	steps  map[string]int // how far each has come
	failed bool
	honest int
}

// run has the callers work while faults runs, and until each has gone on after it.
func (c *caller) run(faults func()) {
	var all sync.WaitGroup
	for name, f := range map[string]func() error{"append": c.append, "read": c.read, "churn": c.churn} {
		all.Go(func() {
			if err := f(); err != nil {
				c.mu.Lock()
				c.failed = true
				c.mu.Unlock()
				c.t.Errorf("%s: %v", name, err)
			}
		})
	}
	faults()
	before := c.progress()
	lab.Until(c.t, 2*lab.Patience, "every caller goes on", func() bool {
		now := c.progress()
		return now == nil || now["append"] > before["append"] && now["read"] > before["read"] && now["churn"] > before["churn"]
	})
	close(c.stop)
	lab.Within(c.t, lab.Patience, "the callers end", func() error { all.Wait(); return nil })
	c.t.Logf("steps: %v, honest errors: %d", c.steps, c.honest)
}

// progress returns how far the callers have come, nil when one has failed.
func (c *caller) progress() map[string]int {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.failed {
		return nil
	}
	p := make(map[string]int)
	for k, v := range c.steps {
		p[k] = v
	}
	return p
}

// step notes a step of name and reports whether to go on.
func (c *caller) step(name string) bool {
	c.mu.Lock()
	c.steps[name]++
	c.mu.Unlock()
	select {
	case <-c.stop:
		return false
	default:
		return true
	}
}

func (c *caller) append() error {
	f, err := c.root.Create("log", plan9.OWRITE, 0o644)
	if err != nil {
		return err
	}
	n := int64(0)
	for ; c.step("append"); n++ {
		if _, err := f.WriteAt(load.Line(n), n*load.LineSize); err != nil {
			return fmt.Errorf("write line %d: %w", n, err)
		}
	}
	if err := f.Close(); err != nil {
		return err
	}
	b, err := os.ReadFile(filepath.Join(c.dir, "log"))
	if err != nil {
		return err
	}
	return load.CheckLines(b, n)
}

func (c *caller) read() error {
	want, err := os.ReadFile(filepath.Join(c.dir, "data"))
	if err != nil {
		return err
	}
	f, err := c.root.Open("data", plan9.OREAD)
	if err != nil {
		return err
	}
	for c.step("read") {
		if _, err := f.Seek(0, io.SeekStart); err != nil {
			return err
		}
		got, err := io.ReadAll(f)
		if err != nil {
			return fmt.Errorf("after %d bytes: %w", len(got), err)
		}
		if !bytes.Equal(got, want) {
			return fmt.Errorf("%d bytes read are not the %d of the file", len(got), len(want))
		}
	}
	return f.Close()
}

// churn makes a file, renames it, lists the directory and removes the file, over and over.
func (c *caller) churn() error {
	names := []string(nil) // what must be in the directory
	for n := 0; c.step("churn"); n++ {
		a, b := fmt.Sprintf("a%d", n), fmt.Sprintf("b%d", n)
		f, err := c.root.Create("churn/"+a, plan9.ORDWR, 0o644)
		if err = c.honestly("create", err); err != nil {
			return err
		}
		if f != nil {
			if _, err := f.Write([]byte(a)); err != nil {
				return fmt.Errorf("write %s: %w", a, err)
			}
			if err := f.Close(); err != nil {
				return fmt.Errorf("close %s: %w", a, err)
			}
		}
		var d plan9.Dir
		d.Null()
		d.Name = b
		if c.exists(a) {
			if err := c.honestly("rename", c.root.Wstat("churn/"+a, &d)); err != nil {
				return err
			}
		}
		for _, name := range []string{a, b} {
			if c.exists(name) {
				names = append(names, name)
			}
		}
		if err := c.list(names); err != nil {
			return err
		}
		if len(names) > 5 {
			if err := c.honestly("remove", c.root.Remove("churn/"+names[0])); err != nil {
				return err
			}
			if !c.exists(names[0]) {
				names = names[1:]
			}
		}
	}
	return nil
}

// exists looks on the host: what the server has done counts.
func (c *caller) exists(name string) bool {
	_, err := os.Lstat(filepath.Join(c.dir, "churn", name))
	return err == nil
}

// honestly lets the honest error of an interrupted operation pass.
func (c *caller) honestly(op string, err error) error {
	if err == nil {
		return nil
	}
	if strings.Contains(err.Error(), "operation possibly not completed") {
		c.mu.Lock()
		c.honest++
		c.mu.Unlock()
		return nil
	}
	return fmt.Errorf("%s: %w", op, err)
}

func (c *caller) list(want []string) error {
	f, err := c.root.Open("churn", plan9.OREAD)
	if err != nil {
		return fmt.Errorf("open directory: %w", err)
	}
	defer f.Close()
	dirs, err := f.Dirreadall()
	if err != nil {
		return fmt.Errorf("list: %w", err)
	}
	var got []string
	for _, d := range dirs {
		got = append(got, d.Name)
	}
	slices.Sort(got)
	if sorted := slices.Sorted(slices.Values(want)); !slices.Equal(got, sorted) {
		return fmt.Errorf("list: %q, not %q", got, sorted)
	}
	return nil
}
