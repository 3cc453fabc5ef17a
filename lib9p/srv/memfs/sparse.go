package memfs

// A sparse is the contents of a file: chunks where something has been written,
// and zeros elsewhere.
type sparse struct {
	size   int64
	held   int64            // what the chunks count, chunkCost for each and their capacity
	chunks map[int64][]byte // by offset / chunkSize; what is behind a chunk's end is zero
}

const (
	chunkSize = 32 << 10
	chunkCost = 64
	minChunk  = 512
	maxSize   = 1 << 62 // of a file
)

func (s *sparse) readAt(p []byte, off int64) int {
	if off >= s.size {
		return 0
	}
	p = p[:min(int64(len(p)), s.size-off)]
	for n := 0; n < len(p); {
		at := off + int64(n)
		in := int(at % chunkSize)
		part := p[n:min(len(p), n+chunkSize-in)]
		got := 0
		if c := s.chunks[at/chunkSize]; in < len(c) {
			got = copy(part, c[in:])
		}
		clear(part[got:])
		n += len(part)
	}
	return len(p)
}

// writeAt writes what reserve finds room for, and returns its error only when that is nothing.
func (s *sparse) writeAt(p []byte, off int64, reserve func(int64) error) (n int, err error) {
	for n < len(p) {
		at := off + int64(n)
		in := int(at % chunkSize)
		part := p[n:min(len(p), n+chunkSize-in)]
		c, err := s.grow(at/chunkSize, in+len(part), reserve)
		if err != nil {
			if n > 0 {
				break
			}
			return 0, err
		}
		copy(c[in:], part)
		n += len(part)
		s.size = max(s.size, off+int64(n))
	}
	return n, nil
}

// grow returns a chunk that is at least n bytes long.
func (s *sparse) grow(index int64, n int, reserve func(int64) error) ([]byte, error) {
	c, ok := s.chunks[index]
	if n > cap(c) {
		size := minChunk
		for size < n {
			size *= 2
		}
		cost := int64(size - cap(c))
		if !ok {
			cost += chunkCost
		}
		if err := reserve(cost); err != nil {
			return nil, err
		}
		s.held += cost
		c = append(make([]byte, 0, size), c...)
	}
	if n > len(c) {
		was := len(c)
		c = c[:n]
		clear(c[was:])
	}
	if s.chunks == nil {
		s.chunks = make(map[int64][]byte)
	}
	s.chunks[index] = c
	return c, nil
}

// truncate sets the size, and returns what it has let go of.
func (s *sparse) truncate(size int64) (freed int64) {
	if size < s.size {
		if size == 0 {
			freed, s.held, s.chunks = s.held, 0, nil
		}
		for index, c := range s.chunks {
			switch start := index * chunkSize; {
			case start >= size:
				freed += int64(cap(c)) + chunkCost
				delete(s.chunks, index)
			case start+int64(len(c)) > size:
				s.chunks[index] = c[:size-start]
			}
		}
		if size > 0 {
			s.held -= freed
		}
	}
	s.size = size
	return freed
}
