//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/styxkit/styxkit/cmd/internal/status"
)

// unreachable is the error of a call that did not come through.
type unreachable struct{ error }

func (u unreachable) Unwrap() error { return u.error }

// unproved is the error of a mount whose user could not be proved to the server, which has not refused him.
type unproved struct{ err error }

func (u unproved) Error() string { return "authentication failed: " + u.err.Error() }
func (u unproved) Unwrap() error { return u.err }

const (
	// bootPatience is how long whoever mounts with -o bg waits for a server that neither answers nor refuses.
	bootPatience = 5 * time.Second
	// The pauses between two calls are those of styxpersist.
	callLeast = 250 * time.Millisecond
	callMost  = 8 * time.Second
)

// A later is how long a mount with -o bg is in coming.
type later struct {
	begin    time.Time
	patience *time.Timer
	waits    atomic.Bool // for longer than whoever has started it
}

// untilThere mounts as soon as the server is there, and lets the one who has started it go on meanwhile. An error that the server
// itself gives, or the host, is the end.
func (j *job) untilThere(ctx context.Context, backend string) error {
	if pid, ok := j.awaited(); ok {
		j.log.Info(fmt.Sprintf("process %d waits for the server already", pid), "dir", j.dir)
		j.report.Ready()
		return nil
	}
	j.later.begin = time.Now()
	j.later.patience = time.AfterFunc(bootPatience, func() { j.later.goOn(j, "server is away, and is mounted when it is there: it does not answer") })
	defer j.later.patience.Stop()
	j.watch.await(j, "")
	for pause := callLeast; ; pause = min(2*pause, callMost) {
		err := j.once(ctx, backend)
		mounted := j.link != nil && j.link.up.Load()
		if ctx.Err() != nil && !mounted {
			return nil
		}
		_, away := errors.AsType[unreachable](err)
		_, mute := errors.AsType[unproved](err)
		if !away && !mute && !errors.Is(err, errNoAnswer) {
			return err
		}
		j.watch.await(j, err.Error())
		if mute {
			j.later.goOn(j, "server is mounted when it can be shown who attaches: "+err.Error())
		} else {
			j.later.goOn(j, "server is away, and is mounted when it is there: "+err.Error())
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(pause):
		}
	}
}

// goOn says, once, that the server is away, and ends the wait of who has started the mount.
func (l *later) goOn(j *job, why string) {
	if !l.waits.Swap(true) {
		j.log.Warn(why)
		j.report.Ready()
	}
}

// end says that it is mounted, if something else was said before.
func (l *later) end(j *job) {
	if l.patience != nil {
		l.patience.Stop()
	}
	if l.waits.Load() {
		j.log.Info(fmt.Sprintf("server is there: mounted on %s after %v", j.dir, time.Since(l.begin).Round(time.Millisecond)))
	}
}

// awaited returns the process that waits for the same server to be mounted on the same directory, if there is one.
func (j *job) awaited() (pid int, ok bool) {
	list, err := status.List(func(status.Status) bool { return true })
	for _, s := range list {
		if err == nil && s.Pending() && s.Dir == j.dir && s.Addr == j.src.String() {
			return s.Pid, true
		}
	}
	return 0, false
}
