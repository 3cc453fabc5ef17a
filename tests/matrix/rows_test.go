package matrix

import (
	"slices"

	"9fans.net/go/plan9"

	"github.com/styxkit/styxkit/lib9p"
)

var (
	plain = []lib9p.Dialect{lib9p.P2000, lib9p.U}
	onlyU = []lib9p.Dialect{lib9p.U}
	onlyL = []lib9p.Dialect{lib9p.L}
)

var rows = withSole(slices.Concat(common, plains, dotU, dotL))

// common are the messages of all dialects.
var common = []row{
	{name: "Tversion", untied: true, // some servers keep the fids of the session before
		alone: func(c *client) { c.need(&lib9p.Tclunk{Fid: cell}); c.need(&lib9p.Tclunk{Fid: root}) },
		msg:   func(c *client) lib9p.Msg { return &lib9p.Tversion{Msize: 32 << 10, Version: c.Dialect.String()} },
		then: func(c *client) {
			c.need(&lib9p.Tattach{Fid: root, Afid: lib9p.NoFid, Uname: "root", Aname: c.aname})
			c.walk(root, 2)
		}},
	{name: "Tauth", untied: true,
		msg: func(c *client) lib9p.Msg { return &lib9p.Tauth{Afid: 5, Uname: "root", Aname: c.aname} }},
	{name: "Tattach", untied: true,
		msg: func(c *client) lib9p.Msg {
			return &lib9p.Tattach{Fid: 5, Afid: lib9p.NoFid, Uname: "root", Aname: c.aname}
		}},
	{name: "Tflush", untied: true, kind: claim,
		pipes: func(c *client) lib9p.Msg {
			if c.Dialect == lib9p.L {
				return &lib9p.Tmkdir{Dfid: cell, Name: "new", Mode: 0o755}
			}
			return &lib9p.Tcreate{Fid: 2, Name: "new", Perm: plan9.DMDIR | 0o755, Mode: plan9.OREAD}
		},
		before: func(c *client) { c.walk(cell, 2) },
		msg:    func(*client) lib9p.Msg { return &lib9p.Tflush{Oldtag: 2} },
		special: map[string]class{"reply lost": ok, "reply cut": ok, "silent, done": ok, "restarted": ok,
			"lost": doneDoubt, "cut": doneDoubt, "silent, lost": doneDoubt, "late, answered": doneDoubt}},

	{name: "Twalk", everyByte: true,
		msg: func(*client) lib9p.Msg { return &lib9p.Twalk{Fid: cell, Newfid: 2, Wname: []string{"d", "name3"}} }},
	{name: "Twalk, no names",
		before: func(c *client) { c.walk(cell, 2, "f") },
		msg:    func(*client) lib9p.Msg { return &lib9p.Twalk{Fid: 2, Newfid: 3} }},
	{name: "Twalk, to itself",
		before: func(c *client) { c.walk(cell, 2) },
		msg:    func(*client) lib9p.Msg { return &lib9p.Twalk{Fid: 2, Newfid: 2, Wname: []string{"d"}} }},
	{name: "Twalk, part of the way", // some servers make newfid
		after: func(c *client) { c.do(&lib9p.Tclunk{Fid: 2}) },
		msg:   func(*client) lib9p.Msg { return &lib9p.Twalk{Fid: cell, Newfid: 2, Wname: []string{"d", "none"}} }},
	{name: "Twalk, not there",
		msg: func(*client) lib9p.Msg { return &lib9p.Twalk{Fid: cell, Newfid: 2, Wname: []string{"none"}} }},

	{name: "Tread", everyByte: true,
		before: func(c *client) {
			c.opened(2, "f", plan9.OREAD)
			c.need(&lib9p.Tread{Fid: 2, Count: 4})
		},
		msg:  func(*client) lib9p.Msg { return &lib9p.Tread{Fid: 2, Offset: 4, Count: 3} },
		then: func(c *client) { c.do(&lib9p.Tread{Fid: 2, Offset: 7, Count: 100}) }},
	{name: "Tread, with the open", everyByte: true, // which goes ahead as the kind of the file is known
		before: func(c *client) { c.opened(2, "f", plan9.OREAD); c.stat(2) },
		msg:    func(*client) lib9p.Msg { return &lib9p.Tread{Fid: 2, Offset: 4, Count: 3} },
		then:   func(c *client) { c.do(&lib9p.Tread{Fid: 2, Offset: 7, Count: 100}) }},
	{name: "Twrite", everyByte: true,
		before: func(c *client) { c.opened(2, "f", plan9.ORDWR); c.stat(2) },
		msg:    func(*client) lib9p.Msg { return &lib9p.Twrite{Fid: 2, Offset: 2, Data: []byte("ABC")} },
		then: func(c *client) {
			c.do(&lib9p.Twrite{Fid: 2, Offset: 3, Data: []byte("xyz")})
			c.do(&lib9p.Tread{Fid: 2, Count: 100})
		}},

	{name: "Tclunk", kind: local,
		before: func(c *client) { c.opened(2, "f", plan9.OREAD) },
		msg:    func(*client) lib9p.Msg { return &lib9p.Tclunk{Fid: 2} },
		then:   func(c *client) { c.opened(2, "g", plan9.OREAD) }},
	{name: "Tremove", kind: shown, harmful: true,
		before: func(c *client) { c.walk(cell, 2, "f") },
		msg:    func(*client) lib9p.Msg { return &lib9p.Tremove{Fid: 2} },
		then:   func(c *client) { c.makes("f", "another") }},
	{name: "Tremove, directory", kind: shown, harmful: true,
		before: func(c *client) { c.walk(cell, 2, "e") },
		msg:    func(*client) lib9p.Msg { return &lib9p.Tremove{Fid: 2} }},
}

