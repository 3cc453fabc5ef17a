package fuse

import (
	"context"

	"github.com/styxkit/styxkit/lib9p"
)

// plainDir is the entries of a directory in the order they were read. The older dialects can read a directory from its
// beginning only, and know no "." and "..".
type plainDir struct {
	entries []entry
	next    uint64 // where to go on reading
	end     bool
}

// readdir serves offsets from what has been read: an entry's offset is its place in the list.
func (p *plain) readdir(ctx context.Context, h *handle, offset uint64) ([]entry, error) {
	d := &h.dir.plain
	if offset == 0 {
		*d = plainDir{entries: dots(h.node)}
	}
	for !d.end && offset >= uint64(len(d.entries)) {
		stats, next, err := h.fid().ReadDirStats(ctx, d.next, readdirSize)
		if err != nil {
			return nil, err
		}
		d.next, d.end = next, len(stats) == 0
		for i := range stats {
			s := &stats[i]
			a := p.attr(s)
			d.entries = append(d.entries, entry{attr: a, Dirent: lib9p.Dirent{
				Qid: s.Qid, Offset: uint64(len(d.entries)) + 1, Type: uint8(a.Mode >> 12), Name: s.Name,
			}})
		}
	}
	if offset >= uint64(len(d.entries)) {
		return nil, nil
	}
	return d.entries[offset:], nil
}

func dots(n *node) []entry {
	e := func(name string, offset uint64) entry {
		return entry{Dirent: lib9p.Dirent{Qid: n.qid, Offset: offset, Type: lib9p.ModeDir >> 12, Name: name}}
	}
	return []entry{e(".", 1), e("..", 2)}
}
