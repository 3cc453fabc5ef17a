package fuse

import (
	"context"
	"syscall"

	gofuse "github.com/hanwen/go-fuse/v2/fuse"

	"github.com/styxkit/styxkit/lib9p"
	"github.com/styxkit/styxkit/lib9p/client"
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
	size := b.size(h.node)
	var n int
	err := b.do(c, h, func(f *client.Fid) (err error) {
		if h.stream && size == 0 {
			n, err = f.ReadAt(c, buf, int64(in.Offset))
		} else {
			// A part of it would be taken for all that there is.
			n, err = f.ReadFull(c, within(size, buf, in.Offset), int64(in.Offset))
		}
		return err
	})
	if err != nil {
		return nil, status(err)
	}
	return gofuse.ReadResultData(buf[:n]), gofuse.OK
}

// size is how long n was when it was last looked at.
func (b *bridge) size(n *node) uint64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	return n.seen.size
}

// within cuts what the kernel wants to read to the length of the file. The kernel reads whole pages; asking for what
// is behind the end would cost a message to learn that there is nothing.
func within(size uint64, buf []byte, off uint64) []byte {
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
	n, err := b.write(c, h, in, data)
	if err != nil {
		return 0, status(err)
	}
	if !h.stream {
		b.grown(h.node, in.Offset+uint64(n))
	}
	if in.WriteFlags&gofuse.WRITE_KILL_SUIDGID != 0 {
		if err := b.disarm(c, h.node, h); err != nil {
			return 0, status(err)
		}
	}
	return uint32(n), gofuse.OK
}

// unless drops an error where something was done before it.
func unless(n int, err error) error {
	if n > 0 {
		return nil
	}
	return err
}

// write returns how much it has written, or an error where that is nothing.
func (b *bridge) write(ctx context.Context, h *handle, in *gofuse.WriteIn, data []byte) (n int, err error) {
	off := int64(in.Offset)
	// What was written through a map comes as pages, and is taken whole or lost.
	paged := in.WriteFlags&gofuse.WRITE_CACHE != 0
	if paged && h.appends() {
		return b.writePages(ctx, h.node, data, off)
	}
	err = b.do(ctx, h, func(f *client.Fid) (err error) {
		switch {
		case paged:
			n, err = f.WriteFull(ctx, data, off)
			return err
		case h.stream:
			n, err = f.WriteAt(ctx, data, off)
		case h.appends():
			n, err = inOrder(ctx, f, data, off)
		default:
			n, err = f.WriteFull(ctx, data, off)
		}
		return unless(n, err)
	})
	return n, err
}

// inOrder writes data with one message after the other.
func inOrder(ctx context.Context, f *client.Fid, data []byte, off int64) (done int, err error) {
	for done < len(data) {
		n, err := f.WriteAt(ctx, data[done:], off+int64(done))
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

// writePages writes what the kernel wants to bring to its place through whatever handle it has found, where that
// is one whose writes go to the end.
func (b *bridge) writePages(ctx context.Context, n *node, data []byte, off int64) (int, error) {
	f, err := b.openFid(ctx, n, syscall.O_WRONLY)
	if err != nil {
		return 0, err
	}
	defer discard(f)
	return f.WriteFull(ctx, data, off)
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
	return status(b.do(c, h, func(f *client.Fid) error { return b.dialect.fsync(c, f, in.FsyncFlags&datasync != 0) }))
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
