package load

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"time"

	"golang.org/x/sys/unix"
)

// An exerciser does things at random to one file, and knows at every moment what must be in it, as fsx does. None of
// what it asks for can be in doubt, so that every error is a fault.
type exerciser struct {
	path string
	fd   int
	want []byte
	r    *rand.Rand
	last []string // what it has done lately
}

const (
	mostFile = 300 << 10
	mostOp   = 40 << 10
)

// Exercise works on a new file. With the same seed it does the same.
func Exercise(path string, seed uint64, in io.Reader, out io.Writer) *Report {
	r := start("exercise", in, out)
	x := &exerciser{path: path, r: rand.New(rand.NewPCG(seed, 11)), fd: -1}
	err := x.open(unix.O_CREAT | unix.O_TRUNC)
	for err == nil && !r.over() {
		start := time.Now()
		if err = x.step(); err == nil {
			r.did(start)
		}
	}
	if err == nil {
		err = x.compare(0, len(x.want)+1)
	}
	if err == nil {
		err = unix.Close(x.fd)
	}
	if err != nil {
		r.fault("%s: %v; before that: %q", path, err, x.last)
	}
	return r.end()
}

func (x *exerciser) did(format string, args ...any) {
	x.last = append(x.last, fmt.Sprintf(format, args...))
	if len(x.last) > 12 {
		x.last = slices.Delete(x.last, 0, 1)
	}
}

func (x *exerciser) open(flags int) (err error) {
	x.did("open %#o", flags)
	if x.fd >= 0 {
		if err := unix.Close(x.fd); err != nil {
			return fmt.Errorf("close: %w", err)
		}
	}
	if x.fd, err = unix.Open(x.path, flags|unix.O_RDWR|unix.O_CLOEXEC, 0o644); err != nil {
		return fmt.Errorf("open: %w", err)
	}
	if flags&unix.O_TRUNC != 0 {
		x.want = nil
	}
	return nil
}

func (x *exerciser) step() error {
	off, n := x.r.IntN(mostFile-mostOp), 1+x.r.IntN(mostOp)
	switch k := x.r.IntN(100); {
	case k < 35:
		return x.write(off, n)
	case k < 70:
		return x.compare(off, n)
	case k < 78:
		return x.truncate(x.r.IntN(mostFile))
	case k < 84:
		return x.mapped(off, n)
	case k < 90:
		return x.open(0)
	case k < 92:
		return x.open(unix.O_TRUNC)
	case k < 96:
		x.did("fsync")
		return unix.Fsync(x.fd)
	}
	return x.size()
}

func (x *exerciser) write(off, n int) error {
	x.did("write %d at %d", n, off)
	b := bytes.Repeat([]byte{byte('a' + x.r.IntN(26))}, n)
	if m, err := unix.Pwrite(x.fd, b, int64(off)); err != nil || m != n {
		return fmt.Errorf("write %d of %d at %d: %w", m, n, off, err)
	}
	x.grow(off + n)
	copy(x.want[off:], b)
	return nil
}

func (x *exerciser) grow(size int) {
	if size > len(x.want) {
		x.want = append(x.want, make([]byte, size-len(x.want))...)
	}
}

// compare reads a range and holds it against what must be there.
func (x *exerciser) compare(off, n int) error {
	x.did("read %d at %d", n, off)
	b := make([]byte, n)
	m, err := unix.Pread(x.fd, b, int64(off))
	if err != nil {
		return fmt.Errorf("read %d at %d: %w", n, off, err)
	}
	want := x.want[min(off, len(x.want)):min(off+n, len(x.want))]
	if !bytes.Equal(b[:m], want) {
		at := 0
		for at < min(m, len(want)) && b[at] == want[at] {
			at++
		}
		return fmt.Errorf("read %d at %d: %d bytes where %d are wanted, the first other one at %d", n, off, m, len(want), off+at)
	}
	return nil
}

func (x *exerciser) truncate(size int) error {
	x.did("truncate to %d", size)
	if err := unix.Ftruncate(x.fd, int64(size)); err != nil {
		return fmt.Errorf("truncate to %d: %w", size, err)
	}
	x.grow(size)
	x.want = x.want[:size:size]
	return x.size()
}

func (x *exerciser) size() error {
	var st unix.Stat_t
	if err := unix.Fstat(x.fd, &st); err != nil {
		return fmt.Errorf("fstat: %w", err)
	}
	if st.Size != int64(len(x.want)) {
		return fmt.Errorf("the size is %d, not %d", st.Size, len(x.want))
	}
	return nil
}

// mapped reads through memory.
func (x *exerciser) mapped(off, n int) error {
	const page = 4096
	off -= off % page
	if n = min(n, len(x.want)-off); n <= 0 {
		return nil
	}
	x.did("map %d at %d", n, off)
	m, err := unix.Mmap(x.fd, int64(off), n, unix.PROT_READ, unix.MAP_SHARED)
	if err != nil {
		return fmt.Errorf("mmap: %w", err)
	}
	defer unix.Munmap(m)
	if !bytes.Equal(m, x.want[off:off+n]) {
		return fmt.Errorf("the map of %d at %d has other bytes than were written", n, off)
	}
	return nil
}