// plains are the messages of 9P2000 and 9P2000.u.
var plains = []row{
	{name: "Topen", dialects: plain,
		before: func(c *client) { c.walk(cell, 2, "f") },
		msg:    func(*client) lib9p.Msg { return &lib9p.Topen{Fid: 2, Mode: plan9.OREAD} },
		then:   func(c *client) { c.do(&lib9p.Tread{Fid: 2, Count: 100}) }},
	{name: "Topen, OTRUNC", dialects: plain,
		before: func(c *client) { c.walk(cell, 2, "f") },
		msg:    func(*client) lib9p.Msg { return &lib9p.Topen{Fid: 2, Mode: plan9.ORDWR | plan9.OTRUNC} },
		then: func(c *client) {
			c.do(&lib9p.Twrite{Fid: 2, Data: []byte("new")})
			c.do(&lib9p.Tread{Fid: 2, Count: 100})
		}},
	{name: "Topen, ORCLOSE", dialects: plain,
		before: func(c *client) { c.walk(cell, 2, "f") },
		msg:    func(*client) lib9p.Msg { return &lib9p.Topen{Fid: 2, Mode: plan9.OREAD | plan9.ORCLOSE} },
		then:   func(c *client) { c.do(&lib9p.Tclunk{Fid: 2}) }},
	{name: "Tcreate", dialects: plain, kind: claim, everyByte: true,
		before: func(c *client) { c.walk(cell, 2); c.misses("new") },
		msg:    func(*client) lib9p.Msg { return &lib9p.Tcreate{Fid: 2, Name: "new", Perm: 0o644, Mode: plan9.ORDWR} },
		then: func(c *client) {
			c.do(&lib9p.Twrite{Fid: 2, Data: []byte("text")})
			c.do(&lib9p.Tread{Fid: 2, Count: 100})
		}},
	{name: "Tcreate, directory", dialects: plain, kind: claim,
		before: func(c *client) { c.walk(cell, 2); c.misses("new") },
		msg: func(*client) lib9p.Msg {
			return &lib9p.Tcreate{Fid: 2, Name: "new", Perm: plan9.DMDIR | 0o755, Mode: plan9.OREAD}
		}},
	{name: "Tcreate, ORCLOSE", dialects: plain, kind: claim,
		before: func(c *client) { c.walk(cell, 2); c.misses("new") },
		msg: func(*client) lib9p.Msg {
			return &lib9p.Tcreate{Fid: 2, Name: "new", Perm: 0o644, Mode: plan9.ORDWR | plan9.ORCLOSE}
		},
		then: func(c *client) { c.do(&lib9p.Twrite{Fid: 2, Data: []byte("text")}) }},
	listing("Tread, directory", plain),
	{name: "Twrite, empty file", dialects: plain,
		prepare: writes("f", ""),
		before:  func(c *client) { c.opened(2, "f", plan9.ORDWR) },
		msg:     func(*client) lib9p.Msg { return &lib9p.Twrite{Fid: 2, Data: []byte("text")} },
		special: map[string]class{ // what has no length may be a device
			"lost": doubt, "cut": doubt, "silent, lost": doubt, "late, resent": doneDoubt, "late, answered": doneDoubt}},
	{name: "Tclunk, ORCLOSE", dialects: plain, kind: shown, harmful: true, untied: true, onWire: lib9p.TypeTremove,
		before: func(c *client) { c.opened(2, "f", plan9.OREAD|plan9.ORCLOSE) },
		msg:    func(*client) lib9p.Msg { return &lib9p.Tclunk{Fid: 2} },
		special: map[string]class{
			"silent, lost": left, "late, resent": ok, "late, answered": ok}},
	{name: "Tstat", dialects: plain,
		before: func(c *client) { c.walk(cell, 2, "f") },
		msg:    func(*client) lib9p.Msg { return &lib9p.Tstat{Fid: 2} }},
	{name: "Twstat, name", dialects: plain, kind: shown, harmful: true, everyByte: true,
		before: func(c *client) { c.walk(cell, 2, "f") },
		msg: func(*client) lib9p.Msg {
			return wstat(func(s *lib9p.Stat) { s.Name = "renamed" })
		},
		then: func(c *client) { c.makes("f", "another") }},
	{name: "Twstat, length", dialects: plain,
		before: func(c *client) { c.opened(2, "f", plan9.ORDWR) },
		msg:    func(*client) lib9p.Msg { return wstat(func(s *lib9p.Stat) { s.Length = 3 }) },
		then:   func(c *client) { c.do(&lib9p.Twrite{Fid: 2, Offset: 3, Data: []byte("behind")}) }},
	{name: "Twstat, mode", dialects: plain,
		before: func(c *client) { c.walk(cell, 2, "f") },
		msg:    func(*client) lib9p.Msg { return wstat(func(s *lib9p.Stat) { s.Mode = 0o600 }) },
		then:   func(c *client) { c.do(wstat(func(s *lib9p.Stat) { s.Mode = 0o640 })) }},
	{name: "Twstat, nothing", dialects: plain,
		before: func(c *client) { c.opened(2, "f", plan9.ORDWR) },
		msg:    func(*client) lib9p.Msg { return wstat(func(*lib9p.Stat) {}) }},
}

