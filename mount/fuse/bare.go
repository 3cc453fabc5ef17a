package fuse

import (
	"context"
	"slices"
	"sync/atomic"
	"time"

	"github.com/styxkit/styxkit/lib9p"
	"github.com/styxkit/styxkit/lib9p/client"
)

// ls(1) asks of every file for extended attributes that hardly one has, and the kernel for what stands here too. Where a file has none
// at all, which its empty list shows, one question answers all of these; and while somebody asks them, it is asked of
// all the files of a listing at once.

// common are the attributes that are asked of every file. A name that a server makes up is not in its list, and not here.
var common = []string{"security.selinux", "security.capability", "system.posix_acl_access", "system.posix_acl_default"}

// asking is how long it shows that somebody asks.
const asking = time.Second

// curiosity is what programs have asked lately. The zero value is ready to use.
type curiosity struct {
	asked atomic.Int64 // when one of the common attributes was, in nanoseconds of Unix time
	some  atomic.Bool  // the last file had some, or did not tell: to look at the list first may be in vain
}

// bare reports whether n has no extended attributes, by what was seen while the kernel would believe an attribute, or by asking, which is
// done for common names only.
func (b *bridge) bare(ctx context.Context, n *node, name string) bool {
	if b.opt.Cache == CacheNone || !slices.Contains(common, name) {
		return false
	}
	b.curious.asked.Store(time.Now().UnixNano())
	b.mu.Lock()
	at := n.bare
	b.mu.Unlock()
	if time.Since(at) < b.opt.Cache.validity() {
		return true
	}
	return !b.curious.some.Load() && b.hasNoXattrs(ctx, n)
}

// foresee looks at n, which was just listed, when it is likely that it will be asked for.
func (b *bridge) foresee(ctx context.Context, n *node) {
	at := time.Unix(0, b.curious.asked.Load())
	if b.dotL && time.Since(at) < asking && !b.curious.some.Load() {
		b.hasNoXattrs(ctx, n)
	}
}

// hasNoXattrs asks for the list of n's extended attributes and reports whether it is empty.
func (b *bridge) hasNoXattrs(ctx context.Context, n *node) bool {
	b.mu.Lock()
	changes := n.xattrChanges
	b.mu.Unlock()
	now := time.Now()
	var size uint64
	err := b.on(ctx, n, false, func(f *client.Fid) error {
		x, s, err := f.Xattrwalk(ctx, "")
		if err == nil {
			discard(x)
		}
		size = s
		return err
	})
	b.curious.some.Store(err != nil || size > 0)
	if err != nil || size > 0 {
		return false
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if n.xattrChanges == changes {
		n.bare = now
	}
	return true
}

// xattrChanging notes that an extended attribute of n is being changed, and has been; what was seen before or meanwhile does not count.
func (b *bridge) xattrChanging(n *node) {
	b.mu.Lock()
	defer b.mu.Unlock()
	n.xattrChanges++
	n.bare = time.Time{}
}

// xattrAnswered notes how the direct question for one of the common attributes has ended.
func (b *bridge) xattrAnswered(name string, err error) {
	if number(err) == lib9p.ENODATA && slices.Contains(common, name) {
		b.curious.some.Store(false)
	}
}
