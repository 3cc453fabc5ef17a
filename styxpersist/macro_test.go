//go:build unix

package styxpersist

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/styxkit/styxkit/lib9p"
)

// macro plays a line that stands for several: what most scripts begin with, and the ways back.
func (p *play) macro(verb, rest string) {
	w := words(rest)
	arg := func(i int, otherwise string) string {
		if i < len(w) {
			return w[i]
		}
		return otherwise
	}
	switch verb {
	case "start": // [msize]: a session, and its root as fid 0
		p.client.say(fmt.Sprintf("Tversion tag 65535 msize %s version %s", arg(0, "8192"), p.d))
		p.connect("")
		p.client.hear(fmt.Sprintf("Rversion tag 65535 msize %s version %s", arg(0, "8192"), p.d))
		p.macro("attach", `0 "" 1d`)
	case "attach": // fid aname qid
		nuname := ""
		if p.d != lib9p.P2000 {
			nuname = " nuname 4294967295"
		}
		p.roots = append(p.roots, qids(w[2])[0])
		p.rpc(fmt.Sprintf("Tattach fid %s afid 4294967295 uname glenda aname %s%s => Rattach qid %s", w[0], w[1], nuname, qids(w[2])[0]))
	case "attaches": // tag fid uname nuname: the client asks to
		line := fmt.Sprintf(`Tattach tag %s fid %s afid 4294967295 uname %s aname ""`, w[0], w[1], w[2])
		if p.d != lib9p.P2000 {
			line += " nuname " + w[3]
		}
		p.client.say(line)
	case "proves": // afid user: the session says who it is, and the server believes it
		p.server.hear(fmt.Sprintf("Tauth afid $%s uname %s ... => Rauth aqid (9 0 A)", w[0], w[1]))
		p.server.hear(fmt.Sprintf("Twrite fid $%s offset 0 count 5 data hello => Rwrite count 5", w[0]))
		p.server.hear(fmt.Sprintf("Tread fid $%s offset 5 count 100 => Rread count 2 data ok", w[0]))
	case "refuses": // error d: the server refuses proofs, for as long as the session asks within d
		d, err := time.ParseDuration(w[1])
		if err != nil {
			p.fatalf("%v", err)
		}
		p.refuses(d, w[0])
	case "walk": // fid path qids: from fid 0
		p.rpc(fmt.Sprintf("Twalk fid 0 newfid %s %s => %s", w[0], names(w[1]), rwalk(w[2])))
	case "clone": // fid newfid
		p.rpc(fmt.Sprintf("Twalk fid %s newfid %s nwname 0 => Rwalk nwqid 0", w[0], w[1]))
	case "open": // fid mode qid
		p.rpc(p.topen(w[0], w[1]) + " => " + p.ropen(w[2]))
	case "create": // fid name mode qid
		p.rpc(p.tcreate(w[0], w[1], w[2]) + " => " + p.rcreate(w[3]))
	case "clunk": // fid
		p.rpc(fmt.Sprintf("Tclunk fid %s => Rclunk", w[0]))
	case "read": // fid offset data
		p.rpc(fmt.Sprintf("Tread fid %s offset %s count 100 => Rread count %d data %s", w[0], w[1], len(w[2]), w[2]))
	case "write": // fid offset data
		p.rpc(fmt.Sprintf("Twrite fid %s offset %s count %d data %s => Rwrite count %d", w[0], w[1], len(w[2]), w[2], len(w[2])))
	case "is": // fid qid length: what kind of file it is, and how long
		if p.d == lib9p.L {
			p.rpc(fmt.Sprintf("Tgetattr fid %s request_mask 0x7ff => %s", w[0], p.attr(w[1], w[2])))
		} else {
			p.rpc(fmt.Sprintf("Tstat fid %s => %s", w[0], p.attr(w[1], w[2])))
		}
	case "saw": // fid qid length mtime gen: what the client is told of a file
		if p.d == lib9p.L {
			p.rpc(fmt.Sprintf("Tgetattr fid %s request_mask 0x3fff => %s", w[0], p.told(w[1], w[2], arg(3, "0"), arg(4, "0"))))
		} else {
			p.rpc(fmt.Sprintf("Tstat fid %s => %s", w[0], p.told(w[1], w[2], arg(3, "0"), "0")))
		}
	case "probe-is": // fid qid length: the session asks for as much
		if p.d == lib9p.L {
			p.server.hear("Tgetattr fid $" + w[0] + " ... => " + p.attr(w[1], w[2]))
		} else {
			p.server.hear("Tstat fid $" + w[0] + " => " + p.attr(w[1], w[2]))
		}
	case "back-walk": // fid path qids: the session walks there by itself
		p.server.hear(fmt.Sprintf("Twalk fid $root newfid $f%s %s => %s", w[0], names(w[1]), rwalk(w[2])))
	case "back-open": // fid mode qid
		p.server.hear(p.topen("$f"+w[0], w[1]) + " => " + p.ropen(w[2]))
	case "opening": // fid mode: as back-open, with the tag $o, and is not answered yet
		p.server.hear(strings.Replace(p.topen("$f"+w[0], w[1]), " ", " tag $o ", 1))
	case "opened": // qid
		p.server.say(strings.Replace(p.ropen(w[0]), " ", " tag $o ", 1))
	case "probe": // dir path qids name qid|ERROR name: the session looks whether name is in a directory
		p.server.hear(fmt.Sprintf("Twalk fid $root newfid $%s %s => %s", w[0], names(w[1]), rwalk(w[2])))
		answer := strings.Join(w[4:], " ")
		if w[4] != "ERROR" {
			answer = rwalk(w[4])
		}
		p.server.hear(fmt.Sprintf("Twalk fid $%s newfid $found nwname 1 %s => %s", w[0], w[3], answer))
		delete(p.vars, w[0])
	case "DIR": // fid offset name:cookie...: the client reads a part of a directory
		p.readDir(w[0], w[1], w[2:])
	case "DIR>": // [$tag] name:cookie...: the server answers the last read of a directory
		p.sayDir(w)
	case "DIR<": // tag name:cookie...: the client is answered
		data := p.dirData(w[1:])
		p.client.hear(p.dirReply("tag "+w[0], data))
		p.dirEnd += len(data)
		p.setDirEnds()
	case "forget": // names
		for _, name := range w {
			delete(p.vars, name)
		}
	default:
		p.fatalf("unknown word %q", verb)
	}
}

