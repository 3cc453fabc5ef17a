package srv

import (
	"context"
	"fmt"
	"net"
)

// IsLocal says whether only this machine can reach host, a name, an address,
// or a * for all addresses, as a dial string has it. A server that asks nobody
// who he is should listen on no other.
func IsLocal(ctx context.Context, host string) (bool, error) {
	if host == "*" || host == "" {
		return false, nil
	}
	addrs, err := net.DefaultResolver.LookupIPAddr(ctx, host)
	if err != nil {
		return false, fmt.Errorf("look up %s: %w", host, err)
	}
	for _, a := range addrs {
		if !a.IP.IsLoopback() {
			return false, nil
		}
	}
	return len(addrs) > 0, nil
}
