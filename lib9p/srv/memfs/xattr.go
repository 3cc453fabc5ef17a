package memfs

import (
	"context"
	"maps"
	"slices"

	"github.com/styxkit/styxkit/lib9p"
)

// maxXattrs bounds the extended attributes of one file, in bytes.
const maxXattrs = 1 << 20

func xattrSize(name string, value []byte) int64 { return int64(len(name)+len(value)) + 64 }

// Xattrs returns the names of the extended attributes.
func (f *file) Xattrs(context.Context) ([]string, error) {
	i := f.e.node
	i.mu.RLock()
	defer i.mu.RUnlock()
	return slices.Sorted(maps.Keys(i.xattrs)), nil
}

// Xattr returns the value of one.
func (f *file) Xattr(_ context.Context, name string) ([]byte, error) {
	i := f.e.node
	i.mu.RLock()
	defer i.mu.RUnlock()
	value, ok := i.xattrs[name]
	if !ok {
		return nil, lib9p.ENODATA
	}
	return value, nil // replaced, never written to
}

// SetXattr sets or, with a nil value, removes one.
func (f *file) SetXattr(_ context.Context, name string, value []byte, flags uint32) error {
	i := f.e.node
	i.mu.Lock()
	defer i.mu.Unlock()
	old, ok := i.xattrs[name]
	switch {
	case ok && flags&lib9p.XattrCreate != 0:
		return lib9p.EEXIST
	case !ok && (flags&lib9p.XattrReplace != 0 || value == nil):
		return lib9p.ENODATA
	}
	var cost, all int64
	for name, value := range i.xattrs {
		all += xattrSize(name, value)
	}
	if ok {
		cost -= xattrSize(name, old)
	}
	if value != nil {
		cost += xattrSize(name, value)
	}
	if cost > 0 && all+cost > maxXattrs {
		return lib9p.ENOSPC
	}
	if err := f.t.reserve(cost); err != nil {
		return err
	}
	i.ctime = present()
	if value == nil {
		delete(i.xattrs, name)
		return nil
	}
	if i.xattrs == nil {
		i.xattrs = make(map[string][]byte)
	}
	i.xattrs[name] = value
	return nil
}