// rpc plays "request => reply" from the client through the session to the server and back. Tags are chosen;
// the server's number for fid n is $fn.
func (p *play) rpc(line string) {
	ask, answer, ok := strings.Cut(line, " => ")
	if !ok {
		p.fatalf("rpc wants request => reply")
	}
	p.tag++
	w := words(ask)
	ask = fmt.Sprintf("%s tag %d %s", w[0], p.tag, strings.Join(w[1:], " "))
	p.client.say(ask)
	for i := 1; i+1 < len(w); i++ {
		switch w[i] {
		case "newfid":
			if w[i+1] != w[i-1] {
				delete(p.vars, "f"+w[i+1])
			}
			fallthrough
		case "fid", "dfid", "afid", "olddirfid", "newdirfid", "dirfd":
			if w[i+1] != "4294967295" {
				w[i+1] = "$f" + w[i+1]
			}
		}
	}
	p.here().hear(strings.Join(w, " ") + " => " + answer)
	p.client.hear(strings.Replace(p.expand(answer), " ", fmt.Sprintf(" tag %d ", p.tag), 1) + tagOfEmpty(answer, p.tag))
	if w[0] == "Tclunk" || w[0] == "Tremove" {
		delete(p.vars, w[2][1:])
	}
}

// tagOfEmpty is the tag of a reply that has no fields.
func tagOfEmpty(answer string, tag int) string {
	if strings.Contains(answer, " ") {
		return ""
	}
	return fmt.Sprintf(" tag %d", tag)
}

