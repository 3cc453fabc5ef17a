// Package guest tests the commands of the tree in a guest: a kernel that has its own 9P client, and an initramfs of
// them and of u-root's commands. The servers are on the host, which kills and starts them again.
package guest

import (
	"flag"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/styxkit/styxkit/tests/internal/lab"
)

var seed = flag.Uint64("seed", 0, "of what the programs do; 0 takes a new one")

// workDir is the tests' own folder.
var workDir string

func TestMain(m *testing.M) {
	flag.Parse()
	os.Exit(run(m))
}

func run(m *testing.M) int {
	if *seed == 0 {
		*seed = uint64(time.Now().UnixNano())
	}
	dir, err := os.MkdirTemp("", "styxguest")
	if err == nil {
		defer os.RemoveAll(dir)
		workDir = dir
		err = lab.Build(dir, nil, []string{"u9fs"}, []string{"srv9pd"})
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "guest:", err)
		return 1
	}
	status := m.Run()
	if booted {
		v, _ := the()
		defer v.off()
		fmt.Printf("guest: Linux %s, booted in %.1fs\n", v.kernel.release, v.booted.Seconds())
		if status != 0 {
			fmt.Fprintf(os.Stderr, "guest: its console says:\n%s", v.messages())
		}
		if *results != "" && status == 0 {
			err = writeResults(v)
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "guest:", err)
		return 1
	}
	return status
}
