package matrix

import (
	"os"
	"path/filepath"

	"9fans.net/go/plan9"
	"golang.org/x/sys/unix"

	"github.com/styxkit/styxkit/lib9p"
)

// dotL are the messages of 9P2000.L.
var dotL = []row{
	{name: "Tstatfs", dialects: onlyL,
		msg: func(*client) lib9p.Msg { return &lib9p.Tstatfs{Fid: cell} }},
	{name: "Tlopen", dialects: onlyL,
		before: func(c *client) { c.walk(cell, 2, "f") },
		msg:    func(*client) lib9p.Msg { return &lib9p.Tlopen{Fid: 2, Flags: lib9p.LRDONLY} },
		then:   func(c *client) { c.do(&lib9p.Tread{Fid: 2, Count: 100}) }},
	{name: "Tlopen, O_TRUNC", dialects: onlyL,
		before: func(c *client) { c.walk(cell, 2, "f") },
		msg:    func(*client) lib9p.Msg { return &lib9p.Tlopen{Fid: 2, Flags: lib9p.LRDWR | lib9p.LTRUNC} },
		then: func(c *client) {
			c.do(&lib9p.Twrite{Fid: 2, Data: []byte("new")})
			c.do(&lib9p.Tread{Fid: 2, Count: 100})
		}},
	{name: "Tlcreate", dialects: onlyL, everyByte: true,
		before: func(c *client) { c.walk(cell, 2) },
		msg: func(*client) lib9p.Msg {
			return &lib9p.Tlcreate{Fid: 2, Name: "new", Flags: lib9p.LRDWR | lib9p.LCREATE, Mode: 0o644}
		},
		then: func(c *client) {
			c.do(&lib9p.Twrite{Fid: 2, Data: []byte("text")})
			c.do(&lib9p.Tread{Fid: 2, Count: 100})
		}},
	{name: "Tlcreate, O_EXCL", dialects: onlyL, kind: claim,
		before: func(c *client) { c.walk(cell, 2); c.misses("new") },
		msg: func(*client) lib9p.Msg {
			return &lib9p.Tlcreate{Fid: 2, Name: "new", Flags: lib9p.LRDWR | lib9p.LCREATE | lib9p.LEXCL, Mode: 0o644}
		},
		then: func(c *client) { c.do(&lib9p.Twrite{Fid: 2, Data: []byte("text")}) }},
	{name: "Tlcreate, O_TRUNC", dialects: onlyL, kind: fenced,
		before: func(c *client) { c.walk(cell, 2) },
		msg: func(*client) lib9p.Msg {
			return &lib9p.Tlcreate{Fid: 2, Name: "f", Flags: lib9p.LRDWR | lib9p.LCREATE | lib9p.LTRUNC, Mode: 0o644}
		},
		then: func(c *client) { c.do(&lib9p.Twrite{Fid: 2, Data: []byte("new")}) }},
	{name: "Tsymlink", dialects: onlyL, kind: shown,
		before: func(c *client) { c.misses("new") },
		msg:    func(*client) lib9p.Msg { return &lib9p.Tsymlink{Fid: cell, Name: "new", Target: "target"} }},
	{name: "Tmknod", dialects: onlyL, kind: shown,
		before: func(c *client) { c.misses("new") },
		msg: func(*client) lib9p.Msg {
			return &lib9p.Tmknod{Dfid: cell, Name: "new", Mode: lib9p.ModePipe | 0o644}
		}},
	{name: "Tmknod, device", dialects: onlyL, kind: shown,
		before: func(c *client) { c.misses("new") },
		msg: func(*client) lib9p.Msg {
			return &lib9p.Tmknod{Dfid: cell, Name: "new", Mode: lib9p.ModeChar | 0o644, Major: 1, Minor: 3}
		}},
	{name: "Trename", dialects: onlyL, kind: shown, harmful: true, everyByte: true,
		before: func(c *client) { c.walk(cell, 2, "f"); c.walk(cell, 3, "d") },
		msg:    func(*client) lib9p.Msg { return &lib9p.Trename{Fid: 2, Dfid: 3, Name: "renamed"} },
		then:   func(c *client) { c.makes("f", "another") }},
	{name: "Treadlink", dialects: onlyL,
		prepare: func(dir string) error { return os.Symlink("target", filepath.Join(dir, "l")) },
		before:  func(c *client) { c.walk(cell, 2, "l") },
		msg:     func(*client) lib9p.Msg { return &lib9p.Treadlink{Fid: 2} }},
	{name: "Tgetattr", dialects: onlyL, everyByte: true,
		before: func(c *client) { c.walk(cell, 2, "f") },
		msg:    func(*client) lib9p.Msg { return &lib9p.Tgetattr{Fid: 2, Mask: lib9p.GetBasic} }},
	{name: "Tsetattr, size", dialects: onlyL,
		before: func(c *client) { c.opened(2, "f", plan9.ORDWR) },
		msg:    func(*client) lib9p.Msg { return &lib9p.Tsetattr{Fid: 2, Valid: lib9p.SetSize, Size: 3} },
		then:   func(c *client) { c.do(&lib9p.Twrite{Fid: 2, Offset: 3, Data: []byte("behind")}) }},
	{name: "Tsetattr, mode", dialects: onlyL,
		before: func(c *client) { c.walk(cell, 2, "f") },
		msg:    func(*client) lib9p.Msg { return &lib9p.Tsetattr{Fid: 2, Valid: lib9p.SetMode, Mode: 0o600} },
		then:   func(c *client) { c.do(&lib9p.Tsetattr{Fid: 2, Valid: lib9p.SetMode, Mode: 0o640}) }},
	{name: "Tsetattr, now", dialects: onlyL,
		before: func(c *client) { c.walk(cell, 2, "f") },
		msg:    func(*client) lib9p.Msg { return &lib9p.Tsetattr{Fid: 2, Valid: lib9p.SetMtime} }},
	{name: "Txattrwalk", dialects: onlyL, skip: []int{3},
		prepare: valued,
		before:  func(c *client) { c.walk(cell, 2, "f") },
		msg:     func(*client) lib9p.Msg { return &lib9p.Txattrwalk{Fid: 2, Newfid: 3, Name: attrName} },
		then:    func(c *client) { c.do(&lib9p.Tread{Fid: 3, Count: uint32(len(attrValue))}) }},
	{name: "Tread, attribute", dialects: onlyL, skip: []int{3},
		prepare: valued,
		before: func(c *client) {
			c.walk(cell, 2, "f")
			c.need(&lib9p.Txattrwalk{Fid: 2, Newfid: 3, Name: attrName})
		},
		msg: func(*client) lib9p.Msg { return &lib9p.Tread{Fid: 3, Count: uint32(len(attrValue))} }},
	{name: "Txattrcreate", dialects: onlyL, commits: true,
		before: func(c *client) { c.walk(cell, 2, "f") },
		msg:    func(*client) lib9p.Msg { return &lib9p.Txattrcreate{Fid: 2, Name: attrName, Size: 6} },
		then: func(c *client) {
			c.do(&lib9p.Twrite{Fid: 2, Data: []byte("abcdef")})
			c.do(&lib9p.Tclunk{Fid: 2})
		}},
	{name: "Twrite, attribute", dialects: onlyL, commits: true,
		before: func(c *client) {
			c.walk(cell, 2, "f")
			c.need(&lib9p.Txattrcreate{Fid: 2, Name: attrName, Size: 6})
		},
		msg: func(*client) lib9p.Msg { return &lib9p.Twrite{Fid: 2, Data: []byte("abc")} },
		then: func(c *client) {
			c.do(&lib9p.Twrite{Fid: 2, Offset: 3, Data: []byte("def")})
			c.do(&lib9p.Tclunk{Fid: 2})
		}},
	{name: "Tclunk, attribute", dialects: onlyL, kind: shown, harmful: true, everyByte: true,
		before: func(c *client) {
			c.walk(cell, 2, "f")
			c.need(&lib9p.Txattrcreate{Fid: 2, Name: attrName, Size: 6})
			c.need(&lib9p.Twrite{Fid: 2, Data: []byte("abcdef")})
		},
		msg: func(*client) lib9p.Msg { return &lib9p.Tclunk{Fid: 2} },
		special: map[string]class{
			"late, resent":       ok, // it is executed before the first clunk of the session's own
			"diod: silent, lost": ok, // diod makes an attribute of what it has when the connection dies
		}},
	listing("Treaddir", onlyL),
	{name: "Tfsync", dialects: onlyL,
		before: func(c *client) { c.opened(2, "f", plan9.ORDWR) },
		msg:    func(*client) lib9p.Msg { return &lib9p.Tfsync{Fid: 2} }},
	{name: "Tlock", dialects: onlyL, locks: true,
		before: func(c *client) { c.opened(2, "f", plan9.ORDWR) },
		msg:    func(*client) lib9p.Msg { return lockMsg(lib9p.LockWrite) }},
	{name: "Tlock, unlock", dialects: onlyL, locks: true, kind: local, untied: true,
		before: func(c *client) {
			c.opened(2, "f", plan9.ORDWR)
			c.need(lockMsg(lib9p.LockWrite))
		},
		msg: func(*client) lib9p.Msg { return lockMsg(lib9p.LockUnlock) }},
	{name: "Tgetlock", dialects: onlyL,
		before: func(c *client) { c.opened(2, "f", plan9.ORDWR) },
		msg: func(*client) lib9p.Msg {
			return &lib9p.Tgetlock{Fid: 2, LockType: lib9p.LockWrite, ProcID: 7, ClientID: "cell"}
		}},
	{name: "Tlink", dialects: onlyL, kind: shown,
		before: func(c *client) { c.walk(cell, 2, "f"); c.misses("new") },
		msg:    func(*client) lib9p.Msg { return &lib9p.Tlink{Dfid: cell, Fid: 2, Name: "new"} }},
	{name: "Tmkdir", dialects: onlyL, kind: claim, everyByte: true,
		before: func(c *client) { c.misses("new") },
		msg:    func(*client) lib9p.Msg { return &lib9p.Tmkdir{Dfid: cell, Name: "new", Mode: 0o755} }},
	{name: "Trenameat", dialects: onlyL, kind: shown, harmful: true,
		before: func(c *client) { c.walk(cell, 2, "f"); c.walk(cell, 3, "d") },
		msg: func(*client) lib9p.Msg {
			return &lib9p.Trenameat{Olddirfid: cell, Oldname: "f", Newdirfid: 3, Newname: "renamed"}
		},
		then: func(c *client) { c.makes("f", "another") }},
	{name: "Tunlinkat", dialects: onlyL, skip: []int{2}, kind: shown, harmful: true,
		before: func(c *client) { c.walk(cell, 2, "f") },
		msg:    func(*client) lib9p.Msg { return &lib9p.Tunlinkat{Dirfd: cell, Name: "f"} },
		then:   func(c *client) { c.makes("f", "another") }},
	{name: "Tunlinkat, directory", dialects: onlyL, skip: []int{2}, kind: shown, harmful: true,
		before: func(c *client) { c.walk(cell, 2, "e") },
		msg:    func(*client) lib9p.Msg { return &lib9p.Tunlinkat{Dirfd: cell, Name: "e", Flags: lib9p.UnlinkDir} }},
	{name: "Twrite, O_APPEND", dialects: onlyL, kind: shown, harmful: true, everyByte: true,
		before: func(c *client) { appending(c); c.stat(2) },
		msg:    func(*client) lib9p.Msg { return &lib9p.Twrite{Fid: 2, Data: []byte("tail")} },
		then:   func(c *client) { c.do(&lib9p.Twrite{Fid: 2, Data: []byte("more")}) }},
}

func appending(c *client) {
	c.walk(cell, 2, "f")
	c.need(&lib9p.Tlopen{Fid: 2, Flags: lib9p.LRDWR | lib9p.LAPPEND})
}

func lockMsg(typ uint8) lib9p.Msg {
	return &lib9p.Tlock{Fid: 2, LockType: typ, ProcID: 7, ClientID: "cell"}
}

func valued(dir string) error {
	return unix.Setxattr(filepath.Join(dir, "f"), attrName, []byte(attrValue), 0)
}

func writes(name, text string) func(dir string) error {
	return func(dir string) error { return os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644) }
}
