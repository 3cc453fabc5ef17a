package posix

import (
	"os"

	"golang.org/x/sys/unix"
)

var opening = []Case{OpenMissing, OpenModes, OpenExclusive, OpenTruncates, OpenAppends, OpenDirectory, OpenLink, OpenCreateMode, OpenReadOnlyCreate, OpenUnnamed, OpenTrailingSlash}

// OpenMissing opens what is not there.
func OpenMissing(t *T) {
	_, err := unix.Open(t.path("none"), unix.O_RDONLY, 0)
	t.wants(err, unix.ENOENT)
	_, err = unix.Open(t.path("none/file"), unix.O_CREAT|unix.O_RDWR, 0o644)
	t.wants(err, unix.ENOENT)
	f := t.file("f", "x")
	_, err = unix.Open(f+"/below", unix.O_RDONLY, 0)
	t.wants(err, unix.ENOTDIR)
}

// OpenModes reads what is open for writing, and the other way.
func OpenModes(t *T) {
	f := t.file("f", "abc")
	r, w := t.open(f, unix.O_RDONLY), t.open(f, unix.O_WRONLY)
	_, err := unix.Write(r, []byte("x"))
	t.wants(err, unix.EBADF)
	_, err = unix.Read(w, make([]byte, 1))
	t.wants(err, unix.EBADF)
	t.write(w, "d")
	equal(t, "what is read", t.read(r, 9), "dbc")
	t.close(r)
	t.close(w)
	rw := t.open(f, unix.O_RDWR)
	t.write(rw, "ef")
	equal(t, "the rest", t.read(rw, 9), "c")
	t.close(rw)
}

// OpenExclusive makes a file that must not be there.
func OpenExclusive(t *T) {
	t.close(t.open(t.path("f"), unix.O_CREAT|unix.O_EXCL|unix.O_RDWR))
	_, err := unix.Open(t.path("f"), unix.O_CREAT|unix.O_EXCL|unix.O_RDWR, 0o644)
	t.wants(err, unix.EEXIST)
	t.dir("d")
	_, err = unix.Open(t.path("d"), unix.O_CREAT|unix.O_EXCL|unix.O_RDWR, 0o644)
	t.wants(err, unix.EEXIST)
	t.close(t.open(t.path("f"), unix.O_CREAT|unix.O_RDWR))
}

// OpenTruncates empties a file by opening it.
func OpenTruncates(t *T) {
	f := t.file("f", "some content")
	t.close(t.open(f, unix.O_WRONLY|unix.O_TRUNC))
	equal(t, "the size", t.stat(f).Size, 0)
	t.holds(f, "")
	t.ok(os.WriteFile(f, []byte("new"), 0o644))
	t.close(t.open(f, unix.O_RDWR|unix.O_CREAT|unix.O_TRUNC))
	t.holds(f, "")
}

// OpenAppends writes to the end, by two descriptors in turns.
func OpenAppends(t *T) {
	f := t.file("f", "0")
	a, b := t.open(f, unix.O_WRONLY|unix.O_APPEND), t.open(f, unix.O_WRONLY|unix.O_APPEND)
	for range 3 {
		t.write(a, "a")
		t.write(b, "b")
	}
	t.holds(f, "0ababab")
	off := got(unix.Seek(a, 0, unix.SEEK_CUR))(t)
	equal(t, "the offset after an append", off, 6)
	t.ok(unix.Ftruncate(a, 2))
	t.write(b, "z")
	t.holds(f, "0az")
	t.close(a)
	t.close(b)
	t.close(t.open(t.path("new"), unix.O_CREAT|unix.O_WRONLY|unix.O_APPEND))
	t.holds(t.path("new"), "")
}

