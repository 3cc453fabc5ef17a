// Guestd is the first program in the guest that tests/guest boots: it loads what
// the guest needs to talk, and does what the host asks for.
package main

import (
	"fmt"
	"os"

	"github.com/styxkit/styxkit/tests/internal/guest"
)

func main() {
	if err := guest.Serve(); err != nil {
		fmt.Fprintln(os.Stderr, "guestd:", err)
		os.Exit(1)
	}
}
