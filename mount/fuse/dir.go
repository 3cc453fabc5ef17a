package fuse

import (
	"context"
	"strings"
	"sync"
	"syscall"

	gofuse "github.com/hanwen/go-fuse/v2/fuse"

	"github.com/styxkit/styxkit/lib9p"
	"github.com/styxkit/styxkit/lib9p/client"
)

const (
	readdirSize = 64 << 10 // bytes of entries asked for at once
	maxName     = 255      // bytes of a name that programs expect
	listers     = 64       // entries whose attributes are asked for at once
)

// dirState is where the reading of an open directory is. The kernel reads a handle in one place at a time.
type dirState struct {
	mu    sync.Mutex
	rest  []entry // read of the server and not yet told to the kernel
	at    uint64  // the offset that leads to rest[0]
	plain plainDir
}

// OpenDir answers opendir(3).
func (b *bridge) OpenDir(interrupt <-chan struct{}, in *gofuse.OpenIn, out *gofuse.OpenOut) gofuse.Status {
	c := b.calls.begin(interrupt, &in.InHeader)
	defer c.end()
	n := b.node(in.NodeId)
	if n == nil {
		return status(errStale)
	}
	h, err := b.open(c, n, syscall.O_RDONLY|syscall.O_DIRECTORY)
	if err != nil {
		return status(err)
	}
	out.Fh = h.id
	return gofuse.OK
}

// ReleaseDir is the end of a directory's handle.
func (b *bridge) ReleaseDir(in *gofuse.ReleaseIn) { b.closed(in.Fh) }

// ReadDir answers getdents(2).
func (b *bridge) ReadDir(interrupt <-chan struct{}, in *gofuse.ReadIn, out *gofuse.DirEntryList) gofuse.Status {
	c := b.calls.begin(interrupt, &in.InHeader)
	defer c.end()
	return b.list(c, in, func(e *entry) bool { return out.AddDirEntry(dirEntry(e)) })
}

// ReadDirPlus answers getdents(2) with what a lookup of each entry would say. An entry whose lookup fails goes without.
func (b *bridge) ReadDirPlus(interrupt <-chan struct{}, in *gofuse.ReadIn, out *gofuse.DirEntryList) gofuse.Status {
	c := b.calls.begin(interrupt, &in.InHeader)
	defer c.end()
	type slot struct {
		e   entry
		out *gofuse.EntryOut
	}
	var slots []slot
	s := b.list(c, in, func(e *entry) bool {
		o := out.AddDirLookupEntry(dirEntry(e))
		if o != nil && e.Name != "." && e.Name != ".." {
			slots = append(slots, slot{*e, o})
		}
		return o != nil
	})
	h := b.handle(in.Fh)
	if s != gofuse.OK || h == nil {
		return s
	}
	work := make(chan slot, len(slots))
	for _, s := range slots {
		work <- s
	}
	close(work)
	var wg sync.WaitGroup
	for range min(listers, len(slots)) {
		wg.Go(func() {
			for s := range work {
				if n, a, err := b.listed(c, h.node, &s.e); err == nil {
					b.foresee(c, n)
					b.entry(s.out, n, a)
				}
			}
		})
	}
	wg.Wait()
	return gofuse.OK
}

func dirEntry(e *entry) gofuse.DirEntry {
	return gofuse.DirEntry{Mode: uint32(e.Type) << 12, Name: e.Name, Ino: e.Qid.Path, Off: e.Offset}
}

// list gives add the entries from where the kernel wants to read, until it takes no more.
func (b *bridge) list(ctx context.Context, in *gofuse.ReadIn, add func(*entry) bool) gofuse.Status {
	h := b.handle(in.Fh)
	if h == nil {
		return gofuse.EBADF
	}
	d := &h.dir
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.at != in.Offset {
		d.rest, d.at = nil, in.Offset
	}
	for added := false; !added; {
		if len(d.rest) == 0 {
			list, err := b.dialect.readdir(ctx, h, d.at)
			if err != nil {
				return status(err)
			}
			if len(list) == 0 {
				return gofuse.OK
			}
			d.rest = list
		}
		for len(d.rest) > 0 {
			e := &d.rest[0]
			if fit(e.Name) && !b.hides(e.Name) {
				if !add(e) {
					return gofuse.OK
				}
				added = true
			}
			d.at, d.rest = e.Offset, d.rest[1:]
		}
	}
	return gofuse.OK
}

// fit reports whether the kernel can take a name; for one that it cannot the whole directory would be an error.
func fit(name string) bool {
	return name != "" && len(name) <= maxName && !strings.ContainsAny(name, "/\x00")
}

// listed is find for an entry that was just read. Where a fid stands on the file already it walks to none.
func (b *bridge) listed(ctx context.Context, dir *node, e *entry) (*node, *lib9p.Rgetattr, error) {
	if e.attr != nil {
		return b.enter(dir, e.Name, nil, e.attr, nil), e.attr, nil
	}
	b.mu.Lock()
	n := dir.children[e.Name]
	known := n != nil && n.fid != nil && same(n.qid, e.Qid)
	b.mu.Unlock()
	if known {
		var a *lib9p.Rgetattr
		err := b.on(ctx, n, false, func(f *client.Fid) (err error) {
			a, err = b.dialect.getattr(ctx, f)
			return err
		})
		if err == nil && same(a.Qid, e.Qid) {
			return b.enter(dir, e.Name, nil, a, nil), a, nil
		}
	}
	return b.find(ctx, dir, e.Name)
}
