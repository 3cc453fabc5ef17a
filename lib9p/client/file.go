package client

import (
	"context"
	"fmt"
	"strconv"

	"github.com/styxkit/styxkit/lib9p"
)

// Open prepares the fid for reading and writing, in 9P2000 and .u. mode is of open(5).
func (f *Fid) Open(ctx context.Context, mode uint8) error {
	r, err := ask[*lib9p.Ropen](ctx, f.c, &lib9p.Topen{Fid: f.num, Mode: mode}, f)
	if err != nil {
		return err
	}
	f.opened(r.Qid, r.Iounit)
	return nil
}

// Create makes a file in the directory f, which becomes the fid of the new file, open with mode, in 9P2000 and .u.
// ext is .u's extension: a link's target, a device's numbers.
func (f *Fid) Create(ctx context.Context, name string, perm uint32, mode uint8, ext string) error {
	m := &lib9p.Tcreate{Fid: f.num, Name: name, Perm: perm, Mode: mode, Extension: ext}
	r, err := ask[*lib9p.Rcreate](ctx, f.c, m, f)
	if err != nil {
		return err
	}
	f.opened(r.Qid, r.Iounit)
	return nil
}

// HardLink gives the file source a further name in the directory f, in .u; f then stands on the file.
func (f *Fid) HardLink(ctx context.Context, source *Fid, name string) error {
	ext := strconv.FormatUint(uint64(source.num), 10) + "\n" // as v9fs writes it
	m := &lib9p.Tcreate{Fid: f.num, Name: name, Perm: lib9p.DMLINK | 0o666, Extension: ext}
	_, err := ask[*lib9p.Rcreate](ctx, f.c, m, f, source)
	return err
}

// Stat returns the file's directory entry, in 9P2000 and .u.
func (f *Fid) Stat(ctx context.Context) (lib9p.Stat, error) {
	r, err := ask[*lib9p.Rstat](ctx, f.c, &lib9p.Tstat{Fid: f.num}, f)
	if err != nil {
		return lib9p.Stat{}, err
	}
	return r.Stat, nil
}

// Wstat changes the fields of s that differ from those of [lib9p.NullStat], in 9P2000 and .u.
func (f *Fid) Wstat(ctx context.Context, s *lib9p.Stat) error {
	_, err := ask[*lib9p.Rwstat](ctx, f.c, &lib9p.Twstat{Fid: f.num, Stat: *s}, f)
	return err
}

// ReadAt reads at most len(p) and at most Iounit bytes with one Tread. It may return fewer than
// asked for; 0 bytes without an error are the end of the file.
func (f *Fid) ReadAt(ctx context.Context, p []byte, off int64) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	k, err := f.startRead(ctx, p, off)
	if err != nil {
		return 0, err
	}
	return f.c.count(ctx, k)
}

// count waits for the answer to a read or write, which it frees, and returns how many bytes that was of.
func (c *Conn) count(ctx context.Context, k *call) (int, error) {
	defer c.free(k)
	if err := c.wait(ctx, k); err != nil {
		return 0, err
	}
	return k.n, nil
}

func (f *Fid) startRead(ctx context.Context, p []byte, off int64) (*call, error) {
	if off < 0 {
		return nil, fmt.Errorf("read: offset %d is negative", off)
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	k := f.c.newCall(lib9p.TypeRread)
	k.dst = p[:min(len(p), int(f.Iounit()))]
	k.max = uint32(len(k.dst))
	k.tread = lib9p.Tread{Fid: f.num, Offset: uint64(off), Count: k.max}
	if err := f.c.begin(ctx, k, &k.tread, f); err != nil {
		f.c.free(k)
		return nil, err
	}
	return k, nil
}

// WriteAt writes at most Iounit bytes of p with one Twrite and returns how many the server took.
func (f *Fid) WriteAt(ctx context.Context, p []byte, off int64) (int, error) {
	k, err := f.startWrite(ctx, p, off)
	if err != nil {
		return 0, err
	}
	return f.c.count(ctx, k)
}

func (f *Fid) startWrite(ctx context.Context, p []byte, off int64) (*call, error) {
	if off < 0 {
		return nil, fmt.Errorf("write: offset %d is negative", off)
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	k := f.c.newCall(lib9p.TypeRwrite)
	p = p[:min(len(p), int(f.Iounit()))]
	k.max = uint32(len(p))
	k.twrite = lib9p.Twrite{Fid: f.num, Offset: uint64(off), Data: p}
	err := f.c.begin(ctx, k, &k.twrite, f)
	k.twrite.Data = nil
	if err != nil {
		f.c.free(k)
		return nil, err
	}
	return k, nil
}

// ReadDirStats reads entries of the directory, open for reading, with one Tread of at most count bytes, in 9P2000
// and .u. offset is 0 or the next of the call before. No entries without an error are the end.
func (f *Fid) ReadDirStats(ctx context.Context, offset uint64, count uint32) (stats []lib9p.Stat, next uint64, err error) {
	b := f.c.buffer(int(min(count, f.Iounit())))
	defer f.c.recycle(b)
	n, err := f.ReadAt(ctx, b.b[:min(cap(b.b), int(count))], int64(offset))
	if err != nil {
		return nil, offset, err
	}
	for rest := b.b[:n]; len(rest) > 0; {
		var s lib9p.Stat
		if s, rest, err = lib9p.NextStat(rest, f.c.dialect); err != nil {
			return nil, offset, fmt.Errorf("read directory: %w", err)
		}
		stats = append(stats, s)
	}
	return stats, offset + uint64(n), nil
}
