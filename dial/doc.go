// Package dial is the Go port of Plan 9's dial(2): it makes and takes network
// connections named by dial strings.
//
// A dial string is
//
//	net!host!service     tcp!fs.example.org!9fs, tcp!::1!5640, tcp!*!styx
//	net!host             the service is the caller's default
//	host!service         the network is the caller's default
//	host                 both are
//	unix!path            a Unix socket
//	path                 the same, when it begins with /, ./ or ../, or is a socket that exists
//
// The networks are tcp, tcp4, tcp6, unix and net, which stands for whatever
// fits the rest of the string: unix for a path, otherwise tcp.  The host is a
// name, an IPv4 address or an IPv6 address, with or without brackets; a * means
// every address of this machine and is for announcing only.  The service is a
// port number, 9fs (564) or styx (6666), which need no file, or a name that the
// system knows.
//
// Parse takes a dial string apart and says what is wrong with it, NetMkAddr
// completes one with defaults, Dial calls it, Announce waits for calls to it,
// and NetInfo tells who is at the two ends of a connection.
//
// A TCP connection is made for carrying 9P: nothing waits in it for more data,
// and a peer that has silently gone away is noticed in about half a minute.  No
// result of a name lookup is kept, so that a server that has moved is found by
// the next call.
package dial
