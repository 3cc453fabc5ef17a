package srv_test

import (
	"testing"

	"github.com/styxkit/styxkit/lib9p/srv"
	"github.com/styxkit/styxkit/lib9p/srv/memfs"
)

// hostTree makes a tree on a directory of the host, where there are such.
var hostTree func(t testing.TB) srv.Tree

func memTree() srv.Tree { return memfs.New(memfs.Options{}) }

// onTrees runs a test on a tree of each kind.
func onTrees(t *testing.T, f func(t *testing.T, tree srv.Tree)) {
	t.Run("memfs", func(t *testing.T) { f(t, memTree()) })
	if hostTree != nil {
		t.Run("hostfs", func(t *testing.T) { f(t, hostTree(t)) })
	}
}
