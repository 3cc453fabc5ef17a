package lab

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// A Server is a 9P server over a host directory that can be killed and started again on its address.
type Server struct {
	Name  string
	Addr  string // its dial string
	Dir   string // the directory that it serves
	Aname string // what to attach to, "" for the root

	t                testing.TB
	network, address string // as package net has them
	command          func() *exec.Cmd
	proc             *Proc
}

// Kinds are the servers that the tests run against, by name.
var Kinds = map[string]func(t testing.TB, network, dir string) *Server{
	"u9fs":   U9fs,
	"diod":   Diod,
	"srv9pd": Srv9pd,
}

// U9fs starts the tree's own server for dir, on network tcp or unix.
func U9fs(t testing.TB, network, dir string) *Server {
	t.Helper()
	return U9fsAs(t, exec.Command, network, dir)
}

// U9fsAs is U9fs with a function of one's own that makes the command, for instance another user's.
func U9fsAs(t testing.TB, as func(name string, args ...string) *exec.Cmd, network, dir string) *Server {
	t.Helper()
	s := newServer(t, "u9fs", network, dir)
	s.command = func() *exec.Cmd { return as(Bin("u9fs"), "-l", s.Addr, dir) }
	s.Start()
	return s
}

// Diod starts diod, which speaks 9P2000.L.
func Diod(t testing.TB, network, dir string) *Server {
	t.Helper()
	s := newServer(t, "diod", network, dir)
	s.Aname = dir
	s.command = func() *exec.Cmd {
		// A client that goes away suddenly kills diod where SIGPIPE is not ignored.
		const script = `trap "" PIPE; exec "$@"`
		return exec.Command("/bin/sh", "-c", script, "sh", tool("diod"), "-f", "-n", "-N", "-l", s.address, "-e", dir, "-L", "stderr")
	}
	s.Start()
	return s
}

// Srv9pd starts tests/cmd/srv9pd, a server made with 9fans.net/go's srv9p, which speaks 9P2000.
func Srv9pd(t testing.TB, network, dir string) *Server {
	t.Helper()
	return Srv9pdWith(t, network, dir, func() []string { return nil })
}

// Srv9pdWith is Srv9pd with flags, which it asks for at each start.
func Srv9pdWith(t testing.TB, network, dir string, flags func() []string) *Server {
	t.Helper()
	s := newServer(t, "srv9pd", network, dir)
	s.command = func() *exec.Cmd { return exec.Command(Bin("srv9pd"), append(flags(), network, s.address, dir)...) }
	s.Start()
	return s
}

func newServer(t testing.TB, name, network, dir string) *Server {
	t.Helper()
	s := &Server{Name: name, Dir: dir, t: t, network: network}
	switch network {
	case "tcp":
		port := freePort(t)
		s.address = net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
		s.Addr = fmt.Sprintf("tcp!127.0.0.1!%d", port)
	case "unix":
		s.address = filepath.Join(SocketDir(t), name)
		s.Addr = "unix!" + s.address
	default:
		t.Fatalf("serve on network %q: not tcp or unix", network)
	}
	return s
}

// Start starts the server and waits until it takes calls.
func (s *Server) Start() {
	s.t.Helper()
	s.proc = Start(s.t, s.command())
	Until(s.t, Patience, s.Name+" takes calls", func() bool {
		if s.proc.Exited() {
			s.t.Fatalf("%s ended: %v\n%s", s.Name, s.proc.Cmd.ProcessState, s.proc.Err())
		}
		c, err := net.Dial(s.network, s.address)
		if err == nil {
			c.Close()
		}
		return err == nil
	})
}

// Kill kills the server with SIGKILL, as a crash does.
func (s *Server) Kill() {
	s.t.Helper()
	if s.proc.Exited() {
		s.t.Fatalf("%s ended before it was killed: %v\n%s", s.Name, s.proc.Cmd.ProcessState, s.proc.Err())
	}
	s.proc.Kill()
}

// Restart kills the server and starts it again at once.
func (s *Server) Restart() {
	s.t.Helper()
	s.Kill()
	s.Start()
}

// KillEvery restarts the server again and again, after each time d, until stop is called, which waits for the last time.
func (s *Server) KillEvery(d time.Duration) (kills *atomic.Int32, stop func()) {
	kills = new(atomic.Int32)
	var killer sync.WaitGroup
	end := make(chan struct{})
	killer.Go(func() {
		for {
			select {
			case <-end:
				return
			case <-time.After(d):
				s.Restart()
				kills.Add(1)
			}
		}
	})
	return kills, func() {
		close(end)
		killer.Wait()
	}
}

// Dial calls the server as package net does.
func (s *Server) Dial() (net.Conn, error) { return net.Dial(s.network, s.address) }

// Proc returns the running process.
func (s *Server) Proc() *Proc { return s.proc }

// SocketDir returns a directory whose name is short enough for Unix sockets.
func SocketDir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "styx")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

var ports struct {
	sync.Mutex
	last int
}

// freePort returns a port that nobody listens on. It lies below the range from which the kernel
// picks: a call to a server that is away could otherwise be given that very port and reach itself.
func freePort(t testing.TB) int {
	t.Helper()
	const first, end = 20000, 30000
	ports.Lock()
	defer ports.Unlock()
	if ports.last == 0 {
		ports.last = first + os.Getpid()%(end-first)
	}
	for range end - first {
		if ports.last++; ports.last >= end {
			ports.last = first
		}
		l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(ports.last)))
		if err == nil {
			l.Close()
			return ports.last
		}
	}
	t.Fatal("find a free port: there is none")
	return 0
}

// tool finds a program of the system that may lie outside an ordinary user's PATH.
func tool(name string) string {
	for _, dir := range strings.Split(os.Getenv("PATH")+":/usr/sbin:/sbin", ":") {
		file := filepath.Join(dir, name)
		if st, err := os.Stat(file); err == nil && st.Mode()&0o111 != 0 {
			return file
		}
	}
	return name
}

// NetAddress returns the address as package net has it.
func (s *Server) NetAddress() string { return s.address }
