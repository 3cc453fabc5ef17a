package fuse

import (
	gofuse "github.com/hanwen/go-fuse/v2/fuse"

	"github.com/styxkit/styxkit/lib9p"
)

// Read answers read(2), and fills the kernel's cache.
func (b *bridge) Read(interrupt <-chan struct{}, in *gofuse.ReadIn, buf []byte) (gofuse.ReadResult, gofuse.Status) {
	c := b.calls.begin(interrupt, &in.InHeader)
	defer c.end()
	h := b.handle(in.Fh)
	if h == nil {
		return nil, gofuse.EBADF
	}
	buf = buf[:min(len(buf), int(in.Size))]
	var n int
	var err error
	if h.stream {
		n, err = h.fid.ReadAt(c, buf, int64(in.Offset))
	} else {
		n, err = h.fid.ReadFull(c, b.within(h.node, buf, in.Offset), int64(in.Offset))
	}
	if err != nil && n == 0 {
		return nil, status(err)
	}
	return gofuse.ReadResultData(buf[:n]), gofuse.OK
}

// within cuts what the kernel wants to read of n to the length of the file. The kernel reads whole pages; asking for what
// is behind the end would cost a message to learn that there is nothing.
func (b *bridge) within(n *node, buf []byte, off uint64) []byte {
	b.mu.Lock()
	size := n.seen.size
	b.mu.Unlock()
	if off < size && uint64(len(buf)) > size-off {
		return buf[:size-off]
	}
	return buf
}

// Write answers write(2); the kernel keeps nothing back.
func (b *bridge) Write(interrupt <-chan struct{}, in *gofuse.WriteIn, data []byte) (uint32, gofuse.Status) {
	c := b.calls.begin(interrupt, &in.InHeader)
	defer c.end()
	h := b.handle(in.Fh)
	if h == nil {
		return 0, gofuse.EBADF
	}
	n, err := b.write(c, h, data, int64(in.Offset))
	if n > 0 {
		b.grown(h.node, in.Offset+uint64(n))
	} else if err != nil {
		return 0, status(err)
	}
	if in.WriteFlags&gofuse.WRITE_KILL_SUIDGID != 0 {
		if err := b.disarm(c, h.node, h); err != nil {
			return 0, status(err)
		}
	}
	return uint32(n), gofuse.OK
}

// write writes data, in parallel messages only where their order does not matter.
func (b *bridge) write(c *call, h *handle, data []byte, off int64) (int, error) {
	switch {
	case h.stream:
		return h.fid.WriteAt(c, data, off)
	case !h.append:
		return h.fid.WriteFull(c, data, off)
	}
	done := 0
	for done < len(data) {
		n, err := h.fid.WriteAt(c, data[done:], off+int64(done))
		if err != nil {
			return done, err
		}
		if n == 0 {
			return done, refuse(lib9p.EIO)
		}
		done += n
	}
	return done, nil
}

// grown notes that n reaches at least to end.
func (b *bridge) grown(n *node, end uint64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	n.seen.size = max(n.seen.size, end)
}

// Fsync answers fsync(2) and fdatasync(2).
func (b *bridge) Fsync(interrupt <-chan struct{}, in *gofuse.FsyncIn) gofuse.Status {
	const datasync = 1
	c := b.calls.begin(interrupt, &in.InHeader)
	defer c.end()
	h := b.handle(in.Fh)
	if h == nil {
		return gofuse.EBADF
	}
	return status(b.dialect.fsync(c, h.fid, in.FsyncFlags&datasync != 0))
}

// FsyncDir answers fsync(2) of a directory. Servers that sync files only say EINVAL or EBADF or worse; what they have not
// promised for the directory they have not lost either, so that is no error of the program's.
func (b *bridge) FsyncDir(interrupt <-chan struct{}, in *gofuse.FsyncIn) gofuse.Status {
	s := b.Fsync(interrupt, in)
	if s == gofuse.EINVAL || s == gofuse.ENOSYS || s == gofuse.ENOTSUP {
		return gofuse.OK
	}
	return s
}

// Ioctl has no message.
func (b *bridge) Ioctl(_ <-chan struct{}, _ *gofuse.IoctlIn, _ []byte, _ *gofuse.IoctlOut, _ []byte) gofuse.Status {
	return gofuse.Status(lib9p.ENOTTY)
}
