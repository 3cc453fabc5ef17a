package lib9p

import "fmt"

// Append appends m as a whole frame, size[4] type[1] tag[2] and fields, in dialect d.
// It fails where a field does not fit the format, and leaves b as it was.
func Append(b []byte, d Dialect, tag uint16, m Msg) ([]byte, error) {
	if m == nil || !d.Legal(TypeOf(m)) {
		return b, fmt.Errorf("pack message: %s has no %T", d, m)
	}
	at := len(b)
	c := coder{d: d, way: packing, buf: append(b, 0, 0, 0, 0, TypeOf(m), byte(tag), byte(tag>>8))}
	fields(&c, m)
	n := len(c.buf) - at
	if c.err == nil && uint64(n) > 0xffffffff {
		c.fail("%d bytes are too many", n)
	}
	if c.err != nil {
		return b, fmt.Errorf("pack %s: %w", TypeName(TypeOf(m)), c.err)
	}
	le.PutUint32(c.buf[at:], uint32(n))
	return c.buf, nil
}

// Pack returns m as a frame of its own.
func Pack(d Dialect, tag uint16, m Msg) (Frame, error) { return Append(nil, d, tag, m) }

// Unpack returns the message in frame, which must be exactly one whole frame of dialect d.
// The message's Data aliases frame; strings are copies.
func Unpack(d Dialect, frame Frame) (tag uint16, m Msg, err error) {
	if err := frame.Check(); err != nil {
		return NoTag, nil, fmt.Errorf("unpack message: %w", err)
	}
	typ := frame.Type()
	if m = New(typ); m == nil || !d.Legal(typ) {
		return frame.Tag(), nil, fmt.Errorf("unpack message: %s has no %s", d, TypeName(typ))
	}
	c := coder{d: d, way: unpacking, buf: frame[HeaderSize:]}
	fields(&c, m)
	if c.err == nil && c.left() > 0 {
		c.fail("%d bytes behind the last field", c.left())
	}
	if c.err != nil {
		return frame.Tag(), nil, fmt.Errorf("unpack %s: %w", TypeName(typ), c.err)
	}
	return frame.Tag(), m, nil
}
