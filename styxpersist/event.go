package styxpersist

import (
	"fmt"
	"strings"
	"time"
)

// A tally is what happened from the loss of a connection to the moment when the next one serves as it did.
type tally struct {
	since  time.Time // when the connection was lost; zero before the first loss
	fenced bool      // the old connection cannot execute anything any more: the server ended it
	files  int       // open files brought back
	lost   int       // fids that could not be
	again  int       // requests sent again
	proved int       // requests found to have been done
	unsure int       // requests answered "possibly not completed"
}

// wentAway is the line for people when a connection is lost.
func wentAway(cause error, files, waiting int) string {
	return fmt.Sprintf("server went away (%v)", cause) + list(": ", ", ",
		count(files, "file", "open"), count(waiting, "request", "waiting"))
}

// String is the line for people when the server is back.
func (t *tally) String() string {
	after := time.Since(t.since).Round(time.Millisecond)
	return fmt.Sprintf("server is back after %v", after) + list(": ", ", ",
		count(t.files, "open file", "restored"), count(t.lost, "file", "lost"), count(t.again, "request", "sent again"),
		count(t.proved, "request", "found done"), count(t.unsure, "request", "undecided"))
}

// count says how many, or nothing where there are none.
func count(n int, what, state string) string {
	if n == 0 {
		return ""
	}
	if n > 1 {
		what += "s"
	}
	return fmt.Sprintf("%d %s %s", n, what, state)
}

// list joins what is not empty, and begins with first.
func list(first, sep string, parts ...string) string {
	var some []string
	for _, p := range parts {
		if p != "" {
			some = append(some, p)
		}
	}
	if len(some) == 0 {
		return ""
	}
	return first + strings.Join(some, sep)
}
