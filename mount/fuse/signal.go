package fuse

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"syscall"
)

// ending are the signals that end a call also in a program that handles them.
const ending = 1<<(syscall.SIGHUP-1) | 1<<(syscall.SIGINT-1) | 1<<(syscall.SIGQUIT-1) | 1<<(syscall.SIGTERM-1)

const kill = 1 << (syscall.SIGKILL - 1)

// endsCall reports whether an interrupted call of a thread must be given up. A signal whose default is
// to kill stands as SIGKILL in the pending set of every thread, unless the program handles it.
// Where the thread cannot be looked at, it is.
func endsCall(thread uint32, any bool) bool {
	if any || thread == 0 {
		return true
	}
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", thread))
	if err != nil {
		return true
	}
	pending := sigset(b, "SigPnd") | sigset(b, "ShdPnd")
	pending &^= sigset(b, "SigBlk") | sigset(b, "SigIgn")
	return pending&(kill|ending) != 0
}

// sigset returns a signal set of the text of /proc/pid/status.
func sigset(status []byte, name string) uint64 {
	_, rest, ok := bytes.Cut(status, []byte("\n"+name+":"))
	if !ok {
		return 0
	}
	line, _, _ := bytes.Cut(rest, []byte("\n"))
	set, err := strconv.ParseUint(string(bytes.TrimSpace(line)), 16, 64)
	if err != nil {
		return 0
	}
	return set
}
