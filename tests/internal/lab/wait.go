package lab

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"
)

// Until waits until cond holds, and fails the test when it does not within d.
func Until(t testing.TB, d time.Duration, what string, cond func() bool) {
	t.Helper()
	for end := time.Now().Add(d); !cond(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("after %v still not true: %s", d, what)
		}
	}
}

// Within runs f, which may hang in the kernel, and fails the test when it fails or takes longer than d.
func Within(t testing.TB, d time.Duration, what string, f func() error) {
	t.Helper()
	done := make(chan error, 1)
	go func() { done <- f() }()
	select {
	case err := <-done:
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
	case <-time.After(d):
		t.Fatalf("%s: not done after %v", what, d)
	}
}

// Wchan returns the function of the kernel that process pid sleeps in, "" where there is none.
func Wchan(pid int) string {
	b, _ := os.ReadFile(fmt.Sprintf("/proc/%d/wchan", pid))
	return strings.Trim(string(b), "\x000")
}

// InFuse waits until process p waits for a FUSE server.
func InFuse(t testing.TB, p *Proc) {
	t.Helper()
	Until(t, Patience, p.Name+" waits for the mount", func() bool {
		if p.Exited() {
			t.Fatalf("%s ended: %v\n%s%s", p.Name, p.Cmd.ProcessState, p.Out(), p.Err())
		}
		return strings.Contains(Wchan(p.Pid()), "request_wait_answer")
	})
}

// CPU returns the processor time that process pid has used.
func CPU(t testing.TB, pid int) time.Duration {
	t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		t.Fatal(err)
	}
	// The name in brackets may hold spaces; utime and stime are the 12th and 13th field behind it.
	f := strings.Fields(string(b[strings.LastIndexByte(string(b), ')')+1:]))
	if len(f) < 13 {
		t.Fatalf("read processor time of %d: %q", pid, b)
	}
	var ticks int64
	for _, s := range f[11:13] {
		n, err := strconv.ParseInt(s, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		ticks += n
	}
	const perSecond = 100 // USER_HZ, which Linux keeps at 100 for everyone
	return time.Duration(ticks) * time.Second / perSecond
}

// RSS returns the resident memory of process pid in bytes.
func RSS(t testing.TB, pid int) int64 {
	t.Helper()
	return procNumber(t, pid, "status", "VmRSS:") << 10
}

// BytesRead returns how many bytes process pid has taken with read calls, from files and sockets.
func BytesRead(t testing.TB, pid int) int64 {
	t.Helper()
	return procNumber(t, pid, "io", "rchar:")
}

func procNumber(t testing.TB, pid int, file, key string) int64 {
	t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/%s", pid, file))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(b)) {
		if f := strings.Fields(line); len(f) > 1 && f[0] == key {
			n, err := strconv.ParseInt(f[1], 10, 64)
			if err != nil {
				t.Fatal(err)
			}
			return n
		}
	}
	t.Fatalf("/proc/%d/%s has no %s", pid, file, key)
	return 0
}

// Descendants returns the ids of the processes that pid has started, and of those that they have.
func Descendants(pid int) (pids []string) {
	tasks, _ := os.ReadDir(fmt.Sprintf("/proc/%d/task", pid))
	for _, task := range tasks {
		b, _ := os.ReadFile(fmt.Sprintf("/proc/%d/task/%s/children", pid, task.Name()))
		for _, child := range strings.Fields(string(b)) {
			pids = append(pids, child)
			if n, err := strconv.Atoi(child); err == nil {
				pids = append(pids, Descendants(n)...)
			}
		}
	}
	return pids
}
