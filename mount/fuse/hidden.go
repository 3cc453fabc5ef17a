package fuse

import (
	"context"
	"slices"
	"time"

	"github.com/styxkit/styxkit/lib9p"
	"github.com/styxkit/styxkit/lib9p/client"
	"github.com/styxkit/styxkit/lib9p/hidden"
)

// A file that is removed, or renamed over, while programs have it open must stay for these. Not every server can keep a
// file without a name, and none can find it again when it has died in between. So such a file gets a name
// that nobody is shown, and is removed when it is closed for the last time.

// hides reports whether name is one that nobody is shown, of this mount or another.
func (b *bridge) hides(name string) bool { return b.namer != nil && hidden.Is(name) }

// inUse returns the node of a regular file that has no other place than this and is open, or nil.
func (b *bridge) inUse(dir *node, name string) *node {
	b.mu.Lock()
	defer b.mu.Unlock()
	n := dir.children[name]
	if b.namer == nil || n == nil || len(n.handles) == 0 || len(n.places) > 1 || n.hidden || n.seen.mode&lib9p.ModeFmt != lib9p.ModeRegular {
		return nil
	}
	return n
}

// hide takes a name from an open file and reports whether that was right to do and could be done. The error is for
// the case that nobody knows.
func (b *bridge) hide(ctx context.Context, dir *node, name string) (done bool, err error) {
	n := b.inUse(dir, name)
	if n == nil {
		return false, nil
	}
	if err := b.rename(ctx, dir, name, dir, b.namer.Name()); number(err) == lib9p.EIO {
		return false, err
	} else if err != nil {
		return false, nil
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	n.hidden = true
	b.unhide(n)
	return true, nil
}

// spare gives an open file, whose name is about to become another's, a hidden name beside. The one name is
// not taken away first: whoever opens it shall find the old file or the new one.
func (b *bridge) spare(ctx context.Context, dir *node, name string) (n *node, as string) {
	if n = b.inUse(dir, name); n == nil {
		return nil, ""
	}
	as = b.namer.Name()
	err := b.on(ctx, n, false, func(f *client.Fid) error {
		return b.on(ctx, dir, true, func(d *client.Fid) error { return b.dialect.link(ctx, d, f, as) })
	})
	if err != nil {
		return nil, ""
	}
	return n, as
}

// spared goes on when the renaming is done, or has failed.
func (b *bridge) spared(ctx context.Context, n, dir *node, as string, renamed bool) {
	if !renamed {
		b.removeName(ctx, dir, as, false)
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.place(n, dir, as)
	b.unstand(n)
	n.hidden = true
	b.unhide(n)
}

// unhide has a hidden file removed when nobody has it open. bridge.mu is held.
func (b *bridge) unhide(n *node) {
	if !n.hidden || n.leaving || len(n.handles) > 0 {
		return
	}
	i := slices.IndexFunc(n.places, func(p place) bool { return hidden.Is(p.name) })
	if i < 0 {
		return
	}
	n.leaving = true
	at := n.places[i]
	b.late.Go(func() {
		b.removeName(context.Background(), at.dir, at.name, false)
		b.mu.Lock()
		defer b.mu.Unlock()
		n.hidden, n.leaving = false, false
		b.reap(n)
	})
}

// expose removes the hidden files from a directory that is to be removed, those too that are being removed already, and
// reports whether there were any.
func (b *bridge) expose(ctx context.Context, dir *node, name string) bool {
	b.mu.Lock()
	var names []string
	folder := dir.children[name]
	if folder != nil {
		for name, n := range folder.children {
			if n.hidden && hidden.Is(name) {
				names = append(names, name)
			}
		}
	}
	b.mu.Unlock()
	for _, name := range names {
		b.removeName(ctx, folder, name, false)
	}
	return len(names) > 0
}

// renew gives hidden files younger names for as long as the mount is there, so that nobody takes them for left behind.
func (b *bridge) renew(end <-chan struct{}) {
	tick := time.NewTicker(hidden.Renew)
	defer tick.Stop()
	for {
		select {
		case <-end:
			return
		case <-tick.C:
		}
		for _, at := range b.hiddenPlaces() {
			b.rename(context.Background(), at.dir, at.name, at.dir, b.namer.Name())
		}
	}
}

// hiddenPlaces returns where hidden files that are open are.
func (b *bridge) hiddenPlaces() (list []place) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, n := range b.nodes {
		for _, p := range n.places {
			if n.hidden && !n.leaving && hidden.Is(p.name) {
				list = append(list, p)
			}
		}
	}
	return list
}

// finish removes what is hidden when the kernel has gone, which does not say of every file that it is closed. It
// waits a moment for that.
func (b *bridge) finish() {
	const patience = 2 * time.Second
	b.mu.Lock()
	for _, n := range b.nodes {
		n.handles = nil
		b.unhide(n)
	}
	b.mu.Unlock()
	done := make(chan struct{})
	go func() {
		b.late.Wait()
		close(done)
	}()
	select {
	case <-done:
	case <-time.After(patience):
	}
}
