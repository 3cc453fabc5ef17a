//go:build !plan9

package dial

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
)

// leaveSocket makes a socket as a killed server leaves it.
func leaveSocket(t *testing.T, path string) {
	t.Helper()
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	l.SetUnlinkOnClose(false)
	l.Close()
}

func TestAnnounceEverywhere(t *testing.T) {
	an := announce(t, "tcp!*!0")
	a, err := Parse(an.String(), "", "")
	if err != nil || a.Host != "*" || a.Port == 0 {
		t.Fatalf("announced %+v, %v", a, err)
	}
	conn, err := Dial(t.Context(), "tcp!127.0.0.1!"+a.Service)
	if err != nil {
		t.Fatal(err)
	}
	conn.Close()
}

func TestAnnounceReplacesDeadSocket(t *testing.T) {
	path := t.TempDir() + "/s"
	leaveSocket(t, path)
	an := announce(t, path)
	pair(t, an)
	if err := an.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Lstat(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("after Close: %v, want the socket gone", err)
	}
	if err := an.Close(); err != nil {
		t.Errorf("second Close: %v", err)
	}
	if _, err := an.Accept(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("Accept: %v, want %v", err, net.ErrClosed)
	}
}

func TestAnnounceLeavesOthersAlone(t *testing.T) {
	dir := t.TempDir()
	live := announce(t, dir+"/live")
	if err := os.WriteFile(dir+"/file", []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	leaveSocket(t, dir+"/dead")
	if err := os.Symlink("dead", dir+"/link"); err != nil {
		t.Fatal(err)
	}
	dgram, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: dir + "/dgram", Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer dgram.Close()
	for _, tt := range []struct{ name, text string }{
		{"live", "a server answers there"},
		{"file", "is not a socket"},
		{"link", "is not a socket"},
		{"dgram", "cannot be told"},
		{"none/s", "no such file"},
		{strings.Repeat("x", 200), "bytes and a socket's can have"},
	} {
		before, _ := os.Lstat(dir + "/" + tt.name)
		an, err := Announce(t.Context(), dir+"/"+tt.name)
		if err == nil {
			an.Close()
			t.Errorf("%s: announced", tt.name)
			continue
		}
		if !strings.Contains(err.Error(), tt.text) {
			t.Errorf("%s: %v, want %s", tt.name, err, tt.text)
		}
		after, _ := os.Lstat(dir + "/" + tt.name)
		if before != nil && (after == nil || !os.SameFile(before, after)) {
			t.Errorf("%s: is another file now", tt.name)
		}
	}
	// The live one was called to find out; that call comes first.
	if _, err := live.Accept(); err != nil {
		t.Fatal(err)
	}
	pair(t, live)
}

func TestCloseLeavesSuccessorsSocket(t *testing.T) {
	path := t.TempDir() + "/s"
	first := announce(t, path)
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	second := announce(t, path)
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	pair(t, second)
}

// Of many servers that find a dead one's socket at the same time, one gets it.
func TestAnnounceRace(t *testing.T) {
	path := t.TempDir() + "/s"
	for range 20 {
		leaveSocket(t, path)
		var won []*Announcement
		var mu sync.Mutex
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				if an, err := Announce(t.Context(), path); err == nil {
					mu.Lock()
					won = append(won, an)
					mu.Unlock()
				} else if !strings.Contains(err.Error(), "a server answers there") {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if len(won) != 1 {
			t.Fatalf("%d servers have one socket", len(won))
		}
		won[0].Close()
	}
}

func TestAnnounceWaitsForLock(t *testing.T) {
	dir := t.TempDir()
	unlock, err := lockFolder(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Announce(ctx, dir+"/s"); err == nil || !strings.Contains(err.Error(), "holds the lock") {
		t.Errorf("Announce: %v, want a complaint about the lock", err)
	}
	unlock()
	announce(t, dir+"/s")
}

func TestAnnounceTaken(t *testing.T) {
	an := announce(t, "tcp!127.0.0.1!0")
	if _, err := Announce(t.Context(), an.String()); !errors.Is(err, syscall.EADDRINUSE) {
		t.Errorf("Announce: %v, want %v", err, syscall.EADDRINUSE)
	}
}

func TestReject(t *testing.T) {
	for _, addr := range []string{"tcp!127.0.0.1!0", t.TempDir() + "/s"} {
		an := announce(t, addr)
		conn, err := Dial(t.Context(), an.String())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		call, err := an.Listen()
		if err != nil {
			t.Fatal(err)
		}
		if got, want := call.Info().Raddr, NetInfo(conn).Laddr; got != want {
			t.Errorf("%s: called by %q, want %q", addr, got, want)
		}
		if err := call.Reject(); err != nil {
			t.Error(err)
		}
		if n, err := conn.Read(make([]byte, 1)); n != 0 || err != io.EOF && !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("%s: read %d, %v after the rejection", addr, n, err)
		}
	}
}
