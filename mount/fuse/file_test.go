package fuse

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/styxkit/styxkit/lib9p"
)

func TestData(t *testing.T) {
	each(t, dialects, func(t *testing.T, r *rig) {
		// More than one question of the kernel's and more than one message.
		data := make([]byte, 3<<20+777)
		rng := rand.New(rand.NewPCG(1, 2))
		for i := range data {
			data[i] = byte(rng.Uint32())
		}
		must(t, os.WriteFile(r.path("f"), data, 0o644))
		if there := got(os.ReadFile(filepath.Join(r.host, "f")))(t); !bytes.Equal(there, data) {
			t.Errorf("the server has %d other bytes", len(there))
		}
		if back := got(os.ReadFile(r.path("f")))(t); !bytes.Equal(back, data) {
			t.Errorf("%d other bytes are read", len(back))
		}
		f := open(t, r.path("f"), os.O_RDWR, 0)
		copy(data[1<<20:], "in the middle")
		got(f.WriteAt([]byte("in the middle"), 1<<20))(t)
		piece := make([]byte, 2<<20)
		got(f.ReadAt(piece, 1<<19))(t)
		if !bytes.Equal(piece, data[1<<19:][:len(piece)]) {
			t.Error("a piece in the middle is other than written")
		}
		if n, err := f.ReadAt(piece, int64(len(data))-10); n != 10 || err != io.EOF {
			t.Errorf("reading over the end: %d, %v", n, err)
		}
		must(t, f.Sync())
	})
}

