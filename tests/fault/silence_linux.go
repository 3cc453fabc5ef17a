package fault

import (
	"net"

	"golang.org/x/sys/unix"
)

// silence has the kernel throw away all that comes on c, so that not even an acknowledgement goes back.
func silence(c net.Conn) error {
	t, ok := c.(*net.TCPConn)
	if !ok {
		return nil
	}
	raw, err := t.SyscallConn()
	if err != nil {
		return err
	}
	nothing := unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K}
	if gone := raw.Control(func(fd uintptr) {
		err = unix.SetsockoptSockFprog(int(fd), unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, &unix.SockFprog{Len: 1, Filter: &nothing})
	}); gone != nil {
		return nil
	}
	return err
}
