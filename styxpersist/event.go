package styxpersist

import (
	"fmt"
	"log/slog"
	"strings"
	"time"
)

// An Event is something that has happened to a session: a [Connected], [Lost], [Redial], [Back], [Dead], [Undecided] or
// [LockLost]. What the session logs of these is made of the same events: String is the line for people.
type Event interface {
	String() string
	level() slog.Level
}

// Connected is a connection on which the version is agreed. What was open is not back yet; see [Back].
type Connected struct {
	Generation int    // 1 for the first connection that was tried
	Version    string // the dialect, as in Tversion
	Msize      uint32 // of this connection, in bytes: the session's, or less where the server takes less now
}

// Lost is the death of a connection.
type Lost struct {
	Cause   error
	Open    int // files that were open
	Waiting int // requests that wait for an answer
}

// Redial is an attempt to connect that failed. There will be another.
type Redial struct {
	Attempt int           // 1 for the first since the connection was lost, or since the beginning
	Away    time.Duration // since then
	Err     error

	remind bool // it is time to say it to people
}

// Back says that what was open, and what requests waited for, is there again or given up.
type Back struct {
	Away time.Duration // from the loss of the old connection to the new one
	Took time.Duration // from the new connection to now

	Files     int // open files brought back
	Dead      int // fids given up
	Again     int // requests sent again
	Proved    int // requests found to have been done
	Undecided int // requests of which nobody knows
}

// Dead is a fid that cannot be brought back. It alone is dead, and answers Answer from now on.
type Dead struct {
	Path   string // from the root of the tree that was attached to
	Open   bool
	Cause  error
	Answer error
}

// Undecided is a request that was answered with "operation possibly not completed".
type Undecided struct {
	Request string // Tremove
	Path    string
	Cause   string // why nobody can know
}

// LockLost is a record lock that the server has given to nobody in time, or to somebody else meanwhile. Input and output on
// its fid are refused until the client unlocks.
type LockLost struct {
	Path        string
	First, Last uint64 // bytes, inclusive; to the end where Last is the greatest number there is
	Cause       error
}

func (e Connected) level() slog.Level { return slog.LevelDebug }
func (e Lost) level() slog.Level      { return slog.LevelInfo }
func (e Back) level() slog.Level      { return slog.LevelInfo }
func (e Dead) level() slog.Level      { return slog.LevelWarn }
func (e Undecided) level() slog.Level { return slog.LevelWarn }
func (e LockLost) level() slog.Level  { return slog.LevelWarn }
func (e Redial) level() slog.Level {
	if e.remind {
		return slog.LevelInfo
	}
	return slog.LevelDebug
}

func (e Connected) String() string {
	return fmt.Sprintf("connection %d is in %s, msize %d", e.Generation, e.Version, e.Msize)
}

func (e Lost) String() string {
	return fmt.Sprintf("server went away (%v)", e.Cause) + list(": ", ", ",
		count(e.Open, "file", "open"), count(e.Waiting, "request", "waiting"))
}

func (e Redial) String() string {
	if e.remind {
		return fmt.Sprintf("still waiting for the server after %v: %v", e.Away.Round(time.Second), e.Err)
	}
	return fmt.Sprintf("no connection yet: %v", e.Err)
}

func (e Back) String() string {
	after := (e.Away + e.Took).Round(time.Millisecond)
	return fmt.Sprintf("server is back after %v", after) + list(": ", ", ",
		count(e.Files, "open file", "restored"), count(e.Dead, "file", "lost"), count(e.Again, "request", "sent again"),
		count(e.Proved, "request", "found done"), count(e.Undecided, "request", "undecided"))
}

func (e Dead) String() string {
	what := "file"
	if e.Open {
		what = "open file"
	}
	return fmt.Sprintf("%s %s cannot be brought back: %v; it answers %v", what, e.Path, e.Cause, e.Answer)
}

func (e Undecided) String() string {
	return fmt.Sprintf("%s of %s may or may not have been done: %s", e.Request, e.Path, e.Cause)
}

func (e LockLost) String() string {
	return fmt.Sprintf("lock of %s lost: %v", e.Path, e.Cause)
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
