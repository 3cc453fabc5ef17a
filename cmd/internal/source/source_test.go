package source

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestParse(t *testing.T) {
	ns := t.TempDir()
	t.Setenv("NAMESPACE", ns)
	l, err := net.Listen("unix", filepath.Join(ns, "posted"))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	dir := t.TempDir()
	t.Chdir(dir)
	for _, tt := range []struct{ addr, want, name string }{
		{"tcp!fs.example.org!564", "tcp!fs.example.org!564", "fs.example.org"},
		{"tcp!::1", "tcp!::1!9fs", "::1"},
		{"host", "tcp!host!9fs", "host"},
		{"unix!/tmp/sock", "unix!/tmp/sock", "sock"},
		{"./sock", "unix!" + filepath.Join(dir, "sock"), "sock"},
		{"posted", "unix!" + filepath.Join(ns, "posted"), "posted"},
		{"{u9fs .}", "{u9fs .}", "u9fs"},
		{"{ ssh -C host u9fs 'a b' }", "{ssh -C host u9fs 'a b'}", "ssh"},
		{"{/usr/bin/u9fs}", "{/usr/bin/u9fs}", "u9fs"},
	} {
		s, err := Parse(tt.addr, nil)
		if err != nil {
			t.Errorf("%s: %v", tt.addr, err)
			continue
		}
		if s.String() != tt.want || s.Name() != tt.name || s.IsCommand() != (tt.addr[0] == '{') {
			t.Errorf("%s is %s, called %s", tt.addr, s, s.Name())
		}
	}
	for _, addr := range []string{"", "tcp!", "a!b!c!d", "{}", "{u9fs .", "{ }", "il!host!9fs"} {
		if s, err := Parse(addr, nil); err == nil {
			t.Errorf("%q is taken for %s", addr, s)
		}
	}
}

// A command's output and input are the connection, and its end ends it.
func TestCommand(t *testing.T) {
	s, err := Parse("{read line; echo got $line; echo done}", os.Stderr)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := s.Dial(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(conn, "this\n"); err != nil {
		t.Fatal(err)
	}
	said, err := io.ReadAll(conn)
	if string(said) != "got this\ndone\n" || err != nil {
		t.Errorf("it says %q, %v", said, err)
	}
	conn.Close()
	s.Wait()
}

// A command that does not mind being hung up on is ended, with all that it has started.
func TestCommandEnded(t *testing.T) {
	s, err := Parse("{echo $$; trap '' HUP; sleep 1000 & sleep 1000}", os.Stderr)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := s.Dial(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(conn).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(line))
	if err != nil {
		t.Fatal(err)
	}
	if self, _ := syscall.Getpgid(0); pid == self {
		t.Error("the command is of our own process group")
	}
	conn.Close()
	s.Wait()
	// Of the group there may be left only what nobody has waited for yet, and what is about to die.
	deadline := time.Now().Add(10 * time.Second)
	for _, p := range group(t, pid) {
		for state := stateOf(p); state != "Z" && state != ""; state = stateOf(p) {
			if time.Now().After(deadline) {
				t.Fatalf("process %s of the group is in state %s", p, state)
			}
			time.Sleep(time.Millisecond)
		}
	}
}

// group returns the processes of a process group.
func group(t *testing.T, pgid int) (list []string) {
	t.Helper()
	names, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		if pid, err := strconv.Atoi(filepath.Base(name)); err == nil {
			if g, err := syscall.Getpgid(pid); err == nil && g == pgid {
				list = append(list, strconv.Itoa(pid))
			}
		}
	}
	return list
}

// stateOf returns the letter of a process's state, empty when it is gone.
func stateOf(pid string) string {
	b, err := os.ReadFile("/proc/" + pid + "/stat")
	if err != nil {
		return ""
	}
	_, rest, _ := strings.Cut(string(b), ") ")
	return rest[:min(1, len(rest))]
}

func TestNoCommand(t *testing.T) {
	s, err := Parse("{exit 3}", os.Stderr)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := s.Dial(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if n, err := conn.Read(make([]byte, 1)); n != 0 || !errors.Is(err, io.EOF) {
		t.Errorf("%d bytes, %v", n, err)
	}
}
