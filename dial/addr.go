package dial

import (
	"fmt"
	"net"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"unicode"
)

// An Addr is a dial string taken apart and found well formed.
type Addr struct {
	Net     string // tcp, tcp4, tcp6 or unix
	Host    string // name, address without brackets, or *; for unix the path of the socket
	Service string // as it was written; empty for unix
	Port    int    // the service's number; 0 for unix, and in an announcement for any free port
}

// String returns the dial string of a; Parse of it gives a again.
func (a Addr) String() string {
	if a.Net == "unix" {
		return "unix!" + a.Host
	}
	return a.Net + "!" + a.Host + "!" + a.Service
}

// hostport is a in the form that package net takes.
func (a Addr) hostport() string {
	if a.Net == "unix" {
		return a.Host
	}
	host := a.Host
	if host == "*" {
		host = ""
	}
	return net.JoinHostPort(host, strconv.Itoa(a.Port))
}

// An AddrError says what is wrong with a dial string.
type AddrError struct {
	Addr  string // the dial string as it was given
	Fault string // what is wrong with it
}

func (e *AddrError) Error() string {
	return fmt.Sprintf("parse dial string %q: %s (want net!host!service, host!service, host, unix!path or /path)",
		e.Addr, e.Fault)
}

// Parse takes a dial string apart.  Defnet and defservice fill in what addr
// leaves out; an empty defnet means net, and with an empty defservice the
// service must be there.  Every error is an *AddrError.
func Parse(addr, defnet, defservice string) (Addr, error) {
	a, fault := parse(addr, defnet, defservice)
	if fault != "" {
		return Addr{}, &AddrError{addr, fault}
	}
	return a, nil
}

// NetMkAddr is netmkaddr: it completes a dial string with a default network and
// a default service, either of which may be empty, and does not judge it.
func NetMkAddr(addr, defnet, defservice string) string {
	return strings.Join(complete(addr, defnet, defservice), "!")
}

func parse(addr, defnet, defservice string) (a Addr, fault string) {
	if addr == "" {
		return a, "empty string"
	}
	f := complete(addr, defnet, defservice)
	if f[0] == "unix" {
		return parseUnix(strings.Join(f[1:], "!"))
	}
	if fault := checkNetwork(f[0]); fault != "" {
		return a, fault
	}
	switch {
	case len(f) > 3:
		return a, "too many '!'"
	case f[1] == "":
		return a, "empty host"
	case len(f) == 2:
		return a, "missing service"
	case f[2] == "":
		return a, "empty service"
	}
	a = Addr{Net: f[0], Host: f[1], Service: f[2]}
	if a.Net == "net" {
		a.Net = "tcp"
	}
	if a.Host, fault = parseHost(a.Net, f[1]); fault != "" {
		return a, fault
	}
	a.Port, fault = parseService(f[2])
	return a, fault
}

// complete splits addr and fills in the defaults.  The first part is the
// network; a unix address has exactly one more, others have two unless addr has
// too many or there is no default for what it lacks.
func complete(addr, defnet, defservice string) []string {
	if defnet == "" {
		defnet = "net"
	}
	if isPath(addr) || !strings.Contains(addr, "!") && (defnet == "unix" || isSocket(addr)) {
		return []string{"unix", addr}
	}
	if network, rest, ok := strings.Cut(addr, "!"); ok && (network == "unix" || network == "net" && isPath(rest)) {
		return []string{"unix", rest}
	}
	f := strings.Split(addr, "!")
	if len(f) == 1 || len(f) == 2 && !networks[f[0]] && !foreign[f[0]] {
		f = append([]string{defnet}, f...)
	}
	if len(f) == 2 && defservice != "" {
		f = append(f, defservice)
	}
	return f
}

func isPath(s string) bool {
	return strings.HasPrefix(s, "/") || strings.HasPrefix(s, "./") || strings.HasPrefix(s, "../")
}

func isSocket(name string) bool {
	fi, err := os.Stat(name)
	return err == nil && fi.Mode()&os.ModeSocket != 0
}

var networks = map[string]bool{"net": true, "tcp": true, "tcp4": true, "tcp6": true, "unix": true}

// foreign holds networks that people write and that are not had here, so that
// net!host is not taken for host!service.
var foreign = map[string]bool{"il": true, "udp": true, "rudp": true, "tls": true, "ssh": true, "vsock": true}

func checkNetwork(name string) (fault string) {
	switch {
	case name == "":
		return "empty network"
	case networks[name]:
		return ""
	}
	return fmt.Sprintf("unknown network %q: the networks are net, tcp, tcp4, tcp6 and unix", name)
}

func parseUnix(path string) (a Addr, fault string) {
	switch {
	case path == "":
		return a, "empty path"
	case strings.ContainsRune(path, 0):
		return a, "the path has a zero byte"
	case path[0] == '@':
		// package net would take it for a name outside the file system
		path = "./" + path
	}
	return Addr{Net: "unix", Host: path}, ""
}

func parseHost(network, host string) (string, string) {
	if host == "*" {
		return host, ""
	}
	bare, bracketed := host, false
	if strings.HasPrefix(host, "[") && strings.HasSuffix(host, "]") {
		bare, bracketed = host[1:len(host)-1], true
	}
	if ip, err := netip.ParseAddr(bare); err == nil && isWord(ip.Zone()) {
		is4 := ip.Unmap().Is4()
		switch {
		case bracketed && ip.Is4():
			return host, "brackets are for ipv6 addresses"
		case network == "tcp4" && !is4, network == "tcp6" && is4:
			return host, fmt.Sprintf("%s is not an address of network %s", bare, network)
		}
		return bare, ""
	}
	switch {
	case strings.ContainsAny(host, "[]"):
		return host, fmt.Sprintf("%q is not an ipv6 address in brackets", host)
	case strings.Contains(host, "/"):
		return host, fmt.Sprintf("host %q has a '/': the path of a socket begins with / or ./, or exists", host)
	case strings.Contains(host, ":"):
		return host, fmt.Sprintf("host %q is not an ipv6 address: a service is set off by '!', not ':'", host)
	case !isWord(host) || host[0] == '.' || host[0] == '-' || strings.Contains(host, ".."):
		return host, fmt.Sprintf("bad host name %q", host)
	}
	return host, ""
}

// isWord reports whether s has only what names of hosts and services are made of.
func isWord(s string) bool {
	for _, r := range s {
		if !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune("-._", r) {
			return false
		}
	}
	return true
}