// OpenDirectory opens directories, and files as such.
func OpenDirectory(t *T) {
	d, f := t.dir("d"), t.file("f", "")
	fd := t.open(d, unix.O_RDONLY|unix.O_DIRECTORY)
	_, err := unix.Read(fd, make([]byte, 10))
	t.wants(err, unix.EISDIR)
	t.close(fd)
	_, err = unix.Open(d, unix.O_RDWR, 0)
	t.wants(err, unix.EISDIR)
	_, err = unix.Open(f, unix.O_RDONLY|unix.O_DIRECTORY, 0)
	t.wants(err, unix.ENOTDIR)
	_, err = unix.Open(d, unix.O_CREAT|unix.O_RDWR, 0o644)
	t.wants(err, unix.EISDIR)
}

// OpenLink opens through symbolic links, and refuses to.
func OpenLink(t *T) {
	t.file("f", "target")
	if !t.can("symlink", unix.Symlink("f", t.path("l"))) {
		return
	}
	t.holds(t.path("l"), "target")
	_, err := unix.Open(t.path("l"), unix.O_RDONLY|unix.O_NOFOLLOW, 0)
	t.wants(err, unix.ELOOP)
	t.ok(unix.Symlink("gone", t.path("dangling")))
	_, err = unix.Open(t.path("dangling"), unix.O_RDONLY, 0)
	t.wants(err, unix.ENOENT)
	_, err = unix.Open(t.path("dangling"), unix.O_CREAT|unix.O_EXCL|unix.O_RDWR, 0o644)
	t.wants(err, unix.EEXIST)
	t.ok(os.WriteFile(t.path("dangling"), []byte("made"), 0o644))
	t.holds(t.path("gone"), "made")
	t.ok(unix.Symlink("loop", t.path("loop")))
	_, err = unix.Open(t.path("loop"), unix.O_RDONLY, 0)
	t.wants(err, unix.ELOOP)
}

// OpenCreateMode gives a new file the mode that was asked for, less the mask.
func OpenCreateMode(t *T) {
	for _, mode := range []uint32{0o600, 0o640, 0o644, 0o755, 0o444} {
		p := t.path("f")
		fd := got(unix.Open(p, unix.O_CREAT|unix.O_RDWR|unix.O_CLOEXEC, mode))(t)
		t.write(fd, "x") // also where the mode forbids it to others
		equal(t, "the mode", t.fstat(fd).Mode&0o7777, mode&^umask)
		t.close(fd)
		t.ok(unix.Unlink(p))
	}
}

// umask is the mask of the process that runs the cases.
var umask = func() uint32 {
	m := unix.Umask(0o022)
	unix.Umask(m)
	return uint32(m)
}()

// OpenReadOnlyCreate goes on writing a file whose mode forbids to open it so.
func OpenReadOnlyCreate(t *T) {
	p := t.path("f")
	fd := got(unix.Open(p, unix.O_CREAT|unix.O_EXCL|unix.O_RDWR|unix.O_CLOEXEC, 0o444))(t)
	for range 4 {
		t.write(fd, "0123456789")
	}
	equal(t, "the size", t.fstat(fd).Size, 40)
	t.close(fd)
	equal(t, "the mode", t.stat(p).Mode&0o777, 0o444)
}

// OpenUnnamed makes a file without a name.
func OpenUnnamed(t *T) {
	fd, err := unix.Open(t.Dir, unix.O_TMPFILE|unix.O_RDWR|unix.O_CLOEXEC, 0o600)
	if !t.can("tmpfile", err) {
		return
	}
	t.write(fd, "x")
	equal(t, "the number of names", t.fstat(fd).Nlink, 0)
	t.close(fd)
	equal(t, "what is in the directory", len(t.names(t.Dir)), 0)
}

// OpenTrailingSlash takes a slash at the end for a directory.
func OpenTrailingSlash(t *T) {
	f := t.file("f", "")
	t.dir("d")
	_, err := unix.Open(f+"/", unix.O_RDONLY, 0)
	t.wants(err, unix.ENOTDIR)
	t.close(t.open(t.path("d")+"/", unix.O_RDONLY))
	t.wants(unix.Unlink(f+"/"), unix.ENOTDIR)
	t.ok(unix.Mkdir(t.path("e")+"/", 0o755))
}
