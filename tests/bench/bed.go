package main

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"github.com/styxkit/styxkit/tests/internal/lab"
)

// The file that is read and written, in the directory that is served. It stays in the host's cache.
const (
	dataName = "data"
	fileSize = 64 << 20
)

// A bed is the server and the relays before it.
type bed struct {
	dir, srv string
	procs    []*exec.Cmd
}

// start starts all and returns the ways to the server, in the order of the table.
func (b *bed) start(server string) ([]*way, error) {
	export := filepath.Join(b.dir, "export")
	if err := os.Mkdir(export, 0o755); err != nil {
		return nil, err
	}
	if err := os.WriteFile(filepath.Join(export, dataName), make([]byte, fileSize), 0o644); err != nil {
		return nil, err
	}
	direct, posted, cat := filepath.Join(b.dir, "direct"), filepath.Join(b.dir, "relay"), filepath.Join(b.dir, "socat")
	aname := ""
	cmd := exec.Command(lab.Bin("u9fs"), "-l", "unix!"+direct, export)
	if server == "diod" {
		aname = export
		cmd = exec.Command("/bin/sh", "-c", `trap "" PIPE; PATH=$PATH:/usr/sbin; exec "$@"`, "sh",
			"diod", "-f", "-n", "-N", "-l", direct, "-e", export, "-L", "stderr")
	}
	relay := exec.Command(b.srv, "-f", "-p", "unix!"+direct, "relay")
	relay.Env = append(os.Environ(), "NAMESPACE="+b.dir)
	plain := exec.Command("socat", "-b", "131072", "UNIX-LISTEN:"+cat+",fork", "UNIX-CONNECT:"+direct)

	var ways []*way
	for _, w := range []struct {
		name, socket string
		cmd          *exec.Cmd
	}{{"direct", direct, cmd}, {"srv -p", posted, relay}, {"socat", cat, plain}} {
		if err := b.run(w.cmd); err != nil {
			return nil, err
		}
		conn, err := call(w.socket)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", w.name, err)
		}
		way, err := newWay(w.name, conn, aname)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", w.name, err)
		}
		ways = append(ways, way)
	}
	return ways, nil
}

func (b *bed) run(cmd *exec.Cmd) error {
	cmd.Stderr = os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		return err
	}
	b.procs = append(b.procs, cmd)
	return nil
}

// stop kills what start has started.
func (b *bed) stop() {
	for _, cmd := range b.procs {
		cmd.Stderr = nil
		syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		cmd.Wait()
	}
}

// call waits until somebody listens on socket.
func call(socket string) (net.Conn, error) {
	for end := time.Now().Add(10 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		conn, err := net.Dial("unix", socket)
		if err == nil || time.Now().After(end) {
			return conn, err
		}
	}
}
