package srv_test

import (
	"syscall"
	"testing"

	"github.com/styxkit/styxkit/lib9p/srv"
	"github.com/styxkit/styxkit/lib9p/srv/hostfs"
)

func init() {
	syscall.Umask(0)
	hostTree = func(t testing.TB) srv.Tree {
		tree, err := hostfs.New(t.TempDir(), hostfs.Options{Descriptors: 8})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { tree.Close() })
		return tree
	}
}
