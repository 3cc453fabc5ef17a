// Package source finds the 9P server that a command's addr argument names: a
// dial string, the path of a Unix socket, a name posted in the name space folder, or
// {command args}, whose standard input and output speak 9P.
package source

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/user"
	"path/filepath"
	"strings"
	"sync"

	"9fans.net/go/plan9/client"

	"github.com/styxkit/styxkit/dial"
)

// A Source can be connected to any number of times.
type Source struct {
	addr    string // the dial string; empty for a command
	command string
	stderr  *os.File
	running sync.WaitGroup // commands that were hung up on
}

// Parse takes an addr argument. A command writes its errors to stderr.
func Parse(addr string, stderr *os.File) (*Source, error) {
	if command, ok := strings.CutPrefix(addr, "{"); ok {
		command, ok = strings.CutSuffix(command, "}")
		if command = strings.TrimSpace(command); !ok || command == "" {
			return nil, fmt.Errorf("%s: a command stands between { and }, in one argument: '{u9fs .}'", addr)
		}
		return &Source{command: command, stderr: stderr}, nil
	}
	if path, ok := posted(addr); ok {
		return &Source{addr: "unix!" + path}, nil
	}
	a, err := dial.Parse(addr, "", "9fs")
	if err != nil {
		return nil, err
	}
	if a.Net == "unix" {
		// Whoever dials again later may be in another folder.
		if a.Host, err = filepath.Abs(a.Host); err != nil {
			return nil, err
		}
	}
	return &Source{addr: a.String()}, nil
}

// posted returns the path of the socket that is posted under a name.
func posted(name string) (path string, ok bool) {
	if name == "" || strings.ContainsAny(name, "!/") {
		return "", false
	}
	path = filepath.Join(Namespace(), name)
	fi, err := os.Stat(path)
	return path, err == nil && fi.Mode()&os.ModeSocket != 0
}

// Namespace returns the folder in which services are posted: $NAMESPACE, or one of the user and display.
func Namespace() string { return client.Namespace() }

// String returns what people call the source.
func (s *Source) String() string {
	if s.command != "" {
		return "{" + s.command + "}"
	}
	return s.addr
}

// IsCommand reports whether connecting runs a command, in the folder that the process is in.
func (s *Source) IsCommand() bool { return s.command != "" }

// Name is what to call a service that is got from the source: the host, the socket, or the command.
func (s *Source) Name() string {
	if s.command != "" {
		return filepath.Base(strings.Fields(s.command)[0])
	}
	a, err := dial.Parse(s.addr, "", "")
	if err != nil {
		return s.addr
	}
	return filepath.Base(a.Host)
}

// Dial connects. The error says what was tried.
func (s *Source) Dial(ctx context.Context) (io.ReadWriteCloser, error) {
	if s.command != "" {
		return s.run()
	}
	return dial.Dial(ctx, s.addr)
}

// Wait waits until the commands whose connections were closed have ended; it takes a few seconds at most.
func (s *Source) Wait() { s.running.Wait() }

// User is whom the mounter is to the server.
func User() (name string, uid uint32, err error) {
	uid = uint32(os.Getuid())
	u, err := user.Current()
	if err == nil {
		return u.Username, uid, nil
	}
	if name := os.Getenv("USER"); name != "" {
		return name, uid, nil
	}
	return "", uid, errors.New("the user has no name: set USER")
}
