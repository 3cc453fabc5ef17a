package srv

import (
	"strings"
	"sync"

	"github.com/styxkit/styxkit/lib9p"
)

// An xattr is what a fid stands for after Txattrwalk or Txattrcreate: a value
// to be read, or one that is written and set when the fid is clunked.
type xattr struct {
	name    string
	size    uint64 // what is to be written
	flags   uint32
	writing bool

	mu    sync.Mutex
	value []byte
	done  bool // committed
	held  int  // bytes that the session counts for it
}

// reserve counts bytes against what a connection may hold in such fids.
func (s *session) reserve(n int) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.xattrBytes+n > maxXattrs {
		return lib9p.ENOMEM
	}
	s.xattrBytes += n
	return nil
}

// xattrwalk makes a fid from which an attribute can be read, or the list of their names.
func (r *request) xattrwalk(m *lib9p.Txattrwalk) (lib9p.Msg, error) {
	f := r.fid
	x, ok := f.place.file.(Xattrer)
	if !ok {
		return nil, lib9p.EOPNOTSUPP
	}
	if err := r.s.free(m.Newfid); err != nil {
		return nil, err
	}
	var value []byte
	var err error
	if m.Name == "" {
		var names []string
		names, err = x.Xattrs(r)
		for _, name := range names {
			value = append(append(value, name...), 0)
		}
	} else {
		value, err = x.Xattr(r, m.Name)
	}
	if err != nil {
		return nil, err
	}
	held := len(value) + len(m.Name)
	if err := r.s.reserve(held); err != nil {
		return nil, err
	}
	n := &fid{s: r.s, num: m.Newfid, place: f.place.share(), user: f.user,
		xattr: &xattr{name: m.Name, value: value, held: held}}
	if err := r.s.enter(n); err != nil {
		return nil, err
	}
	return &lib9p.Rxattrwalk{Size: uint64(len(value))}, nil
}

// xattrcreate makes the fid one to which an attribute is written.
func (r *request) xattrcreate(m *lib9p.Txattrcreate) (lib9p.Msg, error) {
	f := r.fid
	switch {
	case m.Name == "" || strings.ContainsRune(m.Name, 0) || len(m.Name) > 255:
		return nil, lib9p.EINVAL
	case m.Size > maxXattr:
		return nil, lib9p.E2BIG
	case m.Flags&^(lib9p.XattrCreate|lib9p.XattrReplace) != 0:
		return nil, lib9p.EINVAL
	}
	if _, ok := f.place.file.(Xattrer); !ok {
		return nil, lib9p.EOPNOTSUPP
	}
	if err := f.startOpen(); err != nil {
		return nil, err
	}
	defer f.endOpen(nil, 0, lib9p.EEXIST)
	held := len(m.Name)
	if err := r.s.reserve(held); err != nil {
		return nil, err
	}
	n := &fid{s: r.s, num: f.num, place: f.place.share(), user: f.user,
		xattr: &xattr{name: m.Name, size: m.Size, flags: m.Flags, writing: true, held: held}}
	return &lib9p.Rxattrcreate{}, r.s.replace(f, n)
}

// read copies from the value and returns how much; there is nothing behind its end.
func (x *xattr) read(p []byte, off uint64) int {
	x.mu.Lock()
	defer x.mu.Unlock()
	if off >= uint64(len(x.value)) {
		return 0
	}
	return copy(p, x.value[off:])
}

// write takes a part of the value, which must come in order and not be more than was said.
func (x *xattr) write(f *fid, p []byte, off uint64) (int, error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	switch {
	case !x.writing || x.done:
		return 0, errNotWrite
	case off > uint64(len(x.value)):
		return 0, lib9p.EINVAL
	case off+uint64(len(p)) > x.size:
		return 0, lib9p.ENOSPC
	}
	if more := int(off) + len(p) - len(x.value); more > 0 {
		if err := f.s.reserve(more); err != nil {
			return 0, err
		}
		x.held += more
		x.value = append(x.value, make([]byte, more)...)
	}
	return copy(x.value[off:], p), nil
}

// commit sets the attribute that has been written. Nothing at all with the flag
// to replace removes it: so Linux asks for a removal.
func (x *xattr) commit(r *request, f *fid) error {
	x.mu.Lock()
	defer x.mu.Unlock()
	if !x.writing || x.done {
		return nil
	}
	x.done = true
	if uint64(len(x.value)) != x.size {
		return lib9p.EINVAL
	}
	xa := f.place.file.(Xattrer)
	if x.size == 0 && x.flags == lib9p.XattrReplace {
		return xa.SetXattr(r, x.name, nil, x.flags)
	}
	return xa.SetXattr(r, x.name, append([]byte{}, x.value...), x.flags)
}

// forget gives back what the session counts for x.
func (x *xattr) forget(s *session) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.xattrBytes -= x.held
}
