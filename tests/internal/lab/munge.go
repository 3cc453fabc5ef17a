package lab

import (
	"crypto/rand"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// Munge is a munged of the test's own, which makes and judges credentials.
type Munge struct {
	t   testing.TB
	dir string
	key string

	proc *Proc
}

// NewMunge starts a munged with its socket in a directory of its own, and the key of another if that is not nil. It needs root.
func NewMunge(t testing.TB, like *Munge) *Munge {
	t.Helper()
	m := &Munge{t: t, dir: SocketDir(t)}
	if err := os.Chmod(m.dir, 0o755); err != nil { // or munged says that nobody could reach it
		t.Fatal(err)
	}
	if like != nil {
		m.key = like.key
	} else {
		m.key = filepath.Join(m.dir, "key")
		key := make([]byte, 128)
		rand.Read(key)
		if err := os.WriteFile(m.key, key, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	m.Start()
	return m
}

// Start starts munged and waits until it makes credentials.
func (m *Munge) Start() {
	m.t.Helper()
	file := func(name string) string { return filepath.Join(m.dir, name) }
	os.Remove(m.socket() + ".lock") // which one that was killed has left
	m.proc = Start(m.t, exec.Command(tool("munged"), "-F", "--socket", m.socket(), "--key-file", m.key,
		"--pid-file", file("pid"), "--seed-file", file("seed"), "--log-file", file("log")))
	Until(m.t, Patience, "munged makes credentials", func() bool {
		if m.proc.Exited() {
			m.t.Fatalf("munged ended: %v\n%s", m.proc.Cmd.ProcessState, m.proc.Err())
		}
		return exec.Command(tool("munge"), "-n", "-S", m.socket()).Run() == nil
	})
}

// Kill kills it.
func (m *Munge) Kill() {
	m.t.Helper()
	m.proc.Kill()
}

// Command is what makes a credential, for the shell.
func (m *Munge) Command() string { return tool("munge") + " -n -S " + m.socket() }

func (m *Munge) socket() string { return filepath.Join(m.dir, "munge.socket.2") }

// DiodWith is Diod with flags, which it asks for at each start, in place of -n, and with m where it looks for munged.
func DiodWith(t testing.TB, network, dir string, m *Munge, flags func() []string) *Server {
	t.Helper()
	s := newServer(t, "diod", network, dir)
	s.Aname = dir
	s.command = func() *exec.Cmd {
		// Its munged is in /run, so it has a name space of its own with a /run of its own.
		const script = `mount -t tmpfs none /run && ln -s "$1" /run/munge && shift && trap "" PIPE && exec "$@"`
		args := []string{"-m", "/bin/sh", "-c", script, "sh", m.dir, tool("diod"), "-f", "-N", "-l", s.address, "-e", dir, "-L", "stderr"}
		return exec.Command("unshare", append(args, flags()...)...)
	}
	s.Start()
	return s
}