// dotU are those that 9P2000.u adds.
var dotU = []row{
	{name: "Tcreate, symbolic link", dialects: onlyU, kind: shown,
		before: func(c *client) { c.walk(cell, 2); c.misses("new") },
		msg: func(*client) lib9p.Msg {
			return &lib9p.Tcreate{Fid: 2, Name: "new", Perm: plan9.DMSYMLINK | 0o777, Extension: "target"}
		}},
	{name: "Tcreate, link", dialects: onlyU, kind: shown,
		before: func(c *client) { c.walk(cell, 2); c.walk(cell, 3, "f"); c.misses("new") },
		msg: func(*client) lib9p.Msg {
			return &lib9p.Tcreate{Fid: 2, Name: "new", Perm: lib9p.DMLINK, Extension: "3\n"}
		}},
	{name: "Tcreate, pipe", dialects: onlyU, kind: shown,
		before: func(c *client) { c.walk(cell, 2); c.misses("new") },
		msg: func(*client) lib9p.Msg {
			return &lib9p.Tcreate{Fid: 2, Name: "new", Perm: plan9.DMNAMEDPIPE | 0o644}
		}},
	{name: "Tcreate, device", dialects: onlyU, kind: shown,
		before: func(c *client) { c.walk(cell, 2); c.misses("new") },
		msg: func(*client) lib9p.Msg {
			return &lib9p.Tcreate{Fid: 2, Name: "new", Perm: plan9.DMDEVICE | 0o644, Extension: "c 1 3"}
		}},
	{name: "Twrite, to the end", dialects: onlyU, kind: shown, harmful: true, everyByte: true,
		before: func(c *client) { c.opened(2, "f", plan9.ORDWR|lib9p.OAPPENDU); c.stat(2) },
		msg:    func(*client) lib9p.Msg { return &lib9p.Twrite{Fid: 2, Data: []byte("tail")} },
		then:   func(c *client) { c.do(&lib9p.Twrite{Fid: 2, Data: []byte("more")}) }},
}

func wstat(set func(*lib9p.Stat)) lib9p.Msg {
	m := &lib9p.Twstat{Fid: 2, Stat: lib9p.NullStat()}
	set(&m.Stat)
	return m
}
