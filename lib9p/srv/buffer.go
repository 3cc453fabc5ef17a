package srv

import "sync"

// A buffer holds a frame or a part of one. It comes from the pool of its class and goes back there.
type buffer struct {
	b     []byte
	class int // index of classes, or -1 where it came from no pool
}

// classes are the sizes of pooled buffers: a little reply, a directory's worth,
// and reads and writes of the sizes that clients use, each with its header.
var classes = [...]int{512, 8<<10 + 64, 64<<10 + 64, 256<<10 + 64, 1<<20 + 64}

var pools [len(classes)]sync.Pool

// newBuffer returns an empty buffer with room for n bytes.
func newBuffer(n int) *buffer {
	for i, size := range classes {
		if n <= size {
			if b, _ := pools[i].Get().(*buffer); b != nil {
				return b
			}
			return &buffer{b: make([]byte, 0, size), class: i}
		}
	}
	return &buffer{b: make([]byte, 0, n), class: -1}
}

// free gives the buffer back. It may be nil.
func (b *buffer) free() {
	if b == nil || b.class < 0 {
		return
	}
	if cap(b.b) != classes[b.class] { // it has grown beyond its class
		return
	}
	b.b = b.b[:0]
	pools[b.class].Put(b)
}
