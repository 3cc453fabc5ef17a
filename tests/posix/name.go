package posix

import (
	"fmt"
	"os"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

var naming = []Case{MakeRemove, RemoveWrongly, RenameFile, RenameOver, RenameDirectory, RenameWrongly, RenameOpen, RenameBetween, RenameNoReplace, RenameExchange, RemoveOpen, RemoveOpenDirectory, OverOpen, LongNames, OddNames, Deep, ManyRenames}

// MakeRemove makes and removes files and directories.
func MakeRemove(t *T) {
	d := t.dir("d")
	t.wants(unix.Mkdir(d, 0o755), unix.EEXIST)
	f := t.file("d/f", "x")
	t.wants(unix.Mkdir(f, 0o755), unix.EEXIST)
	t.wants(unix.Rmdir(d), unix.ENOTEMPTY)
	t.ok(unix.Unlink(f))
	t.absent(f)
	t.ok(unix.Rmdir(d))
	t.absent(d)
	t.ok(unix.Mkdir(d, 0o755))
	t.wants(unix.Mkdir(t.path("none/e"), 0o755), unix.ENOENT)
}

// RemoveWrongly removes what is not there, or not of the kind.
func RemoveWrongly(t *T) {
	d, f := t.dir("d"), t.file("f", "")
	t.wants(unix.Unlink(d), unix.EISDIR, unix.EPERM)
	t.wants(unix.Rmdir(f), unix.ENOTDIR)
	t.wants(unix.Unlink(t.path("none")), unix.ENOENT)
	t.wants(unix.Rmdir(t.path("none")), unix.ENOENT)
	t.wants(unix.Rmdir(d+"/."), unix.EINVAL)
	t.wants(unix.Unlink(f+"/x"), unix.ENOTDIR)
}

// RenameFile gives a file another name.
func RenameFile(t *T) {
	f := t.file("f", "content")
	ino := t.stat(f).Ino
	t.ok(unix.Rename(f, t.path("g")))
	t.absent(f)
	t.holds(t.path("g"), "content")
	equal(t, "the file's number", t.stat(t.path("g")).Ino, ino)
	t.ok(unix.Rename(t.path("g"), t.path("g")))
	t.holds(t.path("g"), "content")
}

// RenameOver puts a file in another's place.
func RenameOver(t *T) {
	a, b := t.file("a", "from a"), t.file("b", "from b")
	t.ok(unix.Rename(a, b))
	t.absent(a)
	t.holds(b, "from a")
	d, e := t.dir("d"), t.dir("e")
	t.ok(unix.Rename(d, e))
	t.absent(d)
	t.dir("d")
	t.file("d/x", "")
	t.wants(unix.Rename(e, d), unix.ENOTEMPTY, unix.EEXIST)
	t.wants(unix.Rename(b, e), unix.EISDIR)
	t.wants(unix.Rename(e, b), unix.ENOTDIR)
	t.holds(b, "from a")
}

// RenameDirectory moves a directory with what is in it.
func RenameDirectory(t *T) {
	t.ok(os.MkdirAll(t.path("a/b/c"), 0o755))
	t.file("a/b/c/f", "deep")
	fd := t.open(t.path("a/b/c/f"), unix.O_RDWR)
	t.ok(unix.Rename(t.path("a"), t.path("moved")))
	t.holds(t.path("moved/b/c/f"), "deep")
	t.absent(t.path("a"))
	t.write(fd, "DEEP")
	t.holds(t.path("moved/b/c/f"), "DEEP")
	if t.can("rename between", unix.Rename(t.path("moved/b"), t.path("b"))) {
		t.write(fd, "ER")
		t.holds(t.path("b/c/f"), "DEEPER")
		t.ok(unix.Rmdir(t.path("moved")))
	}
	t.close(fd)
}

// RenameWrongly asks for renames that cannot be.
func RenameWrongly(t *T) {
	d := t.dir("d")
	t.dir("d/e")
	t.wants(unix.Rename(d, t.path("d/e/f")), unix.EINVAL)
	t.wants(unix.Rename(d, t.path("d/e")), unix.EINVAL, unix.ENOTEMPTY)
	t.wants(unix.Rename(t.path("none"), t.path("x")), unix.ENOENT)
	f := t.file("f", "")
	t.wants(unix.Rename(f, t.path("none/x")), unix.ENOENT)
	t.wants(unix.Rename(f, t.path("f/x")), unix.ENOTDIR)
	t.wants(unix.Rename(d+"/.", t.path("x")), unix.EBUSY, unix.EINVAL)
}

// RenameOpen goes on with a file whose name changes.
func RenameOpen(t *T) {
	f := t.file("f", "")
	fd := t.open(f, unix.O_RDWR)
	for i := range 5 {
		to := t.path(fmt.Sprint("name", i))
		t.write(fd, "x")
		t.ok(unix.Rename(f, to))
		f = to
	}
	equal(t, "the size", t.fstat(fd).Size, 5)
	t.close(fd)
	t.holds(f, "xxxxx")
}

// RenameBetween moves files between directories.
func RenameBetween(t *T) {
	t.dir("d")
	t.dir("e")
	f := t.file("d/f", "x")
	if t.can("rename between", unix.Rename(f, t.path("e/g"))) {
		t.holds(t.path("e/g"), "x")
		equal(t, "what is left", len(t.names(t.path("d"))), 0)
	}
}

// RenameNoReplace fails where the name is taken.
func RenameNoReplace(t *T) {
	a, b := t.file("a", "a"), t.file("b", "b")
	err := unix.Renameat2(unix.AT_FDCWD, a, unix.AT_FDCWD, t.path("c"), unix.RENAME_NOREPLACE)
	if t.can("rename flags", err) {
		t.wants(unix.Renameat2(unix.AT_FDCWD, b, unix.AT_FDCWD, t.path("c"), unix.RENAME_NOREPLACE), unix.EEXIST)
	}
	t.holds(b, "b")
}

// RenameExchange swaps two names.
func RenameExchange(t *T) {
	a, b := t.file("a", "a"), t.file("b", "b")
	if t.can("rename flags", unix.Renameat2(unix.AT_FDCWD, a, unix.AT_FDCWD, b, unix.RENAME_EXCHANGE)) {
		t.holds(a, "b")
		t.holds(b, "a")
		return
	}
	t.holds(a, "a")
}

// RemoveOpen goes on with a file that has no name any more.
func RemoveOpen(t *T) {
	f := t.file("f", "before")
	fd := t.open(f, unix.O_RDWR)
	t.ok(unix.Unlink(f))
	t.absent(f)
	equal(t, "what is shown", len(t.names(t.Dir)), 0)
	equal(t, "what is read", t.read(fd, 100), "before")
	t.write(fd, " and after")
	b := make([]byte, 100)
	equal(t, "what is read from the start", string(b[:got(unix.Pread(fd, b, 0))(t)]), "before and after")
	t.ok(unix.Ftruncate(fd, 3))
	st := t.fstat(fd)
	equal(t, "the size", st.Size, 3)
	t.file("f", "another")
	equal(t, "what is read still", string(b[:got(unix.Pread(fd, b, 0))(t)]), "bef")
	t.close(fd)
	t.holds(f, "another")
	equal(t, "what is shown in the end", fmt.Sprint(t.names(t.Dir)), "[f]")
}

// RemoveOpenDirectory removes a directory that somebody reads.
func RemoveOpenDirectory(t *T) {
	d := t.dir("d")
	fd := t.open(d, unix.O_RDONLY|unix.O_DIRECTORY)
	t.ok(unix.Rmdir(d))
	t.absent(d)
	_, err := unix.Openat(fd, "x", unix.O_CREAT|unix.O_RDWR, 0o644)
	t.wants(err, unix.ENOENT, unix.ESTALE)
	t.close(fd)
}

// OverOpen renames over a file that is open.
func OverOpen(t *T) {
	a, b := t.file("a", "new"), t.file("b", "old")
	fd := t.open(b, unix.O_RDWR)
	t.ok(unix.Rename(a, b))
	t.holds(b, "new")
	equal(t, "what the old one holds", t.read(fd, 10), "old")
	t.write(fd, "er")
	t.close(fd)
	t.holds(b, "new")
	equal(t, "what is shown", fmt.Sprint(t.names(t.Dir)), "[b]")
}

// LongNames takes names of 255 bytes, and no longer ones.
func LongNames(t *T) {
	name := strings.Repeat("n", 255)
	t.file(name, "x")
	t.holds(t.path(name), "x")
	equal(t, "what is listed", fmt.Sprint(t.names(t.Dir)), "["+name+"]")
	t.wants(unix.Mkdir(t.path(name+"n"), 0o755), unix.ENAMETOOLONG)
	_, err := unix.Open(t.path(name+"n"), unix.O_CREAT|unix.O_RDWR, 0o644)
	t.wants(err, unix.ENAMETOOLONG)
	t.wants(unix.Rename(t.path(name), t.path(name+"n")), unix.ENAMETOOLONG)
}

// OddNames takes every byte that a name may have.
func OddNames(t *T) {
	want := []string{" ", "a b", "new\nline", "\x01\x02\x7f", "tab\t", "*?[", "...", ".hidden", "-rf", "\\", "'\"", "grün", "日本", "\xff\xfe not UTF-8 \x80", "a:b", "%s"}
	for _, name := range want {
		t.file(name, name)
	}
	slices.Sort(want)
	equal(t, "what is listed", fmt.Sprintf("%q", t.names(t.Dir)), fmt.Sprintf("%q", want))
	for _, name := range want {
		t.holds(t.path(name), name)
		t.ok(unix.Unlink(t.path(name)))
	}
}

// Deep makes a path of many directories.
func Deep(t *T) {
	p := "d"
	for i := range 40 {
		p += fmt.Sprint("/level", i)
	}
	t.ok(os.MkdirAll(t.path(p), 0o755))
	t.file(p+"/f", "deep")
	t.holds(t.path(p, "f"), "deep")
	t.ok(os.RemoveAll(t.path("d")))
	t.absent(t.path("d"))
}

// ManyRenames moves one file round a ring of names.
func ManyRenames(t *T) {
	t.file("n0", "wanderer")
	for i := range 60 {
		t.ok(unix.Rename(t.path(fmt.Sprint("n", i%7)), t.path(fmt.Sprint("n", (i+1)%7))))
	}
	equal(t, "what is there", fmt.Sprint(t.names(t.Dir)), fmt.Sprintf("[n%d]", 60%7))
	t.holds(t.path(fmt.Sprint("n", 60%7)), "wanderer")
}
