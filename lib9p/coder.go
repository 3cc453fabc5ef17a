package lib9p

import (
	"encoding/binary"
	"fmt"
	"strconv"
)

// A coder carries a message in one direction between its struct and a form.
// Its error is sticky: after the first one every call does nothing, and who began looks once, at the end.
type coder struct {
	d    Dialect
	way  way
	buf  []byte // packing, printing: what is done; unpacking: what is left
	text tokens // parsing
	err  error
}

type way uint8

const (
	packing way = iota
	unpacking
	printing
	parsing
	describing // appends a letter for each field to buf, see layout
)

var le = binary.LittleEndian

func (c *coder) unpacking() bool { return c.way == unpacking }
func (c *coder) left() int       { return len(c.buf) }

func (c *coder) fail(format string, arg ...any) {
	if c.err == nil {
		c.err = fmt.Errorf(format, arg...)
	}
}

// take returns the next n bytes of what is being unpacked, or nil and sets the error.
func (c *coder) take(name string, n int) []byte {
	if c.err != nil {
		return nil
	}
	if n > len(c.buf) {
		c.fail("%s wants %d bytes where %d are left", name, n, len(c.buf))
		return nil
	}
	b := c.buf[:n:n]
	c.buf = c.buf[n:]
	return b
}

// number carries an unsigned number of size bytes; base is that of the text form.
func (c *coder) number(name string, v uint64, size, base int) uint64 {
	switch c.way {
	case packing:
		var b [8]byte
		le.PutUint64(b[:], v)
		c.buf = append(c.buf, b[:size]...)
	case unpacking:
		var b [8]byte
		copy(b[:], c.take(name, size))
		return le.Uint64(b[:])
	case printing:
		c.label(name)
		c.print(v, base)
	case parsing:
		c.text.label(c, name)
		return c.text.number(c, name, size*8)
	case describing:
		c.buf = append(c.buf, '0'+byte(size))
	}
	return v
}

func (c *coder) print(v uint64, base int) {
	switch base {
	case 8:
		c.buf = append(c.buf, '0')
	case 16:
		c.buf = append(c.buf, "0x"...)
	}
	c.buf = strconv.AppendUint(c.buf, v, base)
}

func (c *coder) label(name string) {
	c.buf = append(c.buf, ' ')
	c.buf = append(c.buf, name...)
	c.buf = append(c.buf, ' ')
}

func (c *coder) u8(name string, p *uint8)    { *p = uint8(c.number(name, uint64(*p), 1, 10)) }
func (c *coder) u16(name string, p *uint16)  { *p = uint16(c.number(name, uint64(*p), 2, 10)) }
func (c *coder) u32(name string, p *uint32)  { *p = uint32(c.number(name, uint64(*p), 4, 10)) }
func (c *coder) u64(name string, p *uint64)  { *p = c.number(name, *p, 8, 10) }
func (c *coder) mode(name string, p *uint32) { *p = uint32(c.number(name, uint64(*p), 4, 8)) }
func (c *coder) mask(name string, p *uint64) { *p = c.number(name, *p, 8, 16) }

func (c *coder) time(name string, p *Time) {
	c.u64(name, &p.Sec)
	c.u64("nsec", &p.Nsec)
}

func (c *coder) str(name string, p *string) {
	if c.way == printing || c.way == parsing {
		if c.way == printing {
			c.label(name)
		} else {
			c.text.label(c, name)
		}
	}
	c.word(name, p)
}

// word is str without its label, for lists.
func (c *coder) word(name string, p *string) {
	switch c.way {
	case packing:
		if len(*p) > 0xffff {
			c.fail("%s is %d bytes long; 65535 is the most", name, len(*p))
			return
		}
		c.buf = le.AppendUint16(c.buf, uint16(len(*p)))
		c.buf = append(c.buf, *p...)
	case unpacking:
		if b := c.take(name, 2); b != nil {
			*p = string(c.take(name, int(le.Uint16(b))))
		}
	case printing:
		c.buf = appendWord(c.buf, *p)
	case parsing:
		*p = c.text.word(c, name)
		if len(*p) > 0xffff {
			c.fail("%s is %d bytes long; 65535 is the most", name, len(*p))
		}
	case describing:
		c.buf = append(c.buf, 's')
	}
}

func (c *coder) data(name string, p *[]byte) {
	switch c.way {
	case packing:
		if uint64(len(*p)) > 0xffffffff-IOHeader {
			c.fail("%s is %d bytes long; a message cannot hold it", name, len(*p))
			return
		}
		c.buf = le.AppendUint32(c.buf, uint32(len(*p)))
		c.buf = append(c.buf, *p...)
	case unpacking:
		if b := c.take(name, 4); b != nil {
			if n := le.Uint32(b); uint64(n) > uint64(len(c.buf)) {
				c.fail("%s wants %d bytes where %d are left", name, n, len(c.buf))
			} else {
				*p = c.take(name, int(n))
			}
		}
	case printing:
		c.buf = append(c.buf, " count "...)
		c.buf = strconv.AppendInt(c.buf, int64(len(*p)), 10)
		c.label(name)
		c.buf = strconv.AppendQuote(c.buf, string(*p))
	case parsing:
		c.text.label(c, "count")
		n := c.text.number(c, "count", 32)
		c.text.label(c, name)
		*p = []byte(c.text.word(c, name))
		if c.err == nil && n != uint64(len(*p)) {
			c.fail("count is %d for %d bytes of %s", n, len(*p), name)
		}
	case describing:
		c.buf = append(c.buf, 'd')
	}
}

// count carries the length of a list of at most MaxWalk elements and returns it.
func (c *coder) count(name string, have int) int {
	n := int(c.number(name, uint64(have), 2, 10))
	if n > MaxWalk {
		c.fail("%s is %d; %d is the most", name, n, MaxWalk)
	}
	if c.err != nil {
		return 0
	}
	return n
}

func (c *coder) names(name string, p *[]string) {
	if c.way == describing {
		c.buf = append(c.buf, 'N')
		return
	}
	n := c.count(name, len(*p))
	if len(*p) != n {
		*p = make([]string, n)
	}
	for i := range *p {
		c.space()
		c.word(name, &(*p)[i])
	}
}

func (c *coder) qids(name string, p *[]Qid) {
	if c.way == describing {
		c.buf = append(c.buf, 'Q')
		return
	}
	n := c.count(name, len(*p))
	if len(*p) != n {
		*p = make([]Qid, n)
	}
	for i := range *p {
		c.space()
		c.bareQid(name, &(*p)[i])
	}
}

func (c *coder) space() {
	if c.way == printing {
		c.buf = append(c.buf, ' ')
	}
}
