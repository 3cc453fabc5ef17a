package styxpersist

import (
	"errors"
	"time"
)

// try does what the session has to find out or to do for itself: a few times while it fails, with pauses that grow, and for as long as
// what stands against it will pass. The pauses are the n-th of many that begin at the same time, see spread. It returns how
// do failed in the end, and false where srv has died before that.
func (srv *server) try(n uint64, do func() error) (failed error, ok bool) {
	pauses := backoff{least: 50 * time.Millisecond, most: time.Second, rand: spread(n)}
	for tries := 0; tries < 4; {
		if sleep(srv.ctx, pauses.pause()) != nil {
			return nil, false
		}
		failed = do()
		switch {
		case failed == nil:
			return nil, true
		case srv.ctx.Err() != nil || errors.Is(failed, errGone):
			return nil, false
		}
		if !passing(failed) && failed != errNameBusy { // as a fid on its way back waits for it to pass
			tries++
		}
	}
	return failed, true
}
