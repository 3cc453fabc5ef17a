// Package wire is the least of a 9P client: frames on a connection, one after the other.
// The tests use it where they want to send what a proper client does not send.
package wire

import (
	"errors"
	"fmt"
	"net"

	"github.com/styxkit/styxkit/lib9p"
)

// Msize is what a Client offers and must get. It is the most that diod gives.
const Msize = 64 << 10

// A Client is one session of one caller.
type Client struct {
	net.Conn
	Dialect lib9p.Dialect
	r       *lib9p.Reader
}

// An Error is an error that the server answered.
type Error struct{ Reply lib9p.Msg }

func (e *Error) Error() string { return fmt.Sprintf("the server answered %+v", e.Reply) }

// Start agrees on a dialect over conn, which must be the one offered.
func Start(conn net.Conn, d lib9p.Dialect) (*Client, error) {
	c := &Client{Conn: conn, Dialect: d, r: lib9p.NewReader(conn, Msize)}
	r, err := c.call(lib9p.NoTag, &lib9p.Tversion{Msize: Msize, Version: d.String()})
	if err != nil {
		return nil, err
	}
	if v, ok := r.(*lib9p.Rversion); !ok || v.Version != d.String() || v.Msize != Msize {
		return nil, fmt.Errorf("agree on %s: answered %+v", d, r)
	}
	return c, nil
}

// Attach makes fid the root of aname, for root.
func (c *Client) Attach(fid uint32, aname string) error {
	_, err := c.Call(&lib9p.Tattach{Fid: fid, Afid: lib9p.NoFid, Uname: "root", Aname: aname})
	return err
}

// Walk makes newfid what names lead to from fid.
func (c *Client) Walk(fid, newfid uint32, names ...string) error {
	r, err := c.Call(&lib9p.Twalk{Fid: fid, Newfid: newfid, Wname: names})
	if err == nil && len(r.(*lib9p.Rwalk).Wqid) != len(names) {
		err = fmt.Errorf("walk %q: not found", names)
	}
	return err
}

// Call sends m and returns the reply, which is of m's kind; an error that the server answers is an *Error.
func (c *Client) Call(m lib9p.Msg) (lib9p.Msg, error) {
	r, err := c.call(1, m)
	if err != nil {
		return nil, err
	}
	switch lib9p.TypeOf(r) {
	case lib9p.TypeOf(m) + 1:
		return r, nil
	case lib9p.TypeRerror, lib9p.TypeRlerror:
		return nil, &Error{r}
	}
	return nil, fmt.Errorf("%T answered by %T", m, r)
}

func (c *Client) call(tag uint16, m lib9p.Msg) (lib9p.Msg, error) {
	if err := c.Send(tag, m); err != nil {
		return nil, err
	}
	got, r, err := c.Receive()
	if err == nil && got != tag {
		err = fmt.Errorf("%T with tag %d answered with tag %d", m, tag, got)
	}
	return r, err
}

// Send sends m.
func (c *Client) Send(tag uint16, m lib9p.Msg) error {
	f, err := lib9p.Pack(c.Dialect, tag, m)
	if err != nil {
		return err
	}
	_, err = c.Write(f)
	return err
}

// Receive takes the next message.
func (c *Client) Receive() (tag uint16, m lib9p.Msg, err error) {
	f, err := c.r.Next()
	if err != nil {
		return 0, nil, err
	}
	return lib9p.Unpack(c.Dialect, f)
}

// IsError reports whether err is one that the server answered, and not one of the connection.
func IsError(err error) bool {
	var e *Error
	return errors.As(err, &e)
}
