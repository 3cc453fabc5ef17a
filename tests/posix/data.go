package posix

import (
	"bytes"
	"fmt"
	"os"
	"strings"
	"sync"

	"golang.org/x/sys/unix"
)

var data = []Case{WriteAtOffsets, Holes, Truncates, TruncatesOpen, Large, WritersSideBySide, Vectors, MapShared, MapPrivate, MapWrites, SeeksData, Syncs, Direct, Allocates, PunchesHoles, CopiesRange, Visible, ZeroLength}

// WriteAtOffsets writes here and there.
func WriteAtOffsets(t *T) {
	fd := t.open(t.path("f"), unix.O_CREAT|unix.O_RDWR)
	want := make([]byte, 5000)
	for i, off := range []int{4000, 0, 100, 99, 4999, 2500} {
		b := bytes.Repeat([]byte{byte('a' + i)}, min(300, len(want)-off))
		copy(want[off:], b)
		equal(t, "what was written", got(unix.Pwrite(fd, b, int64(off)))(t), len(b))
	}
	b := make([]byte, 6000)
	n := got(unix.Pread(fd, b, 0))(t)
	if !bytes.Equal(b[:n], want) {
		t.failf("reads other bytes than were written")
	}
	equal(t, "a read at the end", got(unix.Pread(fd, b, 5000))(t), 0)
	equal(t, "a read behind the end", got(unix.Pread(fd, b, 1<<40))(t), 0)
	equal(t, "a read over the end", got(unix.Pread(fd, b, 4990))(t), 10)
	_, err := unix.Pread(fd, b, -1)
	t.wants(err, unix.EINVAL)
	t.close(fd)
}

// Holes reads zeros where nothing was written.
func Holes(t *T) {
	fd := t.open(t.path("f"), unix.O_CREAT|unix.O_RDWR)
	const far = 1 << 32
	got(unix.Pwrite(fd, []byte("end"), far))(t)
	equal(t, "the size", t.fstat(fd).Size, far+3)
	b := make([]byte, 4096)
	for _, off := range []int64{0, 12345, far - 4096} {
		b[0], b[4095] = 1, 1
		equal(t, "what a hole gives", got(unix.Pread(fd, b, off))(t), 4096)
		if !bytes.Equal(b, make([]byte, 4096)) {
			t.failf("the hole at %d is not zeros", off)
		}
	}
	t.close(fd)
}

// Truncates makes a file shorter and longer by its name.
func Truncates(t *T) {
	f := t.file("f", "0123456789")
	t.ok(unix.Truncate(f, 4))
	t.holds(f, "0123")
	t.ok(unix.Truncate(f, 8))
	t.holds(f, "0123\x00\x00\x00\x00")
	t.ok(unix.Truncate(f, 0))
	t.holds(f, "")
	t.wants(unix.Truncate(f, -1), unix.EINVAL)
	t.wants(unix.Truncate(t.path("none"), 0), unix.ENOENT)
	t.wants(unix.Truncate(t.dir("d"), 0), unix.EISDIR)
}

// TruncatesOpen does so while the file is open, and read and written.
func TruncatesOpen(t *T) {
	f := t.file("f", strings.Repeat("x", 10000))
	r, w := t.open(f, unix.O_RDONLY), t.open(f, unix.O_RDWR)
	equal(t, "what is read first", len(t.read(r, 5000)), 5000)
	t.ok(unix.Ftruncate(w, 6000))
	equal(t, "what is left", len(t.read(r, 5000)), 1000)
	equal(t, "what is at the end", len(t.read(r, 5000)), 0)
	t.ok(unix.Ftruncate(w, 9000))
	equal(t, "what has grown", t.read(r, 5000), strings.Repeat("\x00", 3000))
	t.wants(unix.Ftruncate(r, 0), unix.EINVAL, unix.EBADF)
	t.close(r)
	t.close(w)
}

