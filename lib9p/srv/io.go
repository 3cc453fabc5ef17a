package srv

import (
	"encoding/binary"
	"io"
	"math"

	"9fans.net/go/plan9"

	"github.com/styxkit/styxkit/lib9p"
)

const qtDir = plan9.QTDIR

// reply makes r.out the reply of type typ that carries n bytes of data, and
// returns where they go. What is filled in less is cut by setData.
func (r *request) reply(n int) []byte {
	const at = lib9p.HeaderSize + 4
	r.out = newBuffer(at + n)
	r.out.b = r.out.b[:at+n]
	return r.out.b[at:]
}

// setData makes the reply that reply began a whole frame with n bytes of data.
func (r *request) setData(typ uint8, n int) {
	const at = lib9p.HeaderSize + 4
	b := r.out.b[:at+n]
	binary.LittleEndian.PutUint32(b, uint32(len(b)))
	b[4] = typ
	binary.LittleEndian.PutUint16(b[5:], r.tag)
	binary.LittleEndian.PutUint32(b[7:], uint32(n))
	r.out.b = b
}

// read answers a Tread: of a file, of a directory in 9P2000 and .u, or of an extended attribute.
func (r *request) read(m *lib9p.Tread) error {
	f := r.fid
	if f.xattr != nil {
		n := f.xattr.read(r.reply(int(m.Count)), m.Offset)
		r.setData(lib9p.TypeRread, n)
		return nil
	}
	h, access, err := r.opened()
	if err != nil {
		return err
	}
	if access == lib9p.LWRONLY {
		return errNotRead
	}
	if f.qid().Type&qtDir != 0 {
		if r.dialect == lib9p.L {
			return lib9p.EISDIR
		}
		return r.readStats(m, h)
	}
	rd, ok := h.(Reader)
	if !ok {
		return errNotRead
	}
	if m.Offset > math.MaxInt64-uint64(m.Count) {
		return errOffset
	}
	n, err := rd.ReadAt(r, r.reply(int(m.Count)), int64(m.Offset))
	if err != nil && err != io.EOF && n == 0 {
		return err
	}
	r.setData(lib9p.TypeRread, n)
	return nil
}

func (r *request) write(m *lib9p.Twrite) (lib9p.Msg, error) {
	f := r.fid
	if f.xattr != nil {
		n, err := f.xattr.write(f, m.Data, m.Offset)
		return &lib9p.Rwrite{Count: uint32(n)}, err
	}
	h, access, err := r.opened()
	if err != nil {
		return nil, err
	}
	w, ok := h.(Writer)
	if !ok || access == lib9p.LRDONLY {
		return nil, errNotWrite
	}
	if m.Offset > math.MaxInt64-uint64(len(m.Data)) {
		return nil, errOffset
	}
	n, err := w.WriteAt(r, m.Data, int64(m.Offset))
	if err != nil && n == 0 {
		return nil, err
	}
	return &lib9p.Rwrite{Count: uint32(n)}, nil
}

// readdir answers a Treaddir with the entries that fit.
func (r *request) readdir(m *lib9p.Treaddir) error {
	h, _, err := r.opened()
	if err != nil {
		return err
	}
	d, ok := h.(DirReader)
	if !ok {
		return lib9p.ENOTDIR
	}
	data, full := r.reply(int(m.Count))[:0], false
	err = d.ReadDir(r, m.Offset, func(e *lib9p.Dirent) bool {
		if full = len(data)+e.Size() > cap(data) || len(data)+e.Size() > int(m.Count); full {
			return false
		}
		data = lib9p.AppendDirent(data, e)
		return true
	})
	switch {
	case len(data) > 0:
	case err != nil:
		return err
	case full:
		return errSmallCount // an empty reply would say that there is no more
	}
	r.setData(lib9p.TypeRreaddir, len(data))
	return nil
}

func (r *request) fsync(m *lib9p.Tfsync) (lib9p.Msg, error) {
	h, _, err := r.opened()
	if err != nil {
		return nil, err
	}
	if s, ok := h.(Syncer); ok {
		if err := s.Sync(r, m.Datasync != 0); err != nil {
			return nil, err
		}
	}
	return &lib9p.Rfsync{}, nil
}
