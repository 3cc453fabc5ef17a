package dial

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"sync"
)

// An Announcement waits for calls to a dial string.  It is a net.Listener.
type Announcement struct {
	addr Addr // as announced, with the port that was really given
	l    net.Listener

	// Of a Unix socket: its absolute name, and the file to be removed on Close.
	path string
	file os.FileInfo

	close func() error // once
}

// Announce prepares for calls to addr: the host * takes them on every address
// of this machine, port 0 on a free port, and a path on a Unix socket.  A
// socket that a dead server left behind is replaced; a live one, and a file of
// another kind, is left alone and is an error.  The context bounds Announce
// itself and not the Announcement.
func Announce(ctx context.Context, addr string) (*Announcement, error) {
	a, err := Parse(addr, "", "")
	if err != nil {
		return nil, err
	}
	var an *Announcement
	if a.Net == "unix" {
		an, err = announceUnix(ctx, a)
	} else {
		an, err = announceTCP(ctx, a)
	}
	if err != nil {
		return nil, fmt.Errorf("announce %s: %w", a, err)
	}
	an.close = sync.OnceValue(an.hangup)
	return an, nil
}

func announceTCP(ctx context.Context, a Addr) (*Announcement, error) {
	lc := net.ListenConfig{KeepAliveConfig: keepAlive}
	// Multipath TCP costs every connection something and gives 9P nothing.
	lc.SetMultipathTCP(false)
	l, err := lc.Listen(ctx, a.Net, a.hostport())
	if err != nil {
		return nil, cause(err)
	}
	if a.Port == 0 {
		a.Service, a.Port = portOf(l.Addr())
	}
	return &Announcement{addr: a, l: l}, nil
}

func announceUnix(ctx context.Context, a Addr) (*Announcement, error) {
	if err := checkSocketPath(a.Host); err != nil {
		return nil, err
	}
	abs, err := filepath.Abs(a.Host)
	if err != nil {
		return nil, err
	}
	// Held until the socket answers, so that two servers starting at once do
	// not take each other for dead.
	unlock, err := lockFolder(ctx, filepath.Dir(abs))
	if err != nil {
		return nil, err
	}
	defer unlock()
	if err := removeStale(ctx, a.Host); err != nil {
		return nil, err
	}
	l, err := new(net.ListenConfig).Listen(ctx, "unix", a.Host)
	if err != nil {
		return nil, cause(err)
	}
	keepSocket(l) // hangup looks first whose socket it is
	file, err := os.Lstat(abs)
	if err != nil {
		l.Close()
		return nil, err
	}
	return &Announcement{addr: a, l: l, path: abs, file: file}, nil
}

// removeStale removes a socket that nobody listens on any more.
func removeStale(ctx context.Context, path string) error {
	fi, err := os.Lstat(path)
	if os.IsNotExist(err) {
		return nil
	}
	if err != nil {
		return err
	}
	if fi.Mode()&os.ModeSocket == 0 {
		return fmt.Errorf("%s exists and is not a socket: choose another name", path)
	}
	d := net.Dialer{Timeout: dialTimeout}
	conn, err := d.DialContext(ctx, "unix", path)
	if err == nil {
		conn.Close()
		return fmt.Errorf("%s is in use: a server answers there", path)
	}
	if !isRefused(err) {
		return fmt.Errorf("%s exists, and whether it is in use cannot be told: %w", path, cause(err))
	}
	return os.Remove(path)
}

// Listen waits for a call.
func (an *Announcement) Listen() (*Call, error) {
	conn, err := an.l.Accept()
	if err != nil {
		return nil, fmt.Errorf("listen %s: %w", an.addr, cause(err))
	}
	return &Call{conn}, nil
}

// Accept waits for a call and accepts it.
func (an *Announcement) Accept() (net.Conn, error) {
	c, err := an.Listen()
	if err != nil {
		return nil, err
	}
	return c.Accept()
}

// Addr returns the address as package net has it.
func (an *Announcement) Addr() net.Addr { return an.l.Addr() }

// String returns the dial string, with the port that was given for port 0.
func (an *Announcement) String() string { return an.addr.String() }

// Close ends the announcement and removes its Unix socket, unless another one
// has taken its place.  Calls that were accepted go on.
func (an *Announcement) Close() error { return an.close() }

func (an *Announcement) hangup() error {
	if an.file != nil {
		// First, so that nobody finds a socket that no longer answers.
		if fi, err := os.Lstat(an.path); err == nil && os.SameFile(fi, an.file) {
			os.Remove(an.path)
		}
	}
	return an.l.Close()
}

// A Call is a connection that somebody has asked for.  Answer each with Accept
// or Reject.
type Call struct{ conn net.Conn }

// Accept takes the call.
func (c *Call) Accept() (net.Conn, error) { return c.conn, nil }

// Info tells who calls.
func (c *Call) Info() *Info { return NetInfo(c.conn) }

// Reject refuses the call.  The caller sees the line go dead: neither tcp nor
// unix has room for a cause.
func (c *Call) Reject() error {
	if tc, ok := c.conn.(*net.TCPConn); ok {
		tc.SetLinger(0) // a reset, which nobody takes for an orderly end
	}
	return c.conn.Close()
}
