//go:build !linux

package fault

import "net"

// silence leaves c as it is: nothing is said on it any more.
func silence(net.Conn) error { return nil }