// Large writes and reads more than any message holds.
func Large(t *T) {
	want := make([]byte, 9<<20+77)
	for i := range want {
		want[i] = byte(i ^ i>>8 ^ i>>16)
	}
	f := t.path("f")
	t.ok(os.WriteFile(f, want, 0o644))
	b := got(os.ReadFile(f))(t)
	if !bytes.Equal(b, want) {
		t.failf("%d bytes are read, not the %d that were written, or others", len(b), len(want))
	}
}

// WritersSideBySide writes by many descriptors at once.
func WritersSideBySide(t *T) {
	const writers, records, size = 8, 20, 512
	f := t.file("f", "")
	var wg sync.WaitGroup
	errs := make(chan error, writers)
	for w := range writers {
		wg.Go(func() {
			fd, err := unix.Open(f, unix.O_WRONLY|unix.O_CLOEXEC, 0)
			for r := 0; r < records && err == nil; r++ {
				_, err = unix.Pwrite(fd, bytes.Repeat([]byte{byte('a' + w)}, size), int64((r*writers+w)*size))
			}
			if err == nil {
				err = unix.Close(fd)
			}
			errs <- err
		})
	}
	wg.Wait()
	for range writers {
		t.ok(<-errs)
	}
	b := got(os.ReadFile(f))(t)
	equal(t, "the length", len(b), writers*records*size)
	for i := range b {
		if b[i] != byte('a'+i/size%writers) {
			t.failf("byte %d is %q", i, b[i])
		}
	}
}

// Vectors reads and writes several buffers at once.
func Vectors(t *T) {
	fd := t.open(t.path("f"), unix.O_CREAT|unix.O_RDWR)
	equal(t, "what writev writes", got(unix.Pwritev(fd, [][]byte{[]byte("ab"), []byte("cde"), []byte("f")}, 0))(t), 6)
	a, b := make([]byte, 4), make([]byte, 4)
	equal(t, "what readv reads", got(unix.Preadv(fd, [][]byte{a, b}, 0))(t), 6)
	equal(t, "what it is", string(a)+string(b[:2]), "abcdef")
	t.close(fd)
}

// MapShared sees in memory what is in the file.
func MapShared(t *T) {
	f := t.file("f", strings.Repeat("m", 10000))
	fd := t.open(f, unix.O_RDONLY)
	m := got(unix.Mmap(fd, 0, 10000, unix.PROT_READ, unix.MAP_SHARED))(t)
	t.close(fd)
	equal(t, "what is mapped", string(m), strings.Repeat("m", 10000))
	t.ok(unix.Munmap(m))
}

// MapPrivate changes memory and not the file.
func MapPrivate(t *T) {
	f := t.file("f", "original")
	fd := t.open(f, unix.O_RDWR)
	m := got(unix.Mmap(fd, 0, 8, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE))(t)
	copy(m, "changed!")
	t.ok(unix.Munmap(m))
	t.close(fd)
	t.holds(f, "original")
}

