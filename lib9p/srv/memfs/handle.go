package memfs

import (
	"context"

	"9fans.net/go/plan9"

	"github.com/styxkit/styxkit/lib9p"
	"github.com/styxkit/styxkit/lib9p/srv"
)

// A handle is an open file of any kind.
type handle struct {
	t   *Tree
	i   *inode // counted
	top bool   // what is above is not to be seen
	end bool   // writes go to the end
}

// Open opens the file.
func (f *file) Open(_ context.Context, flags uint32) (srv.Handle, error) {
	i := f.e.node
	i.mu.Lock()
	kind, qtype := i.mode&lib9p.ModeFmt, i.qtype
	var err error
	switch {
	case kind == lib9p.ModeSymlink:
		err = lib9p.ELOOP
	case kind != lib9p.ModeRegular && kind != lib9p.ModeDir:
		err = lib9p.ENXIO // nobody is at the other end
	case flags&lib9p.LTRUNC != 0 && kind == lib9p.ModeRegular && qtype&plan9.QTAPPEND == 0:
		err = i.resize(0)
	}
	i.mu.Unlock()
	if err != nil {
		return nil, err
	}
	f.t.mu.Lock()
	i.refs++
	f.t.mu.Unlock()
	h := handle{t: f.t, i: i, top: i == f.top, end: flags&lib9p.LAPPEND != 0 || qtype&plan9.QTAPPEND != 0}
	if kind == lib9p.ModeDir {
		return &dirHandle{h}, nil
	}
	return &fileHandle{h}, nil
}

func (h *handle) Close() error {
	h.t.mu.Lock()
	defer h.t.mu.Unlock()
	h.i.forget()
	return nil
}

func (h *handle) Stat(context.Context) (srv.Attr, error) { return h.i.attr(), nil }

func (h *handle) SetAttr(_ context.Context, c srv.Change) error { return h.i.setAttr(c) }

type fileHandle struct{ handle }

func (h *fileHandle) ReadAt(_ context.Context, p []byte, off int64) (int, error) {
	h.i.mu.RLock()
	defer h.i.mu.RUnlock()
	return h.i.data.readAt(p, off), nil
}

func (h *fileHandle) WriteAt(_ context.Context, p []byte, off int64) (int, error) {
	h.i.mu.Lock()
	defer h.i.mu.Unlock()
	if h.end {
		off = h.i.data.size
	}
	if off > maxSize-int64(len(p)) {
		return 0, lib9p.EFBIG
	}
	if len(p) == 0 {
		return 0, nil
	}
	n, err := h.i.data.writeAt(p, off, h.t.reserve)
	if n > 0 {
		h.i.changed()
	}
	return n, err
}

type dirHandle struct{ handle }

// ReadDir gives the entries behind offset, which is a cookie. It collects them
// before it gives them, for who gets one may ask the tree about it.
func (h *dirHandle) ReadDir(ctx context.Context, offset uint64, each func(*lib9p.Dirent) bool) error {
	for {
		batch := h.batch(offset)
		if len(batch) == 0 {
			return ctx.Err()
		}
		for i := range batch {
			if !each(&batch[i]) {
				return nil
			}
			offset = batch[i].Offset
		}
		if err := ctx.Err(); err != nil {
			return err
		}
	}
}

// batch returns some entries behind offset.
func (h *dirHandle) batch(offset uint64) []lib9p.Dirent {
	h.t.mu.RLock()
	defer h.t.mu.RUnlock()
	batch := make([]lib9p.Dirent, 0, 64)
	put := func(i *inode, name string, cookie uint64) {
		i.mu.RLock()
		defer i.mu.RUnlock()
		batch = append(batch, lib9p.Dirent{Offset: cookie, Name: name, Type: uint8(i.mode >> 12 & 15),
			Qid: lib9p.Qid{Type: i.qtype, Vers: i.vers, Path: i.path}})
	}
	if offset < 1 {
		put(h.i, ".", 1)
	}
	if offset < firstCookie {
		up := h.i.parent
		if h.top {
			up = h.i
		}
		put(up, "..", firstCookie)
	}
	for _, e := range h.i.order[h.i.find(max(offset, firstCookie)+1):] {
		if len(batch) == cap(batch) {
			break
		}
		if e != nil {
			put(e.node, e.name, e.cookie)
		}
	}
	return batch
}
