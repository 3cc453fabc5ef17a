package lib9p

import (
	"fmt"
	"strconv"
	"strings"
)

// QidSize is a qid's size on the wire: type[1] version[4] path[8].
const QidSize = 13

// qidLetters names the bits of qid.type, the highest first.
const qidLetters = "dalmAtLu"

func (c *coder) qid(name string, q *Qid) {
	switch c.way {
	case printing:
		c.label(name)
	case parsing:
		c.text.label(c, name)
	}
	c.bareQid(name, q)
}

func (c *coder) bareQid(name string, q *Qid) {
	switch c.way {
	case packing:
		c.buf = AppendQid(c.buf, *q)
	case unpacking:
		if b := c.take(name, QidSize); b != nil {
			*q = GetQid(b)
		}
	case printing:
		c.buf = fmt.Appendf(c.buf, "(%016x %d %s)", q.Path, q.Vers, qidType(q.Type))
	case parsing:
		if w := c.text.word(c, name); c.err == nil {
			if err := parseQid(w, q); err != nil {
				c.fail("%s: %w", name, err)
			}
		}
	case describing:
		c.buf = append(c.buf, 'q')
	}
}

// AppendQid appends q as it is on the wire.
func AppendQid(b []byte, q Qid) []byte {
	b = append(b, q.Type)
	b = le.AppendUint32(b, q.Vers)
	return le.AppendUint64(b, q.Path)
}

// GetQid returns the qid in b, which holds at least QidSize bytes.
func GetQid(b []byte) Qid {
	return Qid{Type: b[0], Vers: le.Uint32(b[1:]), Path: le.Uint64(b[5:])}
}

func qidType(t uint8) string {
	s := make([]byte, 0, len(qidLetters))
	for i := range len(qidLetters) {
		if t&(0x80>>i) != 0 {
			s = append(s, qidLetters[i])
		}
	}
	if len(s) == 0 {
		return "-"
	}
	return string(s)
}

func parseQid(s string, q *Qid) error {
	in, ok := strings.CutPrefix(s, "(")
	in, ok2 := strings.CutSuffix(in, ")")
	f := strings.Split(in, " ")
	if !ok || !ok2 || len(f) != 3 {
		return fmt.Errorf("a qid looks like (path version type), not %q", s)
	}
	path, err := strconv.ParseUint(f[0], 16, 64)
	if err != nil {
		return err
	}
	vers, err := strconv.ParseUint(f[1], 10, 32)
	if err != nil {
		return err
	}
	var t uint8
	for _, r := range strings.TrimPrefix(f[2], "-") {
		i := strings.IndexRune(qidLetters, r)
		if i < 0 {
			return fmt.Errorf("qid type %q has a letter that is not of %s", f[2], qidLetters)
		}
		t |= 0x80 >> i
	}
	*q = Qid{Path: path, Vers: uint32(vers), Type: t}
	return nil
}
