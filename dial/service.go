package dial

import (
	"context"
	"fmt"
	"net"
	"strconv"
	"strings"
)

// services holds those that every machine of this field knows, whatever its
// files say.
var services = map[string]int{
	"9fs":  564,
	"styx": 6666,
}

func parseService(s string) (port int, fault string) {
	if port, ok := services[s]; ok {
		return port, ""
	}
	if isNumber(strings.TrimLeft(s, "+-")) {
		n, err := strconv.ParseUint(s, 10, 16)
		if err != nil {
			return 0, fmt.Sprintf("bad port %s: a port is a number from 1 to 65535", s)
		}
		return int(n), ""
	}
	if isWord(s) {
		// The background context: the answer is in a file (on Plan 9, in /net/cs).
		port, err := net.DefaultResolver.LookupPort(context.Background(), "tcp", s)
		if err == nil && port > 0 {
			return port, ""
		}
	}
	return 0, fmt.Sprintf("unknown service %q: it is not 9fs, styx or a port number, and the system does not know it", s)
}

func isNumber(s string) bool {
	return s != "" && strings.Trim(s, "0123456789") == ""
}
