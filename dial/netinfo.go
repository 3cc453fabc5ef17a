package dial

import (
	"net"
	"strconv"
)

// An Info tells who is at the ends of a connection, as Plan 9's NetConnInfo.  An
// end without a name, such as a caller on a Unix socket, has empty strings.
type Info struct {
	Root  string // mount point of the network: /net
	Dir   string // where Plan 9 keeps such connections: /net/tcp, /net/unix
	Lsys  string // local host, or socket
	Lserv string // local service
	Rsys  string // remote host, or socket
	Rserv string // remote service
	Laddr string // local dial string
	Raddr string // remote dial string
}

// NetInfo is getnetconninfo.
func NetInfo(conn net.Conn) *Info {
	l, r := conn.LocalAddr(), conn.RemoteAddr()
	info := &Info{Root: "/net"}
	for _, a := range []net.Addr{l, r} {
		if a != nil && info.Dir == "" {
			info.Dir = info.Root + "/" + a.Network()
		}
	}
	info.Lsys, info.Lserv, info.Laddr = describe(l)
	info.Rsys, info.Rserv, info.Raddr = describe(r)
	return info
}

func describe(a net.Addr) (sys, serv, addr string) {
	switch a := a.(type) {
	case *net.TCPAddr:
		if a == nil {
			return "", "", ""
		}
		sys = a.IP.String()
		if a.Zone != "" {
			sys += "%" + a.Zone
		}
		serv = strconv.Itoa(a.Port)
		return sys, serv, "tcp!" + sys + "!" + serv
	case *net.UnixAddr:
		if a == nil || a.Name == "" || a.Name == "@" {
			return "", "", ""
		}
		return a.Name, "", "unix!" + a.Name
	}
	return "", "", ""
}

// portOf is the service and the port number of an address that has them.
func portOf(a net.Addr) (service string, port int) {
	if t, ok := a.(*net.TCPAddr); ok {
		return strconv.Itoa(t.Port), t.Port
	}
	return "0", 0
}
