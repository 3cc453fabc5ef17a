//go:build linux

package main

import (
	"fmt"
	"path/filepath"
	"slices"
	"syscall"
	"time"

	"github.com/styxkit/styxkit/cmd/internal/source"
	"github.com/styxkit/styxkit/cmd/internal/status"
)

// giveUp ends the process that waits for a server to be mounted, by mount's option bg, where one does that for these arguments.
func giveUp(args []string) (ended bool, err error) {
	for _, s := range pending(args) {
		if err := syscall.Kill(s.Pid, syscall.SIGTERM); err != nil {
			return ended, fmt.Errorf("end process %d, which waits for %s: %w", s.Pid, s.Addr, err)
		}
		if err := gone(s); err != nil {
			return ended, err
		}
		ended = true
	}
	return ended, nil
}

// pending returns the mounts to come at a path, from an address to a path, or from an address.
func pending(args []string) (list []status.Status) {
	all, err := status.List(func(status.Status) bool { return true })
	if err != nil {
		return nil
	}
	last := args[len(args)-1]
	dir, _ := filepath.Abs(last)
	if real, err := filepath.EvalSymlinks(dir); err == nil {
		dir = real
	}
	for _, s := range all {
		there := s.Dir == dir
		if len(args) > 1 {
			there = there && isAddr(s, args[0])
		} else {
			there = there || isAddr(s, last)
		}
		if s.Pending() && there {
			list = append(list, s)
		}
	}
	return list
}

func isAddr(s status.Status, addr string) bool {
	src, err := source.Parse(addr, nil)
	return err == nil && src.String() == s.Addr
}

// gone waits until a process has ended, which is soon.
func gone(s status.Status) error {
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		all, err := status.List(func(status.Status) bool { return true })
		if err != nil {
			return err
		}
		if !slices.ContainsFunc(all, func(t status.Status) bool { return t.Pid == s.Pid && t.State != status.Dead }) {
			return nil
		}
	}
	return fmt.Errorf("process %d, which waits for %s, does not end: kill -9 %d", s.Pid, s.Addr, s.Pid)
}
