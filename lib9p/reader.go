package lib9p

import (
	"fmt"
	"io"
)

// A Transport carries a 9P conversation. Close must end a pending Read and Write.
// Where it also has CloseWrite() error, the end of sending can be told to the peer alone;
// where it has SetWriteDeadline(time.Time) error, a write that is under way can be ended.
type Transport = io.ReadWriteCloser

// A FrameError says that a peer sent what cannot be a message. The conversation cannot go on.
type FrameError struct {
	Size uint32 // what the frame says of its size
	Max  uint32 // the most that may be
}

func (e *FrameError) Error() string {
	if e.Size < HeaderSize {
		return fmt.Sprintf("read message: size %d is less than a header", e.Size)
	}
	return fmt.Sprintf("read message: size %d is more than the %d agreed on", e.Size, e.Max)
}

// A Reader takes frames from a stream. It reads as much as there is and gives frames where they
// lie in its buffer, so that a run of them can be patched and passed on with one write.
type Reader struct {
	r          io.Reader
	buf        []byte
	start, end int // what has been read and not given
	max        uint32
}

// readAhead is how much a Reader asks for beside one message, in bytes. Several messages of 64 KiB in one buffer
// make a relay with deep queues a quarter faster than one.
const readAhead = 256 << 10

// NewReader returns a Reader that takes frames of at most max bytes from r.
func NewReader(r io.Reader, max uint32) *Reader {
	return &Reader{r: r, max: max, buf: make([]byte, readAhead)}
}

// SetMax changes the size of the largest frame, in bytes. The buffer grows as frames need it.
func (r *Reader) SetMax(max uint32) { r.max = max }

// More reports whether a whole frame lies in the buffer (or a bad one), so that Next will not read.
func (r *Reader) More() bool {
	have := r.end - r.start
	if have < 4 {
		return false
	}
	size := Frame(r.buf[r.start:]).Size()
	return size < HeaderSize || size > r.max || uint64(size) <= uint64(have)
}

// Next returns the next frame. The frame is the Reader's until Next is called while More is false.
// Frames given until then lie one behind the other, and the capacity of each reaches over those that
// follow: run[:len(run)+len(next)] is both, to be written at once.
// The error is io.EOF at the end between two frames, io.ErrUnexpectedEOF within one,
// a *FrameError for a size that cannot be, or what the stream's Read said.
func (r *Reader) Next() (Frame, error) {
	if !r.More() {
		if err := r.fill(); err != nil {
			return nil, err
		}
	}
	size := Frame(r.buf[r.start:]).Size()
	if size < HeaderSize || size > r.max {
		return nil, &FrameError{Size: size, Max: r.max}
	}
	f := Frame(r.buf[r.start : r.start+int(size) : r.end])
	r.start += int(size)
	return f, nil
}

func (r *Reader) fill() error {
	if r.start > 0 {
		r.end = copy(r.buf, r.buf[r.start:r.end])
		r.start = 0
	}
	for zero := 0; ; {
		if r.end >= 4 {
			if size := Frame(r.buf).Size(); size <= r.max && int(size) > len(r.buf) {
				grown := make([]byte, int(size)+readAhead)
				copy(grown, r.buf[:r.end])
				r.buf = grown
			}
		}
		n, err := r.r.Read(r.buf[r.end:])
		r.end += n
		switch {
		case r.More():
			return nil
		case err == io.EOF && r.end > 0:
			return io.ErrUnexpectedEOF
		case err != nil:
			return err
		case n > 0:
			zero = 0
		default:
			if zero++; zero == 100 {
				return io.ErrNoProgress
			}
		}
	}
}
