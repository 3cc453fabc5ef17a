package dial

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"time"
)

const (
	dialTimeout = 10 * time.Second
	userTimeout = 30 * time.Second
)

// keepAlive finds a dead peer on an idle connection in 25 seconds.
var keepAlive = net.KeepAliveConfig{
	Enable:   true,
	Idle:     10 * time.Second,
	Interval: 5 * time.Second,
	Count:    3,
}

// A Dialer makes connections.  The zero Dialer is the one that Dial uses.  It
// holds no state, so that any number of goroutines can use it.
type Dialer struct {
	// Timeout bounds one call, the name lookup included; zero means 10 seconds.
	Timeout time.Duration

	// UserTimeout is how long sent data may stay without acknowledgement, on
	// Linux; zero means 30 seconds.  A server that leaves its input unread for
	// so long looks dead as well: give it more when it serves one request at a
	// time and some take longer.
	UserTimeout time.Duration
}

// Dial calls a dial string, with 10 seconds to answer.  The service must be in
// it; see NetMkAddr.
func Dial(ctx context.Context, addr string) (net.Conn, error) {
	return new(Dialer).Dial(ctx, addr)
}

// Dial calls a dial string.  Names are looked up anew on each call.
func (d *Dialer) Dial(ctx context.Context, addr string) (net.Conn, error) {
	a, err := Parse(addr, "", "")
	if err != nil {
		return nil, err
	}
	if err := a.callable(); err != nil {
		return nil, fmt.Errorf("dial %s: %w", a, err)
	}
	nd := net.Dialer{
		Timeout:         or(d.Timeout, dialTimeout),
		KeepAliveConfig: keepAlive,
	}
	if a.Net != "unix" {
		nd.Control = setUserTimeout(or(d.UserTimeout, userTimeout))
	}
	conn, err := nd.DialContext(ctx, a.Net, a.hostport())
	if err != nil {
		return nil, fmt.Errorf("dial %s: %w%s", a, cause(err), advice(a, err))
	}
	return conn, nil
}

// callable says why nobody can answer at a.
func (a Addr) callable() error {
	switch {
	case a.Net == "unix":
		return checkSocketPath(a.Host)
	case a.Host == "*":
		return errors.New("host * is for announcing: name the machine to call")
	case a.Port == 0:
		return errors.New("port 0 is for announcing: name the port to call")
	}
	return nil
}

// cause drops what package net says about the address, which our own message
// says in the field's words.
func cause(err error) error {
	if op, ok := errors.AsType[*net.OpError](err); ok {
		return op.Err
	}
	return err
}

// advice is what to look at after a failed call, or nothing.
func advice(a Addr, err error) string {
	if ne, ok := errors.AsType[net.Error](err); ok && ne.Timeout() {
		return ": is the machine up, and the way there open?"
	}
	if _, ok := errors.AsType[*net.DNSError](err); ok {
		return ": is the name of the machine right?"
	}
	switch {
	case isRefused(err) && a.Net == "unix":
		return ": its server has gone"
	case isRefused(err):
		return ": is a server running there?"
	case a.Net == "unix" && errors.Is(err, os.ErrNotExist):
		return ": is a server posted there?"
	}
	return ""
}

func or(t, def time.Duration) time.Duration {
	if t == 0 {
		return def
	}
	return t
}
