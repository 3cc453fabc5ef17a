package fuse

import (
	"bytes"
	"errors"
	"os"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/styxkit/styxkit/lib9p"
)

func TestXattr(t *testing.T) {
	r := mountHost(t, lib9p.L)
	f := r.path("f")
	must(t, os.WriteFile(f, nil, 0o600))
	get := func(name string) []byte {
		t.Helper()
		buf := make([]byte, maxXattr)
		n := got(unix.Getxattr(f, name, buf))(t)
		return buf[:n]
	}
	big := bytes.Repeat([]byte("big"), 1000)
	must(t, unix.Setxattr(f, "user.one", []byte("1"), 0))
	must(t, unix.Setxattr(f, "user.big", big, unix.XATTR_CREATE))
	must(t, unix.Setxattr(f, "user.one", []byte("eins"), unix.XATTR_REPLACE))
	if v := get("user.one"); string(v) != "eins" {
		t.Errorf("user.one is %q", v)
	}
	if v := get("user.big"); !bytes.Equal(v, big) {
		t.Errorf("user.big has %d bytes", len(v))
	}
	if n := got(unix.Getxattr(f, "user.big", nil))(t); n != len(big) {
		t.Errorf("user.big is said to have %d bytes", n)
	}
	buf := make([]byte, 1000)
	n := got(unix.Listxattr(f, buf))(t)
	names := strings.Split(strings.TrimSuffix(string(buf[:n]), "\x00"), "\x00")
	for _, want := range []string{"user.one", "user.big"} {
		if !slices.Contains(names, want) {
			t.Errorf("%s is not among %q", want, names)
		}
	}
	for what, c := range map[string]struct{ err, want error }{
		"create what is there":   {unix.Setxattr(f, "user.one", nil, unix.XATTR_CREATE), unix.EEXIST},
		"replace what is not":    {unix.Setxattr(f, "user.no", []byte("x"), unix.XATTR_REPLACE), unix.ENODATA},
		"remove what is not":     {unix.Removexattr(f, "user.no"), unix.ENODATA},
		"get into too small":     {second(unix.Getxattr(f, "user.big", buf[:10])), unix.ERANGE},
		"get what is not":        {second(unix.Getxattr(f, "user.no", buf)), unix.ENODATA},
		"a name space of no use": {unix.Setxattr(f, "nonsense.x", []byte("x"), 0), unix.EOPNOTSUPP},
	} {
		if !errors.Is(c.err, c.want) {
			t.Errorf("%s: %v, want %v", what, c.err, c.want)
		}
	}
	must(t, unix.Removexattr(f, "user.one"))
	if _, err := unix.Getxattr(f, "user.one", buf); !errors.Is(err, unix.ENODATA) {
		t.Errorf("after its removal: %v", err)
	}
}

func second(_ int, err error) error { return err }

func TestNoXattr(t *testing.T) {
	r := mountHost(t, lib9p.U)
	must(t, os.WriteFile(r.path("f"), nil, 0o600))
	if err := unix.Setxattr(r.path("f"), "user.x", []byte("x"), 0); !errors.Is(err, unix.EOPNOTSUPP) {
		t.Errorf("9P2000.u: %v", err)
	}
}
