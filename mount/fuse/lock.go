package fuse

import (
	"context"
	"crypto/rand"
	"fmt"
	"math"
	"os"
	"time"

	gofuse "github.com/hanwen/go-fuse/v2/fuse"

	"github.com/styxkit/styxkit/lib9p"
)

// How long a call that waits for a lock waits between two questions. The protocol has no message that
// waits in a way that all servers can keep and give up.
const (
	lockWait    = 2 * time.Millisecond
	maxLockWait = 250 * time.Millisecond
)

// clientID names a mount to the server; with the number of a process it is the owner of a lock.
func clientID() string {
	host, _ := os.Hostname() // without one the rest still tells mounts apart
	return fmt.Sprintf("%s.%d.%s", host, os.Getpid(), rand.Text()[:8])
}

// lockRange turns the kernel's first and last byte into start and length; length 0 reaches to the end of the file.
func lockRange(lk *gofuse.FileLock) (start, length uint64) {
	if lk.End >= math.MaxInt64 {
		return lk.Start, 0
	}
	return lk.Start, lk.End - lk.Start + 1
}

// GetLk answers fcntl's F_GETLK.
func (b *bridge) GetLk(interrupt <-chan struct{}, in *gofuse.LkIn, out *gofuse.LkOut) gofuse.Status {
	c := b.calls.begin(interrupt, &in.InHeader)
	defer c.end()
	h := b.handle(in.Fh)
	if h == nil {
		return gofuse.EBADF
	}
	t := lib9p.Tgetlock{LockType: uint8(in.Lk.Typ), ProcID: b.owners.use(in.Owner, in.Lk.Pid), ClientID: b.owners.client}
	defer b.owners.done(in.Owner)
	t.Start, t.Length = lockRange(&in.Lk)
	r, err := h.fid().Getlock(c, t)
	if err != nil {
		return lockStatus(err)
	}
	out.Lk = gofuse.FileLock{Start: r.Start, End: r.Start + r.Length - 1, Typ: uint32(r.LockType)}
	if r.Length == 0 {
		out.Lk.End = math.MaxInt64
	}
	// The process of another machine, or of another owner in this one, is nobody that can be named.
	if r.ClientID == b.owners.client && r.ProcID < firstSpare {
		out.Lk.Pid = r.ProcID
	}
	return gofuse.OK
}

// SetLk answers fcntl's F_SETLK, and flock(2) with LOCK_NB.
func (b *bridge) SetLk(interrupt <-chan struct{}, in *gofuse.LkIn) gofuse.Status {
	c := b.calls.begin(interrupt, &in.InHeader)
	defer c.end()
	return b.lock(c, in, false)
}

// SetLkw answers fcntl's F_SETLKW, and flock(2). Programs end this wait with a signal of their choice.
func (b *bridge) SetLkw(interrupt <-chan struct{}, in *gofuse.LkIn) gofuse.Status {
	c := b.calls.begin(interrupt, &in.InHeader)
	defer c.end()
	c.anySignal()
	return b.lock(c, in, true)
}

func (b *bridge) lock(ctx context.Context, in *gofuse.LkIn, wait bool) gofuse.Status {
	h := b.handle(in.Fh)
	if h == nil {
		return gofuse.EBADF
	}
	t := lib9p.Tlock{LockType: uint8(in.Lk.Typ), ProcID: b.owners.use(in.Owner, in.Lk.Pid), ClientID: b.owners.client}
	defer b.owners.done(in.Owner)
	t.Start, t.Length = lockRange(&in.Lk)
	if t.LockType != lib9p.LockUnlock {
		b.owners.claim(in.Owner, h)
	}
	for pause := lockWait; ; pause = min(2*pause, maxLockWait) {
		s, err := h.fid().Lock(ctx, t)
		switch {
		case err != nil:
			return lockStatus(err)
		case s == lib9p.LockSuccess:
			return gofuse.OK
		case s == lib9p.LockBlocked && !wait:
			return gofuse.EAGAIN
		case s != lib9p.LockBlocked && s != lib9p.LockGrace:
			return gofuse.Status(lib9p.ENOLCK)
		}
		select {
		case <-ctx.Done():
			return gofuse.EINTR
		case <-time.After(pause):
		}
	}
}

// lockStatus is status where a server that knows no locks is one that has none to give.
func lockStatus(err error) gofuse.Status {
	if unsupported(err) {
		return gofuse.Status(lib9p.ENOLCK)
	}
	return status(err)
}

// unlock gives up what an owner may have locked through h.
func (b *bridge) unlock(ctx context.Context, h *handle, owner uint64) error {
	t := lib9p.Tlock{LockType: lib9p.LockUnlock, ProcID: b.owners.use(owner, 0), ClientID: b.owners.client}
	defer b.owners.done(owner)
	b.owners.leave(owner, h)
	s, err := h.fid().Lock(ctx, t)
	if err == nil && s != lib9p.LockSuccess {
		err = refuse(lib9p.ENOLCK)
	}
	return err
}

// Flush answers close(2). What was written is with the server already; what is left to do is to give up the
// locks that the closing process has on the file, through whichever handle it got them.
func (b *bridge) Flush(interrupt <-chan struct{}, in *gofuse.FlushIn) gofuse.Status {
	h := b.handle(in.Fh)
	if h == nil {
		return gofuse.OK
	}
	locked := b.owners.through(in.LockOwner, h.node)
	if len(locked) == 0 {
		return gofuse.OK
	}
	c := b.calls.begin(interrupt, &in.InHeader)
	defer c.end()
	s := gofuse.OK
	for _, h := range locked {
		if err := b.unlock(c, h, in.LockOwner); err != nil && !lost(err, false) {
			s = status(err)
		}
	}
	return s
}

// Release is the end of a handle; nobody waits for it. Locks of flock(2) go with the handle. A server drops what is
// locked through a fid with the fid, but not every server does.
func (b *bridge) Release(interrupt <-chan struct{}, in *gofuse.ReleaseIn) {
	h := b.handle(in.Fh)
	if h == nil {
		return
	}
	if owners := b.owners.behind(h); len(owners) > 0 {
		c := b.calls.begin(interrupt, &in.InHeader)
		c.anySignal()
		for _, owner := range owners {
			b.unlock(c, h, owner)
		}
		c.end()
	}
	b.closed(in.Fh)
}
