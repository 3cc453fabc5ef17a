package styxpersist

import (
	"log/slog"
	"time"
)

// A tally is what happened from the loss of a connection to the moment when the next one serves as it did.
type tally struct {
	since    time.Time // when the connection was lost; zero before the first loss
	fenced   bool      // the old connection cannot execute anything any more
	refused  bool      // the address refused a connection in between
	attempts int       // dials that failed
	files    int       // open files brought back
	lost     int       // fids that could not be
	again    int       // requests sent again
	proved   int       // requests found to have been done
	unsure   int       // requests answered "possibly not completed"
}

// isFenced reports whether what the old connection was sent has either been done or never will be.
func (t *tally) isFenced() bool { return t.fenced || t.refused }

// report says that the server is back.
func (t *tally) report(log *slog.Logger) {
	log.Info("server is back",
		"after", time.Since(t.since).Round(time.Millisecond),
		"files", t.files, "lost", t.lost, "again", t.again, "proved", t.proved, "undecided", t.unsure)
}
