package hostfs

import (
	"bytes"
	"context"
	"encoding/binary"
	"io"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/styxkit/styxkit/lib9p"
)

// A dirHandle is an open directory. Its offsets are those of the host's file
// system, so that they are good in another run of the server as well.
type dirHandle struct {
	handle
	top bool // what is above is not to be seen

	mu   sync.Mutex
	at   int64 // offset of what comes next in buf, or from the kernel where that is empty
	buf  []byte
	room [8 << 10]byte // buf is of it
}

// Layout of struct linux_dirent64.
const (
	direntOff  = 8
	direntLen  = 16
	direntType = 18
	direntName = 19
)

// ReadDir gives the entries behind offset.
func (h *dirHandle) ReadDir(ctx context.Context, offset uint64, each func(*lib9p.Dirent) bool) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if offset == 0 || int64(offset) != h.at {
		if _, err := unix.Seek(h.fd, int64(offset), io.SeekStart); err != nil {
			return sysError(err)
		}
		h.at, h.buf = int64(offset), nil
	}
	for {
		if len(h.buf) == 0 {
			n, err := unix.Getdents(h.fd, h.room[:])
			if err != nil || n <= 0 {
				return sysError(err)
			}
			h.buf = h.room[:n]
		}
		e, n := h.next()
		if !each(&e) {
			return nil
		}
		h.at, h.buf = int64(e.Offset), h.buf[n:]
		if err := ctx.Err(); err != nil {
			return err
		}
	}
}

// next takes the entry at the beginning of buf apart and says how long it is.
func (h *dirHandle) next() (e lib9p.Dirent, n int) {
	le := binary.NativeEndian
	n = int(le.Uint16(h.buf[direntLen:]))
	name := h.buf[direntName:n]
	if i := bytes.IndexByte(name, 0); i >= 0 {
		name = name[:i]
	}
	e = lib9p.Dirent{Offset: le.Uint64(h.buf[direntOff:]), Type: h.buf[direntType], Name: string(name)}
	ino, mode := le.Uint64(h.buf), uint32(e.Type)<<12 // DT_ is the type in the mode
	switch {
	case e.Name == "." || e.Name == ".." && h.top:
		e.Qid = h.n.qid()
		return e, n
	case mode == 0:
		if st, err := statAt(h.fd, e.Name); err == nil {
			mode = typeOf(st)
			e.Type = uint8(mode >> 12)
		}
	}
	e.Qid = lib9p.Qid{Type: qidType(mode), Path: h.n.t.qidPath(h.n.id.dev, ino)}
	return e, n
}
