package load

import (
	"bufio"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"io"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// word returns the eight bytes at offset off of a file that MakeData wrote.
// They depend on the offset, so that a block in the wrong place is noticed and known.
func word(off int64) uint64 { return uint64(off+1) * 0x9e3779b97f4a7c15 }

// MakeData writes a file of size bytes, a multiple of eight, and returns its checksum.
func MakeData(name string, size int64) (sum string, err error) {
	f, err := os.Create(name)
	if err != nil {
		return "", err
	}
	defer f.Close()
	h := sha256.New()
	w := bufio.NewWriterSize(io.MultiWriter(f, h), 1<<20)
	var b [8]byte
	for off := int64(0); off < size; off += 8 {
		binary.LittleEndian.PutUint64(b[:], word(off))
		w.Write(b[:])
	}
	if err := w.Flush(); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// Read reads the file name over and over, each time from the server and not from
// the kernel's cache, and compares its checksum with sum.
func Read(name, sum string, in io.Reader, out io.Writer) *Report {
	r := start("read", in, out)
	f, err := os.Open(name)
	if err != nil {
		r.fault("open: %v", err)
		return r.end()
	}
	buf := make([]byte, 256<<10)
	for !r.over() {
		start := time.Now()
		if err := unix.Fadvise(int(f.Fd()), 0, 0, unix.FADV_DONTNEED); err != nil {
			r.fault("drop the cache: %v", err)
			break
		}
		whole, got, err := r.pass(f, buf)
		if err != nil {
			r.fault("read at %d: %v", r.report.Bytes, err)
			break
		}
		if whole && got != sum {
			r.fault("checksum of a pass is %s, not %s", got, sum)
			break
		}
		if whole {
			r.did(start)
		}
	}
	r.closed(f)
	return r.end()
}

// pass reads f from its beginning and returns its checksum. It stops early when the run is over.
func (r *run) pass(f *os.File, buf []byte) (whole bool, sum string, err error) {
	h := sha256.New()
	for off := int64(0); !r.over(); {
		start := time.Now()
		n, err := f.ReadAt(buf, off)
		if err != nil && !errors.Is(err, io.EOF) {
			return false, "", err
		}
		r.slow(start)
		r.words(buf[:n], off)
		h.Write(buf[:n])
		off += int64(n)
		r.report.Bytes += int64(n)
		if err != nil {
			return true, hex.EncodeToString(h.Sum(nil)), nil
		}
	}
	return false, "", nil
}

// words notes the first page of b, read at off, that does not begin as MakeData's does.
// The checksum finds all else; this says where it went wrong.
func (r *run) words(b []byte, off int64) {
	for i := 0; i+8 <= len(b); i += 4096 {
		if got, want := binary.LittleEndian.Uint64(b[i:]), word(off+int64(i)); got != want {
			r.fault("bytes at %d are %016x, not %016x", off+int64(i), got, want)
			return
		}
	}
}