func TestSizes(t *testing.T) {
	each(t, dialects, func(t *testing.T, r *rig) {
		f := open(t, r.path("f"), os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
		got(f.WriteAt([]byte("end"), 1<<20))(t)
		hole := make([]byte, 100)
		got(f.ReadAt(hole, 1<<19))(t)
		if !bytes.Equal(hole, make([]byte, 100)) {
			t.Error("a hole reads other than zero")
		}
		size := func(want int64) {
			t.Helper()
			if fi := got(f.Stat())(t); fi.Size() != want {
				t.Errorf("size is %d, want %d", fi.Size(), want)
			}
			if fi := got(os.Stat(filepath.Join(r.host, "f")))(t); fi.Size() != want {
				t.Errorf("size is %d at the server, want %d", fi.Size(), want)
			}
		}
		size(1<<20 + 3)
		must(t, f.Truncate(10))
		size(10)
		must(t, os.Truncate(r.path("f"), 5000))
		size(5000)
		g := open(t, r.path("f"), os.O_WRONLY|os.O_TRUNC, 0)
		size(0)
		got(g.Write([]byte("anew")))(t)
		must(t, g.Close())
		size(4)
	})
}

// Two programs append to one file: neither overwrites the other.
func TestAppend(t *testing.T) {
	each(t, dialects[:2], func(t *testing.T, r *rig) {
		appending := func() *os.File {
			return open(t, r.path("log"), os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o644)
		}
		a, b := appending(), appending()
		var want []byte
		for i := range 50 {
			// Behind the kernel's back the file has become longer, too.
			there := open(t, filepath.Join(r.host, "log"), os.O_WRONLY|os.O_APPEND, 0)
			for j, f := range []*os.File{a, b, there} {
				line := fmt.Appendf(nil, "%d by %d\n", i, j)
				got(f.Write(line))(t)
				want = append(want, line...)
			}
			must(t, there.Close())
		}
		must(t, a.Close())
		must(t, b.Close())
		if data := got(os.ReadFile(r.path("log")))(t); !bytes.Equal(data, want) {
			t.Errorf("the log is\n%s", data)
		}
	})
}

func TestCreate(t *testing.T) {
	each(t, dialects, func(t *testing.T, r *rig) {
		must(t, os.WriteFile(r.path("f"), []byte("there"), 0o640))
		if _, err := os.OpenFile(r.path("f"), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600); !errors.Is(err, unix.EEXIST) {
			t.Errorf("exclusive creation of what is there: %v", err)
		}
		if fi := got(os.Stat(r.path("f")))(t); fi.Mode() != 0o640 || fi.Size() != 5 {
			t.Errorf("mode %v, size %d", fi.Mode(), fi.Size())
		}
		// Made at the server while the kernel believes that there is nothing.
		if _, err := os.Stat(r.path("late")); !errors.Is(err, unix.ENOENT) {
			t.Fatal(err)
		}
		must(t, os.WriteFile(filepath.Join(r.host, "late"), []byte("kept"), 0o600))
		f := open(t, r.path("late"), os.O_CREATE|os.O_RDWR, 0o600)
		if data := got(io.ReadAll(f))(t); string(data) != "kept" {
			t.Errorf("opening with O_CREAT has made %q of it", data)
		}
		// A file that its own mode forbids to write, but not to him who makes it.
		w := open(t, r.path("once"), os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o400)
		got(w.Write([]byte("written")))(t)
		must(t, w.Truncate(5))
		must(t, w.Close())
		if data := got(os.ReadFile(r.path("once")))(t); string(data) != "writt" {
			t.Errorf("it has %q", data)
		}
	})
}

// mapSize is the size of a file that is mapped.
const mapSize = 256 << 10

// mapPart opens an empty file, makes it longer and writes it through a map, as data bases do.
func mapPart(args []string) int {
	err := func() error {
		f, err := os.OpenFile(args[0], os.O_RDWR, 0)
		if err != nil {
			return err
		}
		if err := f.Truncate(mapSize); err != nil {
			return err
		}
		m, err := unix.Mmap(int(f.Fd()), 0, mapSize, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
		if err != nil {
			return err
		}
		for i := range m {
			m[i] += byte(i / 4096)
		}
		return errors.Join(unix.Msync(m, unix.MS_SYNC), unix.Munmap(m))
	}()
	fmt.Println(err)
	return 0
}

func TestMmap(t *testing.T) {
	each(t, dialects, func(t *testing.T, r *rig) {
		must(t, os.WriteFile(r.path("f"), nil, 0o600))
		play(t, "map", r.path("f")).hears(t, "<nil>")
		want := make([]byte, mapSize)
		for i := range want {
			want[i] = byte(i / 4096)
		}
		if data := got(os.ReadFile(filepath.Join(r.host, "f")))(t); !bytes.Equal(data, want) {
			t.Error("the server has other bytes than the map")
		}
	})
}

func TestDirectIO(t *testing.T) {
	r := mountHost(t, lib9p.L)
	fd := got(unix.Open(r.path("f"), unix.O_RDWR|unix.O_CREAT|unix.O_DIRECT, 0o600))(t)
	defer unix.Close(fd)
	data := bytes.Repeat([]byte("direct"), 100000)
	if n := got(unix.Pwrite(fd, data, 3))(t); n != len(data) {
		t.Fatalf("wrote %d", n)
	}
	// What the server has now is read, and not what the kernel has seen.
	must(t, os.WriteFile(filepath.Join(r.host, "f"), []byte("changed"), 0))
	back := make([]byte, 100)
	if n := got(unix.Pread(fd, back, 0))(t); string(back[:n]) != "changed" {
		t.Errorf("read %q", back[:n])
	}
}

// A file of length 0 whose contents the server makes up is read all the same.
func TestMadeUp(t *testing.T) {
	asRoot(t, "mounts a file")
	r := mountHost(t, lib9p.L)
	must(t, os.Mkdir(filepath.Join(r.host, "proc"), 0o755))
	at := filepath.Join(r.host, "proc", "f")
	must(t, os.WriteFile(at, nil, 0o644))
	must(t, unix.Mount("/proc/self/mountinfo", at, "", unix.MS_BIND, ""))
	defer unix.Unmount(at, unix.MNT_DETACH)
	if data := got(os.ReadFile(r.path("proc", "f")))(t); len(data) == 0 {
		t.Error("nothing is read of /proc/self/mountinfo")
	}
}

func TestManyEntries(t *testing.T) {
	each(t, dialects, func(t *testing.T, r *rig) {
		const count = 600
		want := make(map[string]int64)
		for i := range count {
			name := "entry-" + strconv.Itoa(i) + string(bytes.Repeat([]byte("x"), i%200))
			must(t, os.WriteFile(filepath.Join(r.host, name), make([]byte, i%7), 0o644))
			want[name] = int64(i % 7)
		}
		for range 2 { // the second time from nodes that are known
			have := make(map[string]int64)
			for _, e := range got(os.ReadDir(r.at))(t) {
				have[e.Name()] = got(e.Info())(t).Size()
			}
			if len(have) != count {
				t.Fatalf("%d entries", len(have))
			}
			for name, size := range want {
				if have[name] != size {
					t.Errorf("%s: size %d, want %d", name, have[name], size)
				}
			}
		}
	})
}

// A directory that is read from a place that was noted goes on there.
func TestSeekDir(t *testing.T) {
	each(t, dialects, func(t *testing.T, r *rig) {
		const count = 400
		for i := range count {
			must(t, os.WriteFile(filepath.Join(r.host, strconv.Itoa(i)), nil, 0o644))
		}
		fd := got(unix.Open(r.at, unix.O_RDONLY|unix.O_DIRECTORY, 0))(t)
		defer unix.Close(fd)
		buf := make([]byte, 4096)
		read := func() (names []string) {
			for {
				n := got(unix.Getdents(fd, buf))(t)
				if n == 0 {
					return names
				}
				_, _, names = unix.ParseDirent(buf[:n], -1, names)
			}
		}
		n := got(unix.Getdents(fd, buf))(t)
		_, _, first := unix.ParseDirent(buf[:n], -1, nil)
		place := got(unix.Seek(fd, 0, io.SeekCurrent))(t)
		rest := read()
		if len(first)+len(rest) != count {
			t.Fatalf("%d and %d entries", len(first), len(rest))
		}
		got(unix.Seek(fd, place, io.SeekStart))(t)
		if again := read(); !slices.Equal(again, rest) {
			t.Errorf("from the place %d on there are %d entries, before there were %d", place, len(again), len(rest))
		}
		got(unix.Seek(fd, 0, io.SeekStart))(t)
		must(t, os.WriteFile(filepath.Join(r.host, "new"), nil, 0o644))
		if all := read(); len(all) != count+1 {
			t.Errorf("from the beginning there are %d entries", len(all))
		}
	})
}
