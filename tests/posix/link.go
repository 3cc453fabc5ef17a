package posix

import (
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

var linking = []Case{HardLinks, HardLinksWrongly, RenameLinked, Symlinks, SymlinkDirectories, Pipes, Sockets}

// HardLinks gives a file several names.
func HardLinks(t *T) {
	f := t.file("f", "one file")
	if !t.can("link", unix.Link(f, t.path("g"))) {
		return
	}
	if t.can("link counts", isSo(t.stat(f).Nlink == 2)) {
		defer func() { equal(t, "the number of names left", t.stat(t.path("g")).Nlink, 1) }()
	}
	equal(t, "the file's number", t.stat(t.path("g")).Ino, t.stat(f).Ino)
	t.ok(os.WriteFile(t.path("g"), []byte("by another name"), 0o644))
	t.holds(f, "by another name")
	t.ok(unix.Chmod(f, 0o600))
	equal(t, "the mode", t.stat(t.path("g")).Mode&0o777, 0o600)
	t.ok(unix.Unlink(f))
	t.holds(t.path("g"), "by another name")
}

// HardLinksWrongly asks for links that cannot be.
func HardLinksWrongly(t *T) {
	f, g, d := t.file("f", ""), t.file("g", ""), t.dir("d")
	if _, lacks := t.Lacks["link"]; lacks {
		return
	}
	t.wants(unix.Link(f, g), unix.EEXIST)
	t.wants(unix.Link(d, t.path("e")), unix.EPERM)
	t.wants(unix.Link(t.path("none"), t.path("h")), unix.ENOENT)
	t.wants(unix.Link(f, t.path("none/h")), unix.ENOENT)
}

// RenameLinked renames one name of a file over another of it, which changes nothing.
func RenameLinked(t *T) {
	f := t.file("f", "x")
	if !t.can("link", unix.Link(f, t.path("g"))) {
		return
	}
	t.ok(unix.Rename(f, t.path("g")))
	t.holds(f, "x")
	t.holds(t.path("g"), "x")
	t.can("link counts", isSo(t.stat(f).Nlink == 2))
}

// Symlinks reads what symbolic links say.
func Symlinks(t *T) {
	for _, target := range []string{"f", "../x", "/absolute/path", strings.Repeat("long/", 200), "\xff"} {
		l := t.path("l")
		if !t.can("symlink", unix.Symlink(target, l)) {
			return
		}
		equal(t, "the target", got(os.Readlink(l))(t), target)
		st := t.stat(l)
		equal(t, "the kind", st.Mode&unix.S_IFMT, unix.S_IFLNK)
		equal(t, "the size", st.Size, int64(len(target)))
		t.wants(unix.Symlink("x", l), unix.EEXIST)
		t.ok(unix.Unlink(l))
	}
	_, err := os.Readlink(t.file("f", ""))
	t.wants(err, unix.EINVAL)
	_, err = os.Readlink(t.path("none"))
	t.wants(err, unix.ENOENT)
}

// SymlinkDirectories walks through links.
func SymlinkDirectories(t *T) {
	t.dir("d")
	t.file("d/f", "x")
	if !t.can("symlink", unix.Symlink("d", t.path("l"))) {
		return
	}
	t.holds(t.path("l/f"), "x")
	t.file("l/g", "y")
	t.holds(t.path("d/g"), "y")
	t.wants(unix.Rmdir(t.path("l")), unix.ENOTDIR)
	t.ok(unix.Rename(t.path("l"), t.path("m")))
	t.holds(t.path("m/f"), "x")
	t.ok(unix.Unlink(t.path("m")))
	t.holds(t.path("d/f"), "x")
}

// Pipes talks through a named pipe.
func Pipes(t *T) {
	p := t.path("pipe")
	if !t.can("mknod", unix.Mkfifo(p, 0o600)) {
		return
	}
	equal(t, "the kind", t.stat(p).Mode&unix.S_IFMT, unix.S_IFIFO)
	r := t.open(p, unix.O_RDONLY|unix.O_NONBLOCK)
	w := t.open(p, unix.O_WRONLY|unix.O_NONBLOCK)
	t.write(w, "through")
	equal(t, "what comes out", t.read(r, 100), "through")
	t.close(r)
	t.close(w)
}

// Sockets makes a socket's name.
func Sockets(t *T) {
	p := t.path("s")
	if !t.can("mknod", unix.Mknod(p, unix.S_IFSOCK|0o600, 0)) {
		return
	}
	equal(t, "the kind", t.stat(p).Mode&unix.S_IFMT, unix.S_IFSOCK)
	_, err := unix.Open(p, unix.O_RDONLY, 0)
	t.wants(err, unix.ENXIO)
}
