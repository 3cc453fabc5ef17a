package lib9p

import "fmt"

// layouts holds the order and sizes of the fields of each message in each dialect, a letter a field:
// 1 2 4 8 a number, s string, d data, q qid, N names, Q qids, S stat. It is drawn from fields.
var layouts [L + 1][256]string

// statLayouts is the same for what a stat holds.
var statLayouts [L + 1]string

func init() {
	for d := P2000; d <= L; d++ {
		for typ := range 256 {
			m := New(uint8(typ))
			if m == nil || !d.Legal(uint8(typ)) {
				continue
			}
			c := coder{d: d, way: describing}
			fields(&c, m)
			layouts[d][typ] = string(c.buf)
		}
		c := coder{d: d, way: describing}
		c.dir(new(Stat))
		statLayouts[d] = string(c.buf)
	}
}

// Validate reports whether f is one whole message of dialect d, with every
// field inside the frame and nothing behind the last. It allocates only for an error.
func (f Frame) Validate(d Dialect) error {
	if err := f.Check(); err != nil {
		return err
	}
	typ := f.Type()
	if !d.Legal(typ) {
		return fmt.Errorf("%s has no %s", d, TypeName(typ))
	}
	rest, ok := scan(f[HeaderSize:], layouts[d][typ], d)
	if ok && len(rest) == 0 || typ == TypeTfsync && len(f) == HeaderSize+4 {
		return nil
	}
	if ok {
		return fmt.Errorf("%s has %d bytes behind its last field", TypeName(typ), len(rest))
	}
	return fmt.Errorf("%s of %d bytes is shorter than its fields", TypeName(typ), len(f))
}

// scan passes over the fields of layout and returns what follows them.
func scan(b []byte, layout string, d Dialect) (rest []byte, ok bool) {
	for i := range len(layout) {
		n := 0
		switch kind := layout[i]; kind {
		case 's':
			if len(b) < 2 {
				return nil, false
			}
			n = 2 + int(le.Uint16(b))
		case 'd':
			if len(b) < 4 || uint64(le.Uint32(b)) > uint64(len(b)-4) {
				return nil, false
			}
			n = 4 + int(le.Uint32(b))
		case 'q':
			n = QidSize
		case 'N', 'Q':
			if len(b) < 2 || le.Uint16(b) > MaxWalk {
				return nil, false
			}
			n = 2
			for range le.Uint16(b) {
				switch {
				case kind == 'Q':
					n += QidSize
				case len(b) < n+2:
					return nil, false
				default:
					n += 2 + int(le.Uint16(b[n:]))
				}
			}
		case 'S':
			if len(b) < 4 || int(le.Uint16(b)) != len(b)-2 || int(le.Uint16(b[2:])) != len(b)-4 {
				return nil, false
			}
			if rest, ok := scan(b[4:], statLayouts[d], d); !ok || len(rest) > 0 {
				return nil, false
			}
			n = len(b)
		default:
			n = int(kind - '0')
		}
		if n > len(b) {
			return nil, false
		}
		b = b[n:]
	}
	return b, true
}
