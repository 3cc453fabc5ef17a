package memfs

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"testing"
)

// The contents agree with a plain slice, and what they count with what they take.
func TestSparse(t *testing.T) {
	const max = 5 * chunkSize
	rnd := rand.New(rand.NewPCG(1, 2))
	for range 20 {
		var s sparse
		var model []byte
		var held int64
		reserve := func(n int64) error { held += n; return nil }
		for range 200 {
			off, n := rnd.IntN(max), 1+rnd.IntN(1<<rnd.IntN(17))
			switch rnd.IntN(4) {
			case 0:
				held -= s.truncate(int64(off))
				model = append(model, make([]byte, max)...)[:off]
			case 1:
				got := make([]byte, n)
				m := s.readAt(got, int64(off))
				var want []byte
				if off < len(model) {
					want = model[off:min(off+n, len(model))]
				}
				if !bytes.Equal(got[:m], want) {
					t.Fatalf("read of %d at %d differs", n, off)
				}
			default:
				p := make([]byte, n)
				for i := range p {
					p[i] = byte(rnd.Uint32())
				}
				if m, err := s.writeAt(p, int64(off), reserve); m != n || err != nil {
					t.Fatal(m, err)
				}
				if end := off + n; end > len(model) {
					model = append(model, make([]byte, end-len(model))...)
				}
				copy(model[off:], p)
			}
			var took int64
			for _, c := range s.chunks {
				took += int64(cap(c)) + chunkCost
			}
			if s.size != int64(len(model)) || s.held != held || held != took {
				t.Fatalf("size %d of %d; counted %d, reserved %d, took %d", s.size, len(model), s.held, held, took)
			}
		}
	}
}

// A write for which there is not room for all is short, and one without any room is refused.
func TestSparseFull(t *testing.T) {
	full := errors.New("full")
	var s sparse
	left := int64(2 * (chunkSize + chunkCost))
	reserve := func(n int64) error {
		if n > left {
			return full
		}
		left -= n
		return nil
	}
	p := make([]byte, 3*chunkSize)
	if n, err := s.writeAt(p, 0, reserve); n != 2*chunkSize || err != nil {
		t.Errorf("wrote %d, %v", n, err)
	}
	if n, err := s.writeAt(p, 2*chunkSize, reserve); n != 0 || err != full {
		t.Errorf("wrote %d, %v", n, err)
	}
	if n, err := s.writeAt(p[:10], 0, reserve); n != 10 || err != nil {
		t.Errorf("wrote %d, %v", n, err)
	}
}
