package posix

import (
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

var extended = []Case{Attributes, AttributesWrongly, AttributesLarge}

const attr = "user.styx.test"

// attrs lists a file's attributes of users.
func (t *T) attrs(path string) (names []string) {
	b := make([]byte, 4096)
	for name := range strings.SplitSeq(string(b[:got(unix.Listxattr(path, b))(t)]), "\x00") {
		if strings.HasPrefix(name, "user.") {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// attr reads an attribute.
func (t *T) attr(path, name string) string {
	b := make([]byte, 1<<16)
	return string(b[:got(unix.Getxattr(path, name, b))(t)])
}

// Attributes sets, reads, lists and removes extended attributes.
func Attributes(t *T) {
	f := t.file("f", "")
	if !t.can("xattr", unix.Setxattr(f, attr, []byte("value"), 0)) {
		return
	}
	equal(t, "the value", t.attr(f, attr), "value")
	t.ok(unix.Setxattr(f, attr, []byte("longer value"), 0))
	equal(t, "the new value", t.attr(f, attr), "longer value")
	t.ok(unix.Setxattr(f, attr+"2", []byte("\x00binary\xff"), 0))
	equal(t, "the other value", t.attr(f, attr+"2"), "\x00binary\xff")
	equal(t, "the list", strings.Join(t.attrs(f), " "), attr+" "+attr+"2")
	t.ok(unix.Removexattr(f, attr))
	equal(t, "the list", strings.Join(t.attrs(f), " "), attr+"2")
	d := t.dir("d")
	t.ok(unix.Setxattr(d, attr, []byte("of a directory"), 0))
	equal(t, "a directory's value", t.attr(d, attr), "of a directory")
}

// AttributesWrongly asks for what is not there, or is.
func AttributesWrongly(t *T) {
	f := t.file("f", "")
	if !t.can("xattr", unix.Setxattr(f, attr, []byte("value"), unix.XATTR_CREATE)) {
		return
	}
	t.wants(unix.Setxattr(f, attr, []byte("x"), unix.XATTR_CREATE), unix.EEXIST)
	t.wants(unix.Setxattr(f, attr+"none", []byte("x"), unix.XATTR_REPLACE), unix.ENODATA)
	t.ok(unix.Setxattr(f, attr, []byte("replaced"), unix.XATTR_REPLACE))
	equal(t, "the value", t.attr(f, attr), "replaced")
	_, err := unix.Getxattr(f, attr+"none", make([]byte, 10))
	t.wants(err, unix.ENODATA)
	t.wants(unix.Removexattr(f, attr+"none"), unix.ENODATA)
	_, err = unix.Getxattr(f, attr, make([]byte, 3))
	t.wants(err, unix.ERANGE)
	equal(t, "the size asked for", got(unix.Getxattr(f, attr, nil))(t), 8)
}

// AttributesLarge has a value of some thousand bytes.
func AttributesLarge(t *T) {
	f := t.file("f", "")
	want := strings.Repeat("0123456789abcdef", 180)
	if t.can("xattr", unix.Setxattr(f, attr, []byte(want), 0)) {
		equal(t, "the value", t.attr(f, attr), want)
	}
}
