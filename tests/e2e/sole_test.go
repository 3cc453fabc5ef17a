package e2e

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/styxkit/styxkit/lib9p"
	"github.com/styxkit/styxkit/tests/fault"
	"github.com/styxkit/styxkit/tests/internal/lab"
)

// With -o sole a program is told that it has made what it has made, also where the answer was lost: whatever the kernel
// and the mount keep of names, styxpersist always knows that the name was free.
func TestSole(t *testing.T) {
	for _, dialect := range []string{"9P2000", "9P2000.u", "9P2000.L"} {
		for _, cache := range []string{"none", "open", "loose"} {
			t.Run(dialect+"/"+cache, func(t *testing.T) {
				t.Parallel()
				m, proxy := throughProxy(t, "dialect="+dialect+",cache="+cache+",sole")
				mkdir, create := uint8(lib9p.TypeTmkdir), uint8(lib9p.TypeTlcreate)
				if dialect != "9P2000.L" {
					mkdir, create = lib9p.TypeTcreate, lib9p.TypeTcreate
				}
				for name, before := range free {
					if err := before(filepath.Join(m.Dir, name)); err != nil {
						t.Fatalf("%s: %v", name, err)
					}
					lose(t, m, proxy, mkdir, func() error { return os.Mkdir(filepath.Join(m.Dir, name), 0o755) })
					must(t, before(filepath.Join(m.Dir, name, "file")))
					lose(t, m, proxy, create, func() error { return write(filepath.Join(m.Dir, name, "file"), name, 0o444) })
					b, err := os.ReadFile(filepath.Join(m.Dir, name, "file"))
					if err != nil || string(b) != name {
						t.Errorf("%s: %q, %v", name, b, err)
					}
				}
				if said := m.Err(); strings.Contains(said, "may or may not") {
					t.Errorf("undecided: %s", said)
				}
			})
		}
	}
}

// free are ways in which a name has come to be free.
var free = map[string]func(path string) error{
	"new": func(string) error { return nil },
	"looked": func(path string) error {
		for range 2 {
			if _, err := os.Lstat(path); !errors.Is(err, os.ErrNotExist) {
				return errors.New("it is there")
			}
		}
		return nil
	},
	"removed": func(path string) error {
		return errors.Join(os.Mkdir(path, 0o755), os.Remove(path), write(path, "x", 0o644), os.Remove(path))
	},
	"renamed": func(path string) error {
		return errors.Join(write(path, "x", 0o644), os.Rename(path, path+"2"))
	},
}

func write(path, text string, mode os.FileMode) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	return errors.Join(err, f.Close())
}

// throughProxy mounts a new tree through a proxy.
func throughProxy(t *testing.T, options string) (*lab.Mount, *fault.Proxy) {
	t.Helper()
	s := lab.U9fs(t, "unix", t.TempDir())
	proxy, err := fault.New("tcp", "127.0.0.1:0", s.Dial)
	must(t, err)
	t.Cleanup(func() { proxy.Close() })
	host, port, _ := strings.Cut(proxy.Addr().String(), ":")
	return lab.MountAt(t, &lab.Server{Addr: "tcp!" + host + "!" + port}, "-p", "-t", "fuse", "-o", options), proxy
}

// lose has do done, and the connection lost in place of the answer to a message of type typ.
func lose(t *testing.T, m *lab.Mount, proxy *fault.Proxy, typ uint8, do func() error) {
	t.Helper()
	armed := proxy.Arm(fault.Fault{Type: typ, At: fault.Reply})
	if err := do(); err != nil {
		t.Errorf("with its answer lost: %v\n%s", err, m.Err())
	}
	select {
	case <-armed.Hit():
	default:
		t.Errorf("%s was not sent", lib9p.TypeName(typ))
	}
}
