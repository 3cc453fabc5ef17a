package lib9p

import (
	"bytes"
	"io"
	"reflect"
	"testing"
)

// seeds gives each filled message of each dialect.
func seeds(seed func(d Dialect, m Msg)) {
	for d := P2000; d <= L; d++ {
		for typ := range 256 {
			if d.Legal(uint8(typ)) {
				m, n := New(uint8(typ)), uint64(typ)
				fill(reflect.ValueOf(m).Elem(), &n)
				seed(d, m)
			}
		}
	}
}

// Unpack takes what Validate takes and nothing else; what it takes is packed to the same bytes
// again, and survives the way over text.
func FuzzUnpack(f *testing.F) {
	seeds(func(d Dialect, m Msg) {
		if frame, err := Pack(d, 7, m); err == nil {
			f.Add(byte(d), []byte(frame))
		}
	})
	f.Add(byte(L), []byte{11, 0, 0, 0, TypeTfsync, 1, 0, 2, 0, 0, 0})
	f.Fuzz(func(t *testing.T, dialect byte, b []byte) {
		d := Dialect(dialect % 3)
		tag, m, err := Unpack(d, b)
		if verr := Frame(b).Validate(d); (err == nil) != (verr == nil) {
			t.Fatalf("Unpack says %v, Validate %v", err, verr)
		}
		if err != nil {
			return
		}
		want := Frame(b)
		if want.Type() == TypeTfsync && len(want) == HeaderSize+4 { // the old form becomes the new one
			want = append(bytes.Clone(want), 0, 0, 0, 0)
			le.PutUint32(want, uint32(len(want)))
		}
		got, err := Pack(d, tag, m)
		if err != nil || !bytes.Equal(got, want) {
			t.Fatalf("packed again: %x, %v", got, err)
		}
		if want.Type()%2 == 0 { // a request: its fids are inside
			first, second := want.FidOffsets()
			want.U32(first)
			want.U32(second)
		}
		line := Format(d, tag, m)
		tag2, m2, err := Parse(d, line)
		if err != nil || tag2 != tag {
			t.Fatalf("%s: tag %d, %v", line, tag2, err)
		}
		if got, err := Pack(d, tag, m2); err != nil || !bytes.Equal(got, want) {
			t.Fatalf("%s: packed again: %x, %v", line, got, err)
		}
	})
}

// A line that Parse takes is formatted to a line that means the same.
func FuzzParse(f *testing.F) {
	seeds(func(d Dialect, m Msg) { f.Add(byte(d), Format(d, 7, m)) })
	f.Fuzz(func(t *testing.T, dialect byte, line string) {
		d := Dialect(dialect % 3)
		tag, m, err := Parse(d, line)
		if err != nil {
			return
		}
		again := Format(d, tag, m)
		tag2, m2, err := Parse(d, again)
		if err != nil || tag2 != tag || Format(d, tag2, m2) != again {
			t.Fatalf("%q becomes %q, %v", line, again, err)
		}
	})
}

// pieces is a stream that gives its bytes in pieces of the sizes in cuts, over and over.
type pieces struct {
	b, cuts []byte
	i       int
}

func (p *pieces) Read(b []byte) (int, error) {
	if len(p.b) == 0 {
		return 0, io.EOF
	}
	n := len(b)
	if len(p.cuts) > 0 {
		n = min(n, int(p.cuts[p.i%len(p.cuts)])+1)
		p.i++
	}
	n = copy(b[:n], p.b)
	p.b = p.b[n:]
	return n, nil
}

// However a stream is cut, a Reader gives the same frames and the same error.
func FuzzReader(f *testing.F) {
	all, _ := frames(f)
	f.Add(all[:1000], []byte{0})
	f.Add(all, []byte{1, 50, 200})
	f.Add([]byte{6, 0, 0, 0}, []byte{})
	f.Fuzz(func(t *testing.T, b, cuts []byte) {
		const max = 70_000
		r := NewReader(&pieces{b: b, cuts: cuts}, max)
		for rest := b; ; {
			f, err := r.Next()
			if err == nil {
				if f.Check() != nil || len(f) > max || !bytes.HasPrefix(rest, f) {
					t.Fatalf("frame %x", f)
				}
				rest = rest[len(f):]
				continue
			}
			size := uint32(0)
			if len(rest) >= 4 {
				size = Frame(rest).Size()
			}
			var want bool
			switch err := err.(type) {
			case *FrameError:
				want = len(rest) >= 4 && (size < HeaderSize || size > max)
			default:
				want = err == io.EOF && len(rest) == 0 || err == io.ErrUnexpectedEOF && (len(rest) < 4 || int(size) > len(rest))
			}
			if !want {
				t.Fatalf("%v where %d bytes are left, a frame of %d", err, len(rest), size)
			}
			return
		}
	})
}
