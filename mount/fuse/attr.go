package fuse

import (
	"context"
	"slices"

	gofuse "github.com/hanwen/go-fuse/v2/fuse"

	"github.com/styxkit/styxkit/lib9p"
	"github.com/styxkit/styxkit/lib9p/client"
)

// blksize is the st_blksize that programs size their buffers by. Each write(2) is a message, so it is not small.
const blksize = 128 << 10

// attr fills in what stat(2) says.
func (b *bridge) attr(out *gofuse.Attr, a *lib9p.Rgetattr) {
	out.Ino = a.Qid.Path
	out.Size = a.Size
	out.Blocks = a.Blocks
	out.Atime, out.Atimensec = a.Atime.Sec, uint32(a.Atime.Nsec)
	out.Mtime, out.Mtimensec = a.Mtime.Sec, uint32(a.Mtime.Nsec)
	out.Ctime, out.Ctimensec = a.Ctime.Sec, uint32(a.Ctime.Nsec)
	out.Mode = a.Mode
	out.Nlink = uint32(a.Nlink)
	out.Uid, out.Gid = a.Uid, a.Gid
	out.Rdev = uint32(a.Rdev)
	out.Blksize = blksize
	if b.opt.UID != nil {
		out.Uid = *b.opt.UID
	}
	if b.opt.GID != nil {
		out.Gid = *b.opt.GID
	}
}

// A purpose is what a fid is wanted for.
type purpose int

const (
	look   purpose = iota // to read attributes
	change                // to change some
	resize                // to change the length, which a handle may do that was opened for it
)

// through does something with a fid of n's. A fid that is not open is sure to be n's. One that was opened may not be: there are
// servers whose fids are paths, and the path may be another file's since a renaming. So an open one
// comes first only where it saves a walk and nothing was renamed since. At last all handles are tried, h before
// others: for a file that cannot be reached by name any more, and a change that only he may make who has it open.
func (b *bridge) through(ctx context.Context, n *node, h *handle, p purpose, do func(*client.Fid) error) error {
	b.mu.Lock()
	handles := slices.Clone(n.handles)
	if h != nil {
		handles = append([]*handle{h}, handles...)
	}
	var fresh []*handle
	for _, o := range handles {
		if o.renames == b.renames && (p != resize || o == h) {
			fresh = append(fresh, o)
		}
	}
	if n.fid != nil && !(p == resize && h != nil) {
		fresh = nil
	}
	b.mu.Unlock()
	for _, h := range fresh {
		if err := do(h.fid()); !lost(err, false) {
			return err
		}
	}
	err := b.on(ctx, n, false, do)
	e := number(err)
	if !lost(err, false) && !(p != look && (e == lib9p.EACCES || e == lib9p.EPERM)) {
		return err
	}
	for _, h := range handles {
		if e := do(h.fid()); !lost(e, false) {
			return e
		}
	}
	return err
}

