package srv

// maxOffset is the last byte that a file can have. A lock to it reaches to the end, whatever that is.
const maxOffset = 1<<63 - 1

// A span is the bytes from start to end, both among them.
type span struct{ start, end uint64 }

// length is what Tlock calls the length: 0 is to the end of the file.
func (s span) length() uint64 {
	if s.end == maxOffset {
		return 0
	}
	return s.end - s.start + 1
}

func (s span) overlaps(t span) bool { return s.start <= t.end && t.start <= s.end }

// touches says whether the two make one piece.
func (s span) touches(t span) bool {
	return s.start <= t.end+1 && t.start <= s.end+1
}

// minus returns what is left of s without t.
func (s span) minus(t span) []span {
	if !s.overlaps(t) {
		return []span{s}
	}
	var rest []span
	if s.start < t.start {
		rest = append(rest, span{s.start, t.start - 1})
	}
	if s.end > t.end {
		rest = append(rest, span{t.end + 1, s.end})
	}
	return rest
}
