//go:build sim || mutate

package sim

import "github.com/styxkit/styxkit/lib9p"

// set makes b the content of n from at on, as o says.
func (n *inode) set(at uint64, b []byte, o *op) {
	n.over = nil
	n.grow(at+uint64(len(b)), o)
	n.over = append(n.over, n.by[at:at+uint64(len(b))]...)
	copy(n.data[at:], b)
	for i := range b {
		n.by[int(at)+i] = o
	}
}

// resize makes n that long, as o says.
func (n *inode) resize(length uint64, o *op) {
	length = min(length, maxFile)
	n.grow(length, o)
	n.over = append([]*op(nil), n.by[length:]...)
	n.data, n.by = n.data[:length:length], n.by[:length:length]
}

func (n *inode) grow(length uint64, o *op) {
	for uint64(len(n.by)) < uint64(len(n.data)) {
		n.by = append(n.by, nil) // what was there in the beginning
	}
	for uint64(len(n.data)) < length {
		n.data, n.by = append(n.data, 0), append(n.by, o)
	}
}

// contents looks, in the end, whether each byte of each file comes from the last write to it that was acknowledged, or from one
// that was under way at the same time.
func (w *world) contents() {
	seen := make(map[*inode]bool)
	for _, o := range w.ops {
		n := o.dir
		if n == nil || seen[n] || len(n.by) != len(n.data) {
			continue
		}
		seen[n] = true
		for _, p := range n.writes {
			if p == nil || p.replied == 0 || p.outcome != succeeded {
				continue
			}
			from, to := p.extent(len(n.data))
			for i := from; i < to; i++ {
				if a := n.by[i]; a == nil || a != p && a.outcome == succeeded && a.replied < p.issued {
					w.fail("operation %d, %s, was acknowledged, and byte %d of file %d is what it was before", p.id, lib9p.TypeName(p.typ), i, n.path)
					return
				}
			}
		}
	}
}

// extent returns the part of a file, now size bytes long, that has to be as o or something later left it.
func (o *op) extent(size int) (from, to int) {
	switch m := o.msg.(type) {
	case *lib9p.Twrite:
		if o.late {
			return 0, 0 // at the end, wherever that was
		}
		return int(m.Offset), min(int(m.Offset)+o.count, size)
	case *lib9p.Tsetattr:
		return int(m.Size), size
	case *lib9p.Twstat:
		return int(m.Stat.Length), size
	}
	return 0, size // opened to be emptied
}