// getattr returns the attributes of n.
func (b *bridge) getattr(ctx context.Context, n *node, h *handle) (a *lib9p.Rgetattr, err error) {
	err = b.through(ctx, n, h, look, func(f *client.Fid) (err error) {
		a, err = b.dialect.getattr(ctx, f)
		if err == nil && !same(a.Qid, n.qid) {
			err = errStale
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	n.learn(a)
	return a, nil
}

// setattr changes the attributes of n.
func (b *bridge) setattr(ctx context.Context, n *node, h *handle, t *lib9p.Tsetattr) error {
	p := change
	if t.Valid&lib9p.SetSize != 0 {
		p = resize
	}
	return b.through(ctx, n, h, p, func(f *client.Fid) error { return b.dialect.setattr(ctx, f, t) })
}

// GetAttr answers stat(2) and fstat(2).
func (b *bridge) GetAttr(interrupt <-chan struct{}, in *gofuse.GetAttrIn, out *gofuse.AttrOut) gofuse.Status {
	c := b.calls.begin(interrupt, &in.InHeader)
	defer c.end()
	n := b.node(in.NodeId)
	if n == nil {
		return status(errStale)
	}
	var h *handle
	if in.Flags()&gofuse.FUSE_GETATTR_FH != 0 {
		h = b.handle(in.Fh())
	}
	return b.answerAttr(c, n, h, out)
}

func (b *bridge) answerAttr(ctx context.Context, n *node, h *handle, out *gofuse.AttrOut) gofuse.Status {
	a, err := b.getattr(ctx, n, h)
	if err != nil {
		return status(err)
	}
	out.SetTimeout(b.opt.Cache.validity())
	b.attr(&out.Attr, a)
	return gofuse.OK
}

// SetAttr answers chmod, chown, truncate, utimensat and their kin.
func (b *bridge) SetAttr(interrupt <-chan struct{}, in *gofuse.SetAttrIn, out *gofuse.AttrOut) gofuse.Status {
	c := b.calls.begin(interrupt, &in.InHeader)
	defer c.end()
	n := b.node(in.NodeId)
	if n == nil {
		return status(errStale)
	}
	var h *handle
	if fh, ok := in.GetFh(); ok {
		h = b.handle(fh)
	}
	t := wishes(&in.SetAttrInCommon)
	err := error(nil)
	if t.Valid != 0 {
		err = b.setattr(c, n, h, t)
	}
	if err == nil && in.Valid&gofuse.FATTR_KILL_SUIDGID != 0 {
		err = b.disarm(c, n, h)
	}
	if err != nil {
		return status(err)
	}
	return b.answerAttr(c, n, h, out)
}

// wishes turns what the kernel wants changed into what the server is told.
func wishes(in *gofuse.SetAttrInCommon) *lib9p.Tsetattr {
	t := &lib9p.Tsetattr{
		Mode: in.Mode & 0o7777, Uid: in.Uid, Gid: in.Gid, Size: in.Size,
		Atime: lib9p.Time{Sec: in.Atime, Nsec: uint64(in.Atimensec)},
		Mtime: lib9p.Time{Sec: in.Mtime, Nsec: uint64(in.Mtimensec)},
	}
	for _, bit := range []struct{ fattr, valid uint32 }{
		{gofuse.FATTR_MODE, lib9p.SetMode},
		{gofuse.FATTR_UID, lib9p.SetUid},
		{gofuse.FATTR_GID, lib9p.SetGid},
		{gofuse.FATTR_SIZE, lib9p.SetSize},
		{gofuse.FATTR_ATIME, lib9p.SetAtime | lib9p.SetAtimeSet},
		{gofuse.FATTR_MTIME, lib9p.SetMtime | lib9p.SetMtimeSet},
	} {
		if in.Valid&bit.fattr != 0 {
			t.Valid |= bit.valid
		}
	}
	if in.Valid&gofuse.FATTR_ATIME_NOW != 0 {
		t.Valid &^= lib9p.SetAtimeSet
	}
	if in.Valid&gofuse.FATTR_MTIME_NOW != 0 {
		t.Valid &^= lib9p.SetMtimeSet
	}
	return t
}

// disarm takes setuid and setgid from a file that somebody without the right to keep them has changed. The kernel leaves
// that to us, and asks for no attribute before each write in return; the server may be root and would not do it.
func (b *bridge) disarm(ctx context.Context, n *node, h *handle) error {
	const setuid, setgid, groupExec = 0o4000, 0o2000, 0o010
	b.mu.Lock()
	mode := n.seen.mode
	b.mu.Unlock()
	safe := mode &^ setuid
	if mode&groupExec != 0 {
		safe &^= setgid
	}
	if safe == mode {
		return nil
	}
	t := &lib9p.Tsetattr{Valid: lib9p.SetMode, Mode: safe & 0o7777}
	if err := b.setattr(ctx, n, h, t); err != nil {
		return err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	n.seen.mode = safe
	return nil
}

// Access answers access(2) and chdir(2). Where the server decides, only what is plain is said here:
// that the owner's bits forbid it. The rest the server says when it is done.
func (b *bridge) Access(interrupt <-chan struct{}, in *gofuse.AccessIn) gofuse.Status {
	if in.Mask&(gofuse.R_OK|gofuse.W_OK) == 0 || in.Uid == 0 {
		return gofuse.OK
	}
	c := b.calls.begin(interrupt, &in.InHeader)
	defer c.end()
	n := b.node(in.NodeId)
	if n == nil {
		return status(errStale)
	}
	a, err := b.getattr(c, n, nil)
	if err != nil {
		return status(err)
	}
	var shown gofuse.Attr
	b.attr(&shown, a)
	if shown.Uid == in.Uid && in.Mask&^(shown.Mode>>6) != 0 {
		return gofuse.EACCES
	}
	return gofuse.OK
}

// StatFs answers statfs(2).
func (b *bridge) StatFs(interrupt <-chan struct{}, in *gofuse.InHeader, out *gofuse.StatfsOut) gofuse.Status {
	c := b.calls.begin(interrupt, in)
	defer c.end()
	n := b.node(in.NodeId)
	if n == nil {
		n = b.root
	}
	var s *lib9p.Rstatfs
	err := b.on(c, n, false, func(f *client.Fid) (err error) {
		s, err = b.dialect.statfs(c, f)
		return err
	})
	if err != nil {
		return status(err)
	}
	out.Bsize, out.Frsize, out.NameLen = s.Bsize, s.Bsize, s.Namelen
	out.Blocks, out.Bfree, out.Bavail = s.Blocks, s.Bfree, s.Bavail
	out.Files, out.Ffree = s.Files, s.Ffree
	return gofuse.OK
}
