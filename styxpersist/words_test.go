//go:build unix

package styxpersist

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/styxkit/styxkit/lib9p"
)

// words splits a line at its blanks, outside quotes and parentheses.
func words(line string) []string {
	var all []string
	for line = strings.TrimLeft(line, " "); line != ""; line = strings.TrimLeft(line, " ") {
		n := strings.IndexByte(line, ' ')
		switch line[0] {
		case '"':
			if q, err := strconv.QuotedPrefix(line); err == nil {
				n = len(q)
			}
		case '(':
			n = strings.IndexByte(line, ')') + 1
		}
		if n <= 0 {
			n = len(line)
		}
		all = append(all, line[:n])
		line = line[n:]
	}
	return all
}

// canonical returns the one form of a word that can be written in several: a qid, a number, a quoted word.
func canonical(word string) string {
	if word[0] == '(' {
		f := strings.Fields(strings.Trim(word, "()"))
		if len(f) == 3 {
			if path, err := strconv.ParseUint(f[0], 16, 64); err == nil {
				return fmt.Sprintf("(%016x %s %s)", path, f[1], f[2])
			}
		}
		return word
	}
	if s, err := strconv.Unquote(word); err == nil && word[0] == '"' {
		return s
	}
	if n, err := strconv.ParseUint(word, 0, 64); err == nil {
		return strconv.FormatUint(n, 10)
	}
	return word
}

// errorNames are the errors that a script calls by a name.
var errorNames = map[string]*lib9p.Error{
	"undecided": errUndecided, "unknownfid": errUnknownFid, "dupfid": errDupFid, "badname": errBadName,
	"proto": errProto, "notfound": errNotFound, "stale": errStale, "authlost": errAuthLost, "authfailed": errAuthFailed, "io": errIO,
	"attrtoobig": errAttrTooBig, "nodata": {Errno: lib9p.ENODATA},
	"noserver": errNoServer, "openwalk": errOpenWalk, "xattrlost": errXattrLost, "locklost": errLockLost, "toolong": errTooLong, "badoffset": errBadOffset,
	"exists": {Ename: "file already exists", Errno: lib9p.EEXIST},
	"perm":   {Ename: "permission denied", Errno: lib9p.EACCES},
	"nofile": {Ename: "too many open files", Errno: lib9p.EMFILE},
	"again":  {Ename: "resource temporarily unavailable", Errno: lib9p.EAGAIN},
	"busy":   {Ename: "device or resource busy", Errno: lib9p.EBUSY},
	"notdir": {Ename: "not a directory", Errno: lib9p.ENOTDIR},
}

// manyOf is a letter and how often it stands there.
var manyOf = regexp.MustCompile(`[a-z]\*[0-9]+`)

// spell writes out what stands there many times.
func spell(line string) string {
	return manyOf.ReplaceAllStringFunc(line, func(s string) string { return strings.Repeat(s[:1], atoi(s[2:])) })
}

// expand writes out what scripts abbreviate: an error, as ERROR name, in the words of the dialect.
func (p *play) expand(line string) string {
	line = spell(line)
	before, name, ok := strings.Cut(line, "ERROR")
	if !ok || before != "" {
		return line
	}
	w := words(name)
	tag := ""
	if len(w) == 3 && w[0] == "tag" {
		tag, w = " tag "+w[1], w[2:]
	}
	e := errorNames[w[0]]
	if e == nil {
		p.fatalf("no error is called %q", w[0])
	}
	if p.d == lib9p.L {
		return fmt.Sprintf("Rlerror%s ecode %d", tag, e.Number())
	}
	return fmt.Sprintf("Rerror%s ename %q", tag, e.Error()) + p.u(fmt.Sprintf(" errno %d", e.Number()))
}

// fill replaces the names in what a peer is to say by what they stand for, and adds
// the tag of the last message heard where there is none.
func (p *play) fill(line string) (string, bool) {
	if strings.HasPrefix(line, "hex ") {
		return line, true
	}
	cut := ""
	if strings.HasPrefix(line, "cut ") {
		w := words(line)
		cut, line = "cut "+w[1]+" ", strings.Join(w[2:], " ")
	}
	w := words(p.expand(line))
	if len(w) < 2 || w[1] != "tag" {
		w = append([]string{w[0], "tag", "$tag"}, w[1:]...)
	}
	for i, word := range w {
		if word[0] == '$' {
			v, ok := p.vars[word[1:]]
			if !ok {
				return line, false
			}
			w[i] = v
		}
	}
	return cut + strings.Join(w, " "), true
}
