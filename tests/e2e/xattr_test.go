package e2e

import (
	"io"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/styxkit/styxkit/lib9p"
	"github.com/styxkit/styxkit/tests/internal/lab"
)

const (
	attrName  = "user.styx"
	attrValue = "whole again"
)

// An extended attribute is whole in the end, though its connection dies while it is written; diod then makes what it has
// the value, and what it has not is rubbish. Where only the answer to the clunk is lost it is not written twice.
func TestAttributeBeingWritten(t *testing.T) {
	for name, start := range map[string]func(testing.TB, string, string) *lab.Server{"u9fs": lab.U9fs, "diod": lab.Diod} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := lab.AttrDir(t)
			file := filepath.Join(dir, "file")
			must(t, os.WriteFile(file, nil, 0o666))
			s := start(t, "unix", dir)
			l := lieFor(t, s)
			_, socket := post(t, &lab.Server{Addr: "unix!" + l.socket}, "-p")
			c := session(t, "unix", socket, lib9p.L)
			must(t, c.Attach(0, s.Aname))
			ask := func(m lib9p.Msg) {
				t.Helper()
				lab.Within(t, lab.Patience, lib9p.TypeName(lib9p.TypeOf(m)), func() error { _, err := c.Call(m); return err })
			}

			must(t, c.Walk(0, 1, "file"))
			ask(&lib9p.Txattrcreate{Fid: 1, Name: attrName, Size: uint64(len(attrValue))})
			ask(&lib9p.Twrite{Fid: 1, Data: []byte(attrValue[:5])})
			l.last().tell(func(io.Writer, lib9p.Frame) bool {
				l.last().server.Close()
				if name == "diod" {
					lab.Until(t, lab.Patience, "diod writes what it has", func() bool { return attr(file) != "" })
					t.Logf("diod has made it %q", attr(file))
				}
				return true
			})
			ask(&lib9p.Tgetattr{Fid: 0, Mask: lib9p.GetBasic})
			ask(&lib9p.Twrite{Fid: 1, Offset: 5, Data: []byte(attrValue[5:])})
			ask(&lib9p.Tclunk{Fid: 1})
			if got := attr(file); got != attrValue {
				t.Errorf("after the death of the connection the attribute is %q", got)
			}

			must(t, c.Walk(0, 1, "file"))
			ask(&lib9p.Txattrcreate{Fid: 1, Name: attrName, Size: 3, Flags: lib9p.XattrReplace})
			ask(&lib9p.Twrite{Fid: 1, Data: []byte("new")})
			l.last().tell(func(io.Writer, lib9p.Frame) bool { return true })
			ask(&lib9p.Tclunk{Fid: 1})
			if got := attr(file); got != "new" {
				t.Errorf("after a lost answer the attribute is %q", got)
			}
		})
	}
}

// attr returns the attribute of a file here, or nothing.
func attr(file string) string {
	b := make([]byte, 100)
	n, err := syscall.Getxattr(file, attrName, b)
	if err != nil {
		return ""
	}
	return string(b[:n])
}
