package lib9p

import (
	"fmt"
	"strconv"
	"strings"
)

// Format returns a message as one line: its name, tag, and each field behind its name, as in
//
//	Twalk tag 1 fid 0 newfid 2 nwname 2 usr glenda
//	Rwalk tag 1 nwqid 1 (0000000000000007 3 d)
//	Rread tag 4 count 3 data "abc"
//
// A word with a character that could mislead is quoted as Go quotes it. [Parse] reads the line back.
func Format(d Dialect, tag uint16, m Msg) string {
	c := coder{d: d, way: printing}
	c.buf = append(c.buf, TypeName(TypeOf(m))...)
	c.u16("tag", &tag)
	fields(&c, m)
	return string(c.buf)
}

// Parse returns the message that a line of [Format] shows.
func Parse(d Dialect, line string) (tag uint16, m Msg, err error) {
	c := coder{d: d, way: parsing, text: tokens{rest: line}}
	name := c.text.word(&c, "message")
	typ, ok := typeNames[name]
	if !ok || !d.Legal(typ) {
		return 0, nil, fmt.Errorf("parse message: %s has no %q", d, name)
	}
	m = New(typ)
	c.u16("tag", &tag)
	fields(&c, m)
	if rest := strings.TrimSpace(c.text.rest); c.err == nil && rest != "" {
		c.fail("%q behind the last field", rest)
	}
	if c.err != nil {
		return 0, nil, fmt.Errorf("parse %s: %w", name, c.err)
	}
	return tag, m, nil
}

var typeNames = func() map[string]uint8 {
	names := make(map[string]uint8)
	for typ := range uint8(255) {
		if New(typ) != nil {
			names[TypeName(typ)] = typ
		}
	}
	return names
}()

// appendWord appends s bare where a reader cannot mistake it, else quoted.
func appendWord(b []byte, s string) []byte {
	if s == "" {
		return append(b, `""`...)
	}
	for i := range len(s) {
		switch ch := s[i]; {
		case 'a' <= ch && ch <= 'z', 'A' <= ch && ch <= 'Z', '0' <= ch && ch <= '9', strings.IndexByte("_-./+!@%:,=~#", ch) >= 0:
		default:
			return strconv.AppendQuote(b, s)
		}
	}
	return append(b, s...)
}

// tokens reads the words of a line: bare, quoted as Go does, or (in parentheses).
type tokens struct{ rest string }

func (t *tokens) word(c *coder, name string) string {
	if c.err != nil {
		return ""
	}
	t.rest = strings.TrimLeft(t.rest, " ")
	if t.rest == "" {
		c.fail("the line ends before %s", name)
		return ""
	}
	end := strings.IndexByte(t.rest, ' ')
	switch t.rest[0] {
	case '"':
		q, err := strconv.QuotedPrefix(t.rest)
		if err != nil {
			c.fail("%s: bad quoting at %.20q", name, t.rest)
			return ""
		}
		t.rest = t.rest[len(q):]
		s, _ := strconv.Unquote(q)
		return s
	case '(':
		end = strings.IndexByte(t.rest, ')') + 1
		if end == 0 {
			c.fail("%s: no closing parenthesis", name)
			return ""
		}
	}
	if end < 0 {
		end = len(t.rest)
	}
	w := t.rest[:end]
	t.rest = t.rest[end:]
	return w
}

func (t *tokens) label(c *coder, name string) {
	if w := t.word(c, name); c.err == nil && w != name {
		c.fail("%q stands where %s should", w, name)
	}
}

// number reads decimal, 0octal and 0xhexadecimal.
func (t *tokens) number(c *coder, name string, bits int) uint64 {
	w := t.word(c, name)
	if c.err != nil {
		return 0
	}
	n, err := strconv.ParseUint(w, 0, bits)
	if err != nil {
		c.fail("%s: %q is not a number of %d bits", name, w, bits)
	}
	return n
}