// qids reads 2d/7: qids of a directory and a file, by path.
func qids(s string) []string {
	var all []string
	for _, q := range strings.Split(s, "/") {
		n := strings.TrimRight(q, "daLl")
		typ := q[len(n):]
		if typ == "" {
			typ = "-"
		}
		all = append(all, "("+n+" 0 "+typ+")")
	}
	return all
}

func rwalk(s string) string {
	if s == "." {
		return "Rwalk nwqid 0"
	}
	q := qids(s)
	return fmt.Sprintf("Rwalk nwqid %d %s", len(q), strings.Join(q, " "))
}

func names(path string) string {
	if path == "." {
		return "nwname 0"
	}
	n := strings.Split(path, "/")
	return fmt.Sprintf("nwname %d %s", len(n), strings.Join(n, " "))
}

func (p *play) topen(fid, mode string) string {
	if p.d == lib9p.L {
		return "Tlopen fid " + fid + " flags " + mode
	}
	return "Topen fid " + fid + " mode " + mode
}

func (p *play) ropen(qid string) string {
	if p.d == lib9p.L {
		return "Rlopen qid " + qids(qid)[0] + " iounit 0"
	}
	return "Ropen qid " + qids(qid)[0] + " iounit 0"
}

// tcreate is a create of a file that may be there in .L, and must not be in 9P2000, which knows no other.
func (p *play) tcreate(fid, name, mode string) string {
	n, err := strconv.ParseUint(mode, 0, 32)
	if err != nil {
		p.fatalf("%v", err)
	}
	if p.d == lib9p.L {
		return fmt.Sprintf("Tlcreate fid %s name %s flags %#o mode 0644 gid 0", fid, name, n|lib9p.LCREATE)
	}
	return fmt.Sprintf("Tcreate fid %s name %s perm 0644 mode %d%s", fid, name, n, p.u(` extension ""`))
}

func (p *play) rcreate(qid string) string {
	if p.d == lib9p.L {
		return "Rlcreate qid " + qids(qid)[0] + " iounit 0"
	}
	return "Rcreate qid " + qids(qid)[0] + " iounit 0"
}

// told is the answer that a file is there, of that length and mtime. A gen of 0 is not told.
func (p *play) told(qid, length, mtime, gen string) string {
	s := strings.Replace(p.attr(qid, length), " mtime 0 ", " mtime "+mtime+" ", 1)
	if gen != "0" {
		s = strings.Replace(strings.Replace(s, " gen 0 ", " gen "+gen+" ", 1), "valid 0x7ff", "valid 0x17ff", 1)
	}
	return s
}

// attr is the answer that a regular file of that length is there, or a device if length is "dev".
func (p *play) attr(qid, length string) string {
	mode, pmode := "0100644", "0644"
	if length == "dev" {
		mode, pmode, length = "020644", "0644", "0"
	}
	q := qids(qid)[0]
	if p.d == lib9p.L {
		return fmt.Sprintf("Rgetattr valid 0x7ff qid %s mode %s uid 0 gid 0 nlink 1 rdev 0 size %s blksize 0 blocks 0 "+
			"atime 0 nsec 0 mtime 0 nsec 0 ctime 0 nsec 0 btime 0 nsec 0 gen 0 data_version 0", q, mode, length)
	}
	return fmt.Sprintf("Rstat type 0 dev 0 qid %s mode %s atime 0 mtime 0 length %s name a uid glenda gid glenda muid glenda", q, pmode, length) +
		p.u(` extension "" nuid 0 ngid 0 nmuid 0`)
}

// u returns fields that only 9P2000.u has, where that is spoken.
func (p *play) u(fields string) string {
	if p.d == lib9p.U {
		return fields
	}
	return ""
}

// playScript plays script in a bubble of its own, for dialect d.
func playScript(t *testing.T, d lib9p.Dialect, name, script string) {
	synctest.Test(t, func(t *testing.T) {
		p := newPlay(t, d)
		p.script, p.lines = name, strings.Split(script, "\n")
		p.run()
	})
}
