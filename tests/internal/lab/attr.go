package lab

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// AttrDir returns a directory whose files can have extended attributes of their user's.
func AttrDir(t testing.TB) string {
	t.Helper()
	for _, base := range []string{os.TempDir(), "/var/tmp", "."} {
		dir, err := os.MkdirTemp(base, "styxattr")
		if err != nil {
			continue
		}
		t.Cleanup(func() { os.RemoveAll(dir) })
		if dir, err = filepath.Abs(dir); err != nil {
			continue
		}
		err = syscall.Setxattr(dir, "user.styx", []byte("x"), 0)
		if err == nil {
			return dir
		}
		if !errors.Is(err, syscall.ENOTSUP) {
			t.Fatal(err)
		}
	}
	t.Fatal("no directory here has user's extended attributes; run it with TMPDIR in one that has")
	return ""
}
