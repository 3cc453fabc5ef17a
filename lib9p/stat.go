package lib9p

import (
	"fmt"

	"9fans.net/go/plan9"
)

// A Stat is a directory entry as stat(5) has it, with .u's extension.
// The fields of the extension are carried in .u only.
//
// On the wire: size[2] type[2] dev[4] qid[13] mode[4] atime[4] mtime[4] length[8]
// name[s] uid[s] gid[s] muid[s], and in .u extension[s] n_uid[4] n_gid[4] n_muid[4].
type Stat struct {
	plan9.Dir
	Extension         string // .u: a symbolic link's target, or a device as "b 8 1"
	Nuid, Ngid, Nmuid uint32
}

// NullStat is the Stat of a Twstat that changes nothing.
func NullStat() Stat {
	s := Stat{Nuid: StatNo32, Ngid: StatNo32, Nmuid: StatNo32}
	s.Null()
	return s
}

func (c *coder) dir(s *Stat) {
	mode := uint32(s.Mode)
	c.u16("type", &s.Type)
	c.u32("dev", &s.Dev)
	c.qid("qid", &s.Qid)
	c.mode("mode", &mode)
	s.Mode = plan9.Perm(mode)
	c.u32("atime", &s.Atime)
	c.u32("mtime", &s.Mtime)
	c.u64("length", &s.Length)
	c.str("name", &s.Name)
	c.str("uid", &s.Uid)
	c.str("gid", &s.Gid)
	c.str("muid", &s.Muid)
	if c.d == U {
		c.str("extension", &s.Extension)
		c.u32("nuid", &s.Nuid)
		c.u32("ngid", &s.Ngid)
		c.u32("nmuid", &s.Nmuid)
	}
}

// stat is the n[2] stat[n] of Rstat and Twstat: the length stands twice.
func (c *coder) stat(name string, s *Stat) {
	switch c.way {
	case packing:
		at := len(c.buf)
		c.buf = append(c.buf, 0, 0, 0, 0)
		c.dir(s)
		n := len(c.buf) - at - 4
		if n+2 > 0xffff {
			c.fail("%s is %d bytes long; 65533 is the most", name, n)
			return
		}
		le.PutUint16(c.buf[at:], uint16(n+2))
		le.PutUint16(c.buf[at+2:], uint16(n))
	case unpacking:
		b := c.take(name, 4)
		if b == nil {
			return
		}
		n, size := int(le.Uint16(b)), int(le.Uint16(b[2:]))
		if n != size+2 || size != c.left() {
			c.fail("%s says %d and %d bytes where %d are left", name, n, size, c.left())
			return
		}
		c.dir(s)
	case printing, parsing:
		c.dir(s)
	case describing:
		c.buf = append(c.buf, 'S')
	}
}

// AppendStat appends s, its size first, as an entry of a directory read.
// It fails where a name is too long for the format.
func AppendStat(b []byte, d Dialect, s *Stat) ([]byte, error) {
	at := len(b)
	c := coder{d: d, way: packing, buf: append(b, 0, 0)}
	c.dir(s)
	n := len(c.buf) - at - 2
	if c.err == nil && n > 0xffff {
		c.fail("stat of %q is %d bytes long; 65535 is the most", s.Name, n)
	}
	if c.err != nil {
		return b, fmt.Errorf("pack stat: %w", c.err)
	}
	le.PutUint16(c.buf[at:], uint16(n))
	return c.buf, nil
}

// NextStat unpacks the first entry of a directory read in 9P2000 or .u and returns what follows it.
func NextStat(b []byte, d Dialect) (s Stat, rest []byte, err error) {
	if len(b) < 2 || len(b)-2 < int(le.Uint16(b)) {
		return s, nil, fmt.Errorf("unpack stat: %d bytes are not a whole entry", len(b))
	}
	n := int(le.Uint16(b)) + 2
	c := coder{d: d, way: unpacking, buf: b[2:n]}
	c.dir(&s)
	if c.err == nil && c.left() > 0 {
		c.fail("%d bytes behind the last field", c.left())
	}
	if c.err != nil {
		return s, nil, fmt.Errorf("unpack stat: %w", c.err)
	}
	return s, b[n:], nil
}
