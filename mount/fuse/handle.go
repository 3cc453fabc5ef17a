package fuse

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	gofuse "github.com/hanwen/go-fuse/v2/fuse"

	"github.com/styxkit/styxkit/lib9p"
	"github.com/styxkit/styxkit/lib9p/client"
)

// A handle is an open file or directory.
type handle struct {
	id      uint64
	node    *node
	flags   uint32 // of open(2)
	renames uint64 // bridge.renames when it was opened
	stream  bool   // each read and write is a message of its own, and the kernel caches nothing
	locked  bool   // there have been locks; guarded by owners.mu
	dir     dirState

	heal sync.Mutex // whoever replaces open has it
	open atomic.Pointer[client.Fid]
}

// fid returns the open fid.
func (h *handle) fid() *client.Fid { return h.open.Load() }

// appends reports whether the server puts what is written at the end.
func (h *handle) appends() bool { return h.flags&syscall.O_APPEND != 0 }

// sticky is a thing that is learned once.
type sticky struct{ v atomic.Bool }

func (s *sticky) is() bool { return s.v.Load() }
func (s *sticky) set()     { s.v.Store(true) }

// handle returns the handle of a number, or nil.
func (b *bridge) handle(id uint64) *handle {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.handles[id]
}

// opened makes a handle of an open fid.
func (b *bridge) opened(n *node, f *client.Fid, flags uint32) *handle {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.lastHandle++
	h := &handle{id: b.lastHandle, node: n, flags: flags, renames: b.renames}
	h.open.Store(f)
	b.handles[h.id] = h
	n.handles = append(n.handles, h)
	return h
}

// closed takes a handle away and gives up its fid.
func (b *bridge) closed(id uint64) {
	b.mu.Lock()
	h := b.handles[id]
	if h != nil {
		delete(b.handles, id)
		n := h.node
		n.handles = slices.DeleteFunc(n.handles, func(o *handle) bool { return o == h })
		b.unhide(n)
		b.reap(n)
	}
	b.mu.Unlock()
	if h != nil {
		discard(h.fid())
	}
}

// openFlags are the flags of open(2) that the server is told of, with their numbers in the protocol. O_CREAT and
// O_EXCL are for create alone. O_DIRECT stays here: it keeps the data out of the kernel's cache, and
// a server that took it would want its buffers aligned.
var openFlags = []struct {
	ours int
	wire uint32
}{
	{syscall.O_WRONLY, lib9p.LWRONLY},
	{syscall.O_RDWR, lib9p.LRDWR},
	{syscall.O_TRUNC, lib9p.LTRUNC},
	{syscall.O_APPEND, lib9p.LAPPEND},
	{syscall.O_DSYNC, lib9p.LDSYNC},
	{syscall.O_SYNC, lib9p.LSYNC | lib9p.LDSYNC},
	{syscall.O_DIRECTORY, lib9p.LDIRECTORY},
}

func wireFlags(flags uint32) uint32 {
	w := uint32(lib9p.LLARGEFILE)
	for _, f := range openFlags {
		if flags&uint32(f.ours) == uint32(f.ours) {
			w |= f.wire
		}
	}
	return w
}

// open opens the file of a node and returns a handle.
func (b *bridge) open(ctx context.Context, n *node, flags uint32) (*handle, error) {
	if f := b.take(n); f != nil {
		err := b.dialect.open(ctx, f, wireFlags(flags))
		if err == nil {
			return b.opened(n, f, flags), nil
		}
		if ctx.Err() != nil {
			discard(f) // it may be open or not
			return nil, err
		}
		b.done(b.adopt(n, f))
		if !lost(err, false) {
			return nil, err
		}
	}
	f, err := b.openFid(ctx, n, flags)
	if err != nil {
		return nil, err
	}
	return b.opened(n, f, flags), nil
}

// openFid returns a new fid that is open on n.
func (b *bridge) openFid(ctx context.Context, n *node, flags uint32) (f *client.Fid, err error) {
	err = b.on(ctx, n, false, func(g *client.Fid) (err error) {
		if f, err = g.Clone(ctx); err != nil {
			return err
		}
		f, err = opened(f, b.dialect.open(ctx, f, wireFlags(flags)))
		return err
	})
	return f, err
}

// do does something with the fid of a handle. One that has died, as it does when a server comes back and cannot find the file by the
// name that it was opened by, is replaced when the file has another name; not one with locks, which died too.
func (b *bridge) do(ctx context.Context, h *handle, what func(*client.Fid) error) error {
	f := h.fid()
	err := what(f)
	if !lost(err, true) || b.owners.locked(h) {
		return err
	}
	h.heal.Lock()
	defer h.heal.Unlock()
	if h.fid() == f {
		g, failed := b.openFid(ctx, h.node, h.flags&^syscall.O_TRUNC)
		if failed != nil {
			return err
		}
		h.open.Store(g)
		discard(f)
	}
	return what(h.fid())
}

