package dial

import (
	"context"
	"errors"
	"net"
	"strings"
)

func checkSocketPath(string) error {
	return errors.New("plan 9 has no unix sockets: use tcp")
}

// isRefused looks at the text, which is all that Plan 9 has.
func isRefused(err error) bool {
	return strings.Contains(err.Error(), "connection refused")
}

func keepSocket(net.Listener) {}

func lockFolder(context.Context, string) (unlock func(), err error) {
	return func() {}, nil
}
