package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/styxkit/styxkit/lib9p"
	"github.com/styxkit/styxkit/tests/internal/lab"
)

// A lock is held again after its server has died, so that another client does not get it, and is given up when its holder says so.
func TestLockIsHeldAgain(t *testing.T) {
	for name, start := range map[string]func(testing.TB, string, string) *lab.Server{"u9fs": lab.U9fs, "diod": lab.Diod} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			must(t, os.WriteFile(filepath.Join(dir, "file"), []byte("x"), 0o666))
			s := start(t, "unix", dir)
			_, socket := post(t, s, "-p")
			holder := opened(t, socket, s.Aname)
			locks(t, holder, lib9p.LockWrite, lib9p.LockSuccess)
			s.Restart()
			lab.Within(t, 2*lab.Patience, "the holder reads on", func() error {
				_, err := holder.Call(&lib9p.Tread{Fid: 1, Count: 1})
				return err
			})
			other := opened(t, socket, s.Aname)
			locks(t, other, lib9p.LockWrite, lib9p.LockBlocked)
			locks(t, holder, lib9p.LockUnlock, lib9p.LockSuccess)
			locks(t, other, lib9p.LockWrite, lib9p.LockSuccess)
		})
	}
}

// lockClient is a session with fid 1 open on the file.
type lockClient interface {
	Call(lib9p.Msg) (lib9p.Msg, error)
}

func opened(t *testing.T, socket, aname string) lockClient {
	t.Helper()
	c := session(t, "unix", socket, lib9p.L)
	must(t, c.Attach(0, aname))
	must(t, c.Walk(0, 1, "file"))
	_, err := c.Call(&lib9p.Tlopen{Fid: 1, Flags: lib9p.LRDWR})
	must(t, err)
	return c
}

// locks asks for the lock of the whole file, or gives it up, and looks at the status.
func locks(t *testing.T, c lockClient, typ, want uint8) {
	t.Helper()
	m := &lib9p.Tlock{Fid: 1, LockType: typ, ProcID: 1, ClientID: fmt.Sprintf("%p", c)}
	lab.Within(t, lab.Patience, "Tlock", func() error {
		r, err := c.Call(m)
		if err == nil && r.(*lib9p.Rlock).Status != want {
			err = fmt.Errorf("the status is %d, not %d", r.(*lib9p.Rlock).Status, want)
		}
		return err
	})
}