// MapWrites changes a file through memory.
func MapWrites(t *T) {
	f := t.file("f", strings.Repeat("-", 9000))
	fd := t.open(f, unix.O_RDWR)
	m, err := unix.Mmap(fd, 0, 9000, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if t.can("mmap write", err) {
		copy(m[5000:], "written by memory")
		t.ok(unix.Msync(m, unix.MS_SYNC))
		t.ok(unix.Munmap(m))
		t.close(fd)
		b := got(os.ReadFile(f))(t)
		equal(t, "what is in the file", string(b[4999:5018]), "-written by memory-")
		return
	}
	t.close(fd)
}

// SeeksData finds data and holes, or at least the end.
func SeeksData(t *T) {
	f := t.file("f", "data")
	fd := t.open(f, unix.O_RDONLY)
	equal(t, "the data", got(unix.Seek(fd, 0, unix.SEEK_DATA))(t), 0)
	equal(t, "the hole", got(unix.Seek(fd, 0, unix.SEEK_HOLE))(t), 4)
	_, err := unix.Seek(fd, 4, unix.SEEK_DATA)
	t.wants(err, unix.ENXIO)
	equal(t, "the end", got(unix.Seek(fd, 0, unix.SEEK_END))(t), 4)
	_, err = unix.Seek(fd, -1, unix.SEEK_SET)
	t.wants(err, unix.EINVAL)
	t.close(fd)
}

// Syncs asks for what was written to be safe.
func Syncs(t *T) {
	fd := t.open(t.path("f"), unix.O_CREAT|unix.O_RDWR|unix.O_SYNC)
	t.write(fd, "x")
	t.ok(unix.Fsync(fd))
	t.ok(unix.Fdatasync(fd))
	t.close(fd)
	d := t.open(t.Dir, unix.O_RDONLY|unix.O_DIRECTORY)
	t.ok(unix.Fsync(d))
	t.close(d)
}

// Direct goes past the caches.
func Direct(t *T) {
	const page = 4096
	fd, err := unix.Open(t.path("f"), unix.O_CREAT|unix.O_RDWR|unix.O_DIRECT|unix.O_CLOEXEC, 0o644)
	if !t.can("direct", err) {
		return
	}
	m := got(unix.Mmap(-1, 0, 4*page, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE))(t)
	defer unix.Munmap(m)
	for i := range m[:2*page] {
		m[i] = byte(i)
	}
	equal(t, "what is written", got(unix.Pwrite(fd, m[:2*page], 0))(t), 2*page)
	equal(t, "what is read", got(unix.Pread(fd, m[2*page:], 0))(t), 2*page)
	if !bytes.Equal(m[:2*page], m[2*page:]) {
		t.failf("reads other bytes than were written")
	}
	t.close(fd)
}

// Allocates asks for room.
func Allocates(t *T) {
	fd := t.open(t.path("f"), unix.O_CREAT|unix.O_RDWR)
	if t.can("fallocate", unix.Fallocate(fd, 0, 0, 10000)) {
		equal(t, "the size", t.fstat(fd).Size, 10000)
		t.ok(unix.Fallocate(fd, unix.FALLOC_FL_KEEP_SIZE, 0, 20000))
		equal(t, "the size kept", t.fstat(fd).Size, 10000)
	}
	t.close(fd)
}

// PunchesHoles gives room back.
func PunchesHoles(t *T) {
	f := t.file("f", strings.Repeat("x", 3*4096))
	fd := t.open(f, unix.O_RDWR)
	if t.can("fallocate", unix.Fallocate(fd, unix.FALLOC_FL_PUNCH_HOLE|unix.FALLOC_FL_KEEP_SIZE, 4096, 4096)) {
		b := make([]byte, 4096)
		got(unix.Pread(fd, b, 4096))(t)
		if !bytes.Equal(b, make([]byte, 4096)) {
			t.failf("a hole is not zeros")
		}
	}
	t.close(fd)
}

// CopiesRange copies within the kernel.
func CopiesRange(t *T) {
	f := t.file("f", "0123456789")
	r, w := t.open(f, unix.O_RDONLY), t.open(t.path("g"), unix.O_CREAT|unix.O_RDWR)
	from, to := int64(2), int64(3)
	n, err := unix.CopyFileRange(r, &from, w, &to, 5, 0)
	t.ok(err)
	equal(t, "what is copied", n, 5)
	t.close(r)
	t.close(w)
	t.holds(t.path("g"), "\x00\x00\x0023456")
}

// Visible reads by one descriptor at once what another has written.
func Visible(t *T) {
	f := t.file("f", "")
	r, w := t.open(f, unix.O_RDONLY), t.open(f, unix.O_WRONLY)
	for i := range 20 {
		s := fmt.Sprintf("record %d\n", i)
		t.write(w, s)
		equal(t, "what is read", t.read(r, 100), s)
		equal(t, "the size", t.stat(f).Size, t.fstat(w).Size)
	}
	t.close(r)
	t.close(w)
}

// ZeroLength reads and writes nothing.
func ZeroLength(t *T) {
	fd := t.open(t.file("f", "abc"), unix.O_RDWR)
	equal(t, "a write of nothing", got(unix.Write(fd, nil))(t), 0)
	equal(t, "a read of nothing", got(unix.Read(fd, nil))(t), 0)
	t.close(fd)
	t.holds(t.path("f"), "abc")
}
