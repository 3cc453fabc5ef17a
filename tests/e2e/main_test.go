// Package e2e tests the commands of the tree as they are used: real processes, real
// sockets, real mounts, and servers that are killed.
package e2e

import (
	"flag"
	"os"
	"testing"
	"time"

	"github.com/styxkit/styxkit/tests/internal/lab"
)

var seed = flag.Uint64("seed", 0, "of the faults and of what the programs do; 0 takes a new one")

func TestMain(m *testing.M) {
	flag.Parse()
	os.Exit(run(m))
}

func run(m *testing.M) int {
	if *seed == 0 {
		*seed = uint64(time.Now().UnixNano())
	}
	// By default a program built with -race waits a second before it exits.
	os.Setenv("GORACE", "atexit_sleep_ms=10")
	return lab.Main(m, []string{"-race"}, []string{"mount", "unmount", "srv", "u9fs", "ramfs"}, []string{"load", "srv9pd"})
}
