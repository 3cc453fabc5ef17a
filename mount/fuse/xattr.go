package fuse

import (
	"context"

	gofuse "github.com/hanwen/go-fuse/v2/fuse"

	"github.com/styxkit/styxkit/lib9p"
	"github.com/styxkit/styxkit/lib9p/client"
)

// maxXattr is the most that an attribute, or the list of their names, can have on Linux.
const maxXattr = 64 << 10

// GetXAttr answers getxattr(2). Only .L has extended attributes; ENOSYS keeps the kernel from asking again.
func (b *bridge) GetXAttr(interrupt <-chan struct{}, h *gofuse.InHeader, name string, dest []byte) (uint32, gofuse.Status) {
	if name == "" {
		return 0, gofuse.Status(lib9p.ERANGE)
	}
	return b.readXattr(interrupt, h, name, dest)
}

// ListXAttr answers listxattr(2).
func (b *bridge) ListXAttr(interrupt <-chan struct{}, h *gofuse.InHeader, dest []byte) (uint32, gofuse.Status) {
	return b.readXattr(interrupt, h, "", dest)
}

func (b *bridge) readXattr(interrupt <-chan struct{}, h *gofuse.InHeader, name string, dest []byte) (uint32, gofuse.Status) {
	if !b.dotL {
		return 0, gofuse.ENOSYS
	}
	c := b.calls.begin(interrupt, h)
	defer c.end()
	n := b.node(h.NodeId)
	if n == nil {
		return 0, status(errStale)
	}
	if b.bare(c, n, name) {
		return 0, gofuse.ENODATA
	}
	var size uint64
	err := b.on(c, n, false, func(f *client.Fid) error {
		x, n, err := f.Xattrwalk(c, name)
		if err != nil {
			return err
		}
		defer discard(x)
		size = n
		switch {
		case n > maxXattr:
			return refuse(lib9p.E2BIG)
		case n > uint64(len(dest)):
			return refuse(lib9p.ERANGE)
		}
		// Exactly so much: there are servers that refuse a read behind the end.
		got, err := x.ReadFull(c, dest[:n], 0)
		size = uint64(got)
		return err
	})
	b.xattrAnswered(name, err)
	return uint32(size), status(err)
}

// SetXAttr answers setxattr(2).
func (b *bridge) SetXAttr(interrupt <-chan struct{}, in *gofuse.SetXAttrIn, name string, data []byte) gofuse.Status {
	if !b.dotL {
		return gofuse.ENOSYS
	}
	c := b.calls.begin(interrupt, &in.InHeader)
	defer c.end()
	n := b.node(in.NodeId)
	if n == nil {
		return status(errStale)
	}
	err := b.writeXattr(c, n, name, data, in.Flags)
	if err == nil && len(data) == 0 {
		err = b.emptyXattr(c, n, name)
	}
	return status(err)
}

// RemoveXAttr answers removexattr(2). The protocol has no message for it; what the
// kernel's own client sends is an attribute of no bytes that must have been there.
func (b *bridge) RemoveXAttr(interrupt <-chan struct{}, h *gofuse.InHeader, name string) gofuse.Status {
	if !b.dotL {
		return gofuse.ENOSYS
	}
	c := b.calls.begin(interrupt, h)
	defer c.end()
	n := b.node(h.NodeId)
	if n == nil {
		return status(errStale)
	}
	return status(b.writeXattr(c, n, name, nil, lib9p.XattrReplace))
}

// writeXattr sets an attribute. The server does so when the fid is clunked, and the answer to that is what counts.
func (b *bridge) writeXattr(ctx context.Context, n *node, name string, data []byte, flags uint32) error {
	b.xattrChanging(n)
	defer b.xattrChanging(n)
	return b.on(ctx, n, false, func(f *client.Fid) error {
		x, err := f.Clone(ctx)
		if err != nil {
			return err
		}
		err = x.Xattrcreate(ctx, name, uint64(len(data)), flags)
		if err == nil && len(data) > 0 {
			_, err = x.WriteFull(ctx, data, 0)
		}
		if err != nil {
			discard(x)
			return err
		}
		return x.Clunk(ctx)
	})
}

// emptyXattr reports as an error that an attribute that was to have an empty value is not there: most servers
// take that for its removal.
func (b *bridge) emptyXattr(ctx context.Context, n *node, name string) error {
	return b.on(ctx, n, false, func(f *client.Fid) error {
		x, _, err := f.Xattrwalk(ctx, name)
		if number(err) == lib9p.ENODATA {
			return refuse(lib9p.EOPNOTSUPP)
		}
		discard(x)
		return err
	})
}
