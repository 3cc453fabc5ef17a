package posix

import (
	"encoding/binary"
	"fmt"
	"os"
	"slices"

	"golang.org/x/sys/unix"
)

var directories = []Case{ListsMany, ListsInPieces, ListsAgain, ListsWhileChanging, SeeksInDirectory, RemovesWhileListing, EntryKinds, WorkingDirectory}

// entry is one of getdents(2).
type entry struct {
	ino  uint64
	off  int64
	kind uint8
	name string
}

// some reads the next entries of an open directory, into a buffer of n bytes; none is the end.
func (t *T) some(fd, n int) (list []entry) {
	b := make([]byte, n)
	b = b[:got(unix.Getdents(fd, b))(t)]
	for len(b) > 0 {
		e := entry{ino: binary.NativeEndian.Uint64(b), off: int64(binary.NativeEndian.Uint64(b[8:])), kind: b[18]}
		size := binary.NativeEndian.Uint16(b[16:])
		name := b[19:size]
		if end := slices.Index(name, 0); end >= 0 {
			name = name[:end]
		}
		e.name = string(name)
		list, b = append(list, e), b[size:]
	}
	return list
}

// rest reads an open directory to its end, without the names . and ..
func (t *T) rest(fd, n int) (names []string) {
	for {
		list := t.some(fd, n)
		if len(list) == 0 {
			slices.Sort(names)
			return names
		}
		for _, e := range list {
			if e.name != "." && e.name != ".." {
				names = append(names, e.name)
			}
		}
	}
}

// fill makes n files and returns their names, in order.
func (t *T) fill(n int) (names []string) {
	for i := range n {
		name := fmt.Sprintf("file-%04d-%s", i, "with-a-name-of-some-length"[:i%26])
		t.file(name, "")
		names = append(names, name)
	}
	return names
}

// ListsMany lists a directory of many files, once each.
func ListsMany(t *T) {
	want := t.fill(700)
	equal(t, "what is listed", fmt.Sprint(t.names(t.Dir)), fmt.Sprint(want))
	var dots []string
	fd := t.open(t.Dir, unix.O_RDONLY|unix.O_DIRECTORY)
	for list := t.some(fd, 4096); len(list) > 0; list = t.some(fd, 4096) {
		for _, e := range list {
			if e.name == "." || e.name == ".." {
				dots = append(dots, e.name)
			}
		}
	}
	slices.Sort(dots)
	equal(t, "the dots", fmt.Sprint(dots), "[. ..]")
	t.close(fd)
}

// ListsInPieces lists with room for few entries at a time.
func ListsInPieces(t *T) {
	want := t.fill(60)
	fd := t.open(t.Dir, unix.O_RDONLY|unix.O_DIRECTORY)
	equal(t, "what is listed", fmt.Sprint(t.rest(fd, 300)), fmt.Sprint(want))
	t.close(fd)
}

// ListsAgain rewinds, and sees what is new.
func ListsAgain(t *T) {
	t.fill(3)
	fd := t.open(t.Dir, unix.O_RDONLY|unix.O_DIRECTORY)
	equal(t, "the first time", len(t.rest(fd, 4096)), 3)
	equal(t, "at the end", len(t.some(fd, 4096)), 0)
	t.file("new", "")
	got(unix.Seek(fd, 0, unix.SEEK_SET))(t)
	equal(t, "the second time", len(t.rest(fd, 4096)), 4)
	t.close(fd)
}

// ListsWhileChanging has what stays exactly once, whatever comes and goes meanwhile.
func ListsWhileChanging(t *T) {
	want := t.fill(120)
	fd := t.open(t.Dir, unix.O_RDONLY|unix.O_DIRECTORY)
	seen := make(map[string]int)
	for i := 0; ; i++ {
		list := t.some(fd, 512)
		if len(list) == 0 {
			break
		}
		for _, e := range list {
			seen[e.name]++
		}
		name := t.path(fmt.Sprint("passing", i%3))
		if i%2 == 0 {
			t.ok(os.WriteFile(name, nil, 0o644))
		} else {
			os.Remove(name)
		}
	}
	for _, name := range want {
		equal(t, "how often "+name+" is listed", seen[name], 1)
	}
	t.close(fd)
}

// SeeksInDirectory goes back to where it was.
func SeeksInDirectory(t *T) {
	t.fill(50)
	fd := t.open(t.Dir, unix.O_RDONLY|unix.O_DIRECTORY)
	first := t.some(fd, 700)
	for len(first) < 8 {
		first = append(first, t.some(fd, 700)...)
	}
	mark := first[len(first)-1].off
	rest := t.rest(fd, 4096)
	got(unix.Seek(fd, mark, unix.SEEK_SET))(t)
	equal(t, "the rest, once more", fmt.Sprint(t.rest(fd, 4096)), fmt.Sprint(rest))
	t.close(fd)
}

// RemovesWhileListing empties a directory as rm -r does.
func RemovesWhileListing(t *T) {
	t.fill(150)
	fd := t.open(t.Dir, unix.O_RDONLY|unix.O_DIRECTORY)
	for list := t.some(fd, 2048); len(list) > 0; list = t.some(fd, 2048) {
		for _, e := range list {
			if e.name != "." && e.name != ".." {
				t.ok(unix.Unlinkat(fd, e.name, 0))
			}
		}
	}
	t.close(fd)
	equal(t, "what is left", len(t.names(t.Dir)), 0)
}

// EntryKinds has the kinds of files in the listing, or says that it does not know.
func EntryKinds(t *T) {
	t.file("f", "")
	t.dir("d")
	kinds := map[string]uint8{"f": unix.DT_REG, "d": unix.DT_DIR}
	if t.can("symlink", unix.Symlink("x", t.path("l"))) {
		kinds["l"] = unix.DT_LNK
	}
	fd := t.open(t.Dir, unix.O_RDONLY|unix.O_DIRECTORY)
	for list := t.some(fd, 4096); len(list) > 0; list = t.some(fd, 4096) {
		for _, e := range list {
			want, ok := kinds[e.name]
			if !ok {
				continue
			}
			if e.kind != unix.DT_UNKNOWN {
				equal(t, "the kind of "+e.name, e.kind, want)
			}
			equal(t, "the number of "+e.name, e.ino, t.stat(t.path(e.name)).Ino)
			delete(kinds, e.name)
		}
	}
	equal(t, "what is not listed", len(kinds), 0)
	t.close(fd)
}

// WorkingDirectory works relative to an open directory, whatever its name.
func WorkingDirectory(t *T) {
	d := t.dir("d")
	fd := t.open(d, unix.O_RDONLY|unix.O_DIRECTORY)
	t.ok(unix.Rename(d, t.path("e")))
	f := got(unix.Openat(fd, "f", unix.O_CREAT|unix.O_RDWR|unix.O_CLOEXEC, 0o644))(t)
	t.write(f, "x")
	t.close(f)
	t.holds(t.path("e/f"), "x")
	t.ok(unix.Mkdirat(fd, "g", 0o755))
	up := got(unix.Openat(fd, "..", unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0))(t)
	equal(t, "what is above", t.fstat(up).Ino, t.stat(t.Dir).Ino)
	t.close(up)
	t.close(fd)
	t.ok(unix.Rmdir(t.path("e/g")))
}
