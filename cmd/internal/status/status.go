//go:build linux

// Package status keeps, for each mount that a process of the toolkit serves, a small file that says how it is, where
// others can read it without touching the mount: while the server is away that would wait.
//
// The files are in a folder of the user's own, and each belongs to one process: it is written anew whenever something has
// changed, and taken away at the end. What a process left that was killed is swept by whoever looks next.
package status

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/styxkit/styxkit/mount"
)

// A Status says how a mount is.
type Status struct {
	Pid     int    `json:"pid"`
	Started uint64 `json:"started"` // when the process was, in clock ticks since boot, so that another with its number is known

	Addr    string    `json:"addr"`
	Dir     string    `json:"dir"` // mount point
	Spec    string    `json:"spec,omitempty"`
	Backend string    `json:"backend"` // fuse or v9fs
	Dialect string    `json:"dialect"`
	Persist bool      `json:"persist"`
	Mounted time.Time `json:"mounted"` // zero before

	State string    `json:"state"`
	Since time.Time `json:"since"`           // it is so
	Cause string    `json:"cause,omitempty"` // Away: why there is no connection, the latest known

	Deaths    int64 `json:"deaths"`    // connections lost so far
	Restored  int64 `json:"restored"`  // open files brought back
	Lost      int64 `json:"lost"`      // fids that could not be
	LocksLost int64 `json:"locksLost"` // record locks
	Undecided int64 `json:"undecided"` // requests of which nobody knows whether they were done
}

// IsOn reports whether p is the mount that s is the status of.
func (s Status) IsOn(p mount.Point) bool { return p.Dir == s.Dir && p.Source == s.Addr }

// Pending reports whether the mount is none yet: its process waits for the server.
func (s Status) Pending() bool { return s.State != Dead && s.Mounted.IsZero() }

// The states of a mount.
const (
	Connected = "connected"
	Away      = "away"    // there is no server
	Restoring = "restore" // there is one again, and what was open is being brought back
	Hung      = "hung"    // there is no server, because it did not answer any more
	Dead      = "dead"    // the process that served it is not there: programs get ENOTCONN
)

// A File is the status file of this process.
type File struct {
	path string
	news chan Status // capacity 1: the latest
	done chan struct{}
}

// Create writes s as the file of this process, in the first of the user's folders that can be had.
func Create(s Status) (*File, error) {
	var last error
	for _, dir := range folders() {
		f := &File{path: filepath.Join(dir, strconv.Itoa(os.Getpid())+suffix), news: make(chan Status, 1), done: make(chan struct{})}
		if last = prepare(dir); last == nil {
			last = f.write(s)
		}
		if last == nil {
			go f.keep()
			return f, nil
		}
	}
	return nil, fmt.Errorf("keep a status file: %w", last)
}

const suffix = ".mount"

// Set has s written soon. Only the latest counts, so that many changes at once are few writes. It is called by one
// goroutine at a time, and not after Close.
func (f *File) Set(s Status) {
	select {
	case <-f.news:
	default:
	}
	f.news <- s
}

func (f *File) keep() {
	defer close(f.done)
	for s := range f.news {
		f.write(s) // a mount does not fail because its status cannot be told
	}
}

// write puts s in the place of what was there, as a whole.
func (f *File) write(s Status) error {
	if s.Pid == 0 {
		s.Pid = os.Getpid()
		s.Started, _ = started(s.Pid)
	}
	b, err := json.MarshalIndent(s, "", "\t")
	if err != nil {
		return err
	}
	new := f.path + ".new"
	if err := os.WriteFile(new, append(b, '\n'), 0o600); err != nil {
		return err
	}
	return os.Rename(new, f.path)
}

// Close removes the file.
func (f *File) Close() error {
	close(f.news)
	<-f.done
	return os.Remove(f.path)
}

// List returns the status of each mount of the user's. With that of a process that has died State is Dead; it is listed
// as long as keep reports that its mount is there, and is removed then.
func List(keep func(Status) bool) ([]Status, error) {
	var list []Status
	for _, dir := range folders() {
		if trusted(dir) != nil {
			continue
		}
		names, err := filepath.Glob(filepath.Join(dir, "*"+suffix))
		if err != nil {
			return nil, err
		}
		for _, name := range names {
			s, err := read(name)
			if err != nil {
				continue // it has gone since, or is none
			}
			if at, err := started(s.Pid); err != nil || at != s.Started {
				s.State = Dead
				if !keep(s) {
					os.Remove(name)
					os.Remove(name + ".new")
					continue
				}
			}
			list = append(list, s)
		}
	}
	return list, nil
}

func read(name string) (s Status, err error) {
	b, err := os.ReadFile(name)
	if err != nil {
		return s, err
	}
	if err := json.Unmarshal(b, &s); err != nil {
		return s, fmt.Errorf("%s: %w", name, err)
	}
	return s, nil
}

// started returns when a process was started, in clock ticks since boot.
func started(pid int) (uint64, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, err
	}
	// The name, in parentheses, can hold anything.
	f := strings.Fields(string(b[strings.LastIndexByte(string(b), ')')+1:]))
	const zombie, at = 0, 22 - 3
	if len(f) <= at || f[zombie] == "Z" || f[zombie] == "X" {
		return 0, os.ErrNotExist
	}
	return strconv.ParseUint(f[at], 10, 64)
}
