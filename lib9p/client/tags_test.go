package client_test

import (
	"errors"

	"github.com/styxkit/styxkit/lib9p"
)

// A tags has tests speak of tags by the lowest numbers that are not in use: which of those that are free
// a client takes is its own business, but not that it takes one that is not.
type tags struct {
	client  map[uint16]uint16 // by the test's number
	test    map[uint16]uint16 // by the client's
	flushed map[uint16]bool   // the test's numbers of which a Tflush has no answer
	owed    map[uint16]bool   // and those of requests that have none
}

const flushBit = 0x8000 // in the tag of the Tflush of a tag

func newTags() tags {
	return tags{map[uint16]uint16{}, map[uint16]uint16{}, map[uint16]bool{}, map[uint16]bool{}}
}

// heard returns the test's number for tag, with which the client has sent m.
func (t tags) heard(tag uint16, m lib9p.Msg) (uint16, error) {
	if tag == lib9p.NoTag {
		return tag, nil
	}
	if fl, ok := m.(*lib9p.Tflush); ok {
		n, ok := t.test[fl.Oldtag]
		if !ok || tag != fl.Oldtag|flushBit {
			return tag, errors.New("flush of no request")
		}
		t.flushed[n] = true
		fl.Oldtag = n
		return n | flushBit, nil
	}
	if _, used := t.test[tag]; used {
		return tag, errors.New("tag is in use")
	}
	n := uint16(0)
	for t.owed[n] || t.flushed[n] {
		n++
	}
	t.test[tag], t.client[n], t.owed[n] = n, tag, true
	return n, nil
}

// said returns the client's number for n, with which a test has m said. What nobody has asked keeps its number.
func (t tags) said(n uint16, m lib9p.Msg) uint16 {
	i := n &^ flushBit
	tag, ok := t.client[i]
	switch {
	case !ok || n == lib9p.NoTag || n&flushBit != 0 && !t.flushed[i]:
		return n
	case n&flushBit != 0:
		delete(t.flushed, i)
		if _, done := m.(*lib9p.Rflush); done {
			delete(t.owed, i)
		}
		tag |= flushBit
	default:
		delete(t.owed, i)
	}
	if !t.owed[i] && !t.flushed[i] {
		delete(t.client, i)
		delete(t.test, tag&^flushBit)
	}
	return tag
}
