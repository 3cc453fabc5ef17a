package srv_test

import (
	"testing"

	"github.com/styxkit/styxkit/lib9p/srv"
	"github.com/styxkit/styxkit/lib9p/srv/hostfs"
)

func init() {
	hostTree = func(t testing.TB) srv.Tree {
		tree, err := hostfs.New(t.TempDir(), hostfs.Options{Descriptors: 8})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { tree.Close() })
		return tree
	}
}
