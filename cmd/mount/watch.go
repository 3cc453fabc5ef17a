//go:build linux

package main

import (
	"errors"
	"os"
	"sync"
	"syscall"
	"time"

	"github.com/styxkit/styxkit/cmd/internal/status"
	"github.com/styxkit/styxkit/styxpersist"
)

// A watch sees what becomes of the connection and keeps the mount's status file.
type watch struct {
	counters styxpersist.Counters

	mu   sync.Mutex
	back func() // called in a goroutine of its own when a connection is back; nil until there is need
	now  status.Status
	file *status.File // nil until the mount is there, and where none can be had
}

// begin tells, when the mount is there.
func (w *watch) begin(j *job, backend, dialect string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.now.Backend, w.now.Dialect = backend, dialect
	w.now.Mounted = time.Now()
	if w.now.State == "" {
		w.turn(status.Connected)
	}
	w.tell(j)
}

// await tells of a server that is away since before it could be mounted.
func (w *watch) await(j *job, cause string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.now.State, w.now.Since, w.now.Cause = status.Away, j.later.begin, cause
	w.tell(j)
}

// tell writes the file, and makes it where there is none.
func (w *watch) tell(j *job) {
	w.now.Addr, w.now.Dir, w.now.Spec, w.now.Persist = j.src.String(), j.dir, j.spec, j.persist
	if w.file != nil {
		w.file.Set(w.now)
		return
	}
	file, err := status.Create(w.now)
	if err != nil {
		j.log.Debug("mount(1) does not list this mount's state", "err", err)
		return
	}
	w.file = file
}

// observe is styxpersist's Observer.
func (w *watch) observe(e styxpersist.Event) {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch e := e.(type) {
	case styxpersist.Connected:
		w.turn(status.Restoring)
		if e.Generation == 1 {
			w.turn(status.Connected)
		}
	case styxpersist.Back:
		w.turn(status.Connected)
		if w.back != nil {
			go w.back()
		}
	case styxpersist.Lost:
		w.turn(status.Away)
		if fellSilent(e.Cause) {
			w.turn(status.Hung)
		}
		w.now.Cause = e.Cause.Error()
	case styxpersist.Redial:
		w.now.Cause = e.Err.Error()
	}
	c := &w.counters
	w.now.Deaths, w.now.Restored, w.now.Lost = c.Deaths.Load(), c.Restored.Load(), c.Dead.Load()
	w.now.LocksLost, w.now.Undecided = c.LocksLost.Load(), c.Undecided.Load()
	if w.file != nil {
		w.file.Set(w.now)
	}
}

// onBack has f called whenever a connection is back.
func (w *watch) onBack(f func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.back = f
}

// turn begins a state.
func (w *watch) turn(state string) {
	w.now.State, w.now.Since, w.now.Cause = state, time.Now(), ""
}

// fellSilent reports whether a connection was given up because nothing came from it, so that its server may still be there.
func fellSilent(err error) bool {
	return errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(err, syscall.ETIMEDOUT)
}

// close ends the watch.
func (w *watch) close() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.file != nil {
		w.file.Close()
		w.file = nil
	}
}