// take takes from n the fid that stands on it, when nobody else is using it: opening that saves making another. A regular
// file gets on without; its attributes can be asked through the handle, and a walk leads to it again.
func (b *bridge) take(n *node) *client.Fid {
	b.mu.Lock()
	defer b.mu.Unlock()
	r := n.fid
	if r == nil || r.users > 1 || n.seen.mode&lib9p.ModeFmt != lib9p.ModeRegular || len(n.places) == 0 {
		return nil
	}
	b.standing--
	n.fid = nil
	return r.fid
}

// Open answers open(2) of a file that is there.
func (b *bridge) Open(interrupt <-chan struct{}, in *gofuse.OpenIn, out *gofuse.OpenOut) gofuse.Status {
	c := b.calls.begin(interrupt, &in.InHeader)
	defer c.end()
	n := b.node(in.NodeId)
	if n == nil {
		return status(errStale)
	}
	h, err := b.open(c, n, in.Flags)
	if err == nil && in.Mode&gofuse.OPEN_KILL_SUIDGID != 0 {
		if err = b.disarm(c, n, h); err != nil {
			b.closed(h.id)
		}
	}
	if err != nil {
		return status(err)
	}
	if in.Flags&syscall.O_TRUNC != 0 {
		b.sized(n, 0)
		if b.opt.Cache == CacheNone {
			out.OpenFlags |= gofuse.FOPEN_DIRECT_IO
		}
	} else if b.madeUp(n, in.Flags) {
		h.stream = true
		out.OpenFlags |= gofuse.FOPEN_DIRECT_IO
	} else {
		out.OpenFlags |= b.caching(c, h)
	}
	out.Fh = h.id
	return gofuse.OK
}

// madeUp reports whether a file to be opened looks like one whose contents the server makes up when it is read. In
// 9P2000 such files are often read and written through one descriptor; in .L an empty file that is
// opened for writing too is about to be filled, and perhaps mapped.
func (b *bridge) madeUp(n *node, flags uint32) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if n.seen.size != 0 || n.seen.mode&lib9p.ModeFmt != lib9p.ModeRegular {
		return false
	}
	access := flags & syscall.O_ACCMODE
	return access == syscall.O_RDONLY || access == syscall.O_RDWR && !b.dotL
}

// sized notes that n now has so many bytes.
func (b *bridge) sized(n *node, size uint64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	n.seen.size = size
}

// Create answers open(2) with O_CREAT of a file that is not there.
func (b *bridge) Create(interrupt <-chan struct{}, in *gofuse.CreateIn, name string, out *gofuse.CreateOut) gofuse.Status {
	c := b.calls.begin(interrupt, &in.InHeader)
	defer c.end()
	dir := b.node(in.NodeId)
	if dir == nil {
		return status(errStale)
	}
	flags := wireFlags(in.Flags) | lib9p.LCREATE
	if in.Flags&syscall.O_EXCL != 0 {
		flags |= lib9p.LEXCL
	}
	var f *client.Fid
	err := b.on(c, dir, true, func(d *client.Fid) (err error) {
		f, err = b.dialect.create(c, d, name, flags, in.Mode&0o7777, b.group(dir, in.Gid))
		return err
	})
	if err != nil {
		return b.doubt(c, err)
	}
	a, valid := brandNew(f, in), time.Duration(0)
	if flags&(lib9p.LEXCL|lib9p.LTRUNC) == 0 {
		// It may have been there.
		if a, err = b.dialect.getattr(c, f); err != nil {
			discard(f)
			return status(err)
		}
		valid = b.opt.Cache.validity()
	}
	n := b.enter(dir, name, nil, a, nil)
	b.entry(&out.EntryOut, n, a)
	out.SetAttrTimeout(valid)
	out.Fh = b.opened(n, f, in.Flags).id
	if b.opt.Cache == CacheNone {
		out.OpenFlags |= gofuse.FOPEN_DIRECT_IO
	}
	return gofuse.OK
}

// brandNew is what can be said of an empty file without asking the server. The kernel asks when somebody wants to know.
func brandNew(f *client.Fid, in *gofuse.CreateIn) *lib9p.Rgetattr {
	now := time.Now()
	t := lib9p.Time{Sec: uint64(now.Unix()), Nsec: uint64(now.Nanosecond())}
	return &lib9p.Rgetattr{
		Qid: f.Qid(), Mode: lib9p.ModeRegular | in.Mode&0o7777, Nlink: 1, Uid: in.Uid, Gid: in.Gid,
		Atime: t, Mtime: t, Ctime: t,
	}
}

// group is the group that a new file in dir is to have.
func (b *bridge) group(dir *node, caller uint32) uint32 {
	const setgid = 0o2000
	b.mu.Lock()
	defer b.mu.Unlock()
	if dir.seen.mode&setgid != 0 {
		return dir.seen.gid
	}
	if b.opt.GID != nil {
		return lib9p.NoUid
	}
	return caller
}
