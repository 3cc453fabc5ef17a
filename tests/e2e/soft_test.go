package e2e

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/styxkit/styxkit/tests/internal/lab"
)

// With -o soft nobody waits longer than that for a server that is away, and all is well when it is back.
func TestSoft(t *testing.T) {
	s := lab.U9fs(t, "tcp", t.TempDir())
	m := lab.MountAt(t, s, "-p", "-o", "soft=2")
	s.Kill()
	began := time.Now()
	for _, least := range []time.Duration{time.Second, 0} { // the second does not wait at all
		p := lab.Start(t, exec.Command("touch", filepath.Join(m.Dir, "file")))
		if p.Wait(lab.Patience).Success() || !strings.Contains(p.Err(), "Input/output error") {
			t.Errorf("touch without a server: %s", p.Err())
		}
		if d := time.Since(began); d < least || d > 5*time.Second {
			t.Errorf("it has waited for %v", d)
		}
		began = time.Now()
	}
	s.Start()
	lab.Until(t, lab.Patience, "the server is back", func() bool { return strings.Contains(m.Err(), "is back") })
	if p := lab.Start(t, exec.Command("touch", filepath.Join(m.Dir, "file"))); !p.Wait(lab.Patience).Success() {
		t.Errorf("touch when the server is back: %s", p.Err())
	}
}
