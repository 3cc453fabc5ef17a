package lib9p

import (
	"bytes"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"9fans.net/go/plan9"
	"github.com/google/go-cmp/cmp"
)

// fill sets all that v holds to values that differ from field to field, in strings and data also to what
// the text form must quote. n counts.
func fill(v reflect.Value, n *uint64) {
	*n++
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			fill(v.Field(i), n)
		}
	case reflect.String:
		v.SetString([]string{"glenda", "a b", "", `"q"`, "ünï\n\xff)", "(x"}[*n%6] + strings.Repeat("n", int(*n%3)))
	case reflect.Slice:
		if v.Type().Elem().Kind() == reflect.Uint8 {
			v.SetBytes([]byte{0, 1, '"', '\\', 0xff, byte(*n)})
			return
		}
		v.Set(reflect.MakeSlice(v.Type(), int(*n%3)+1, 3))
		for i := range v.Len() {
			fill(v.Index(i), n)
		}
	case reflect.Uint8:
		v.SetUint(*n * 0x11)
	default:
		v.SetUint(*n * 0x0102030405060709 >> (64 - v.Type().Bits()))
	}
}

// strip clears the fields that d does not carry.
func strip(d Dialect, m Msg) {
	if d != U {
		switch m := m.(type) {
		case *Rerror:
			m.Errno = 0
		case *Tcreate:
			m.Extension = ""
		case *Rstat:
			m.Stat = Stat{Dir: m.Stat.Dir}
		case *Twstat:
			m.Stat = Stat{Dir: m.Stat.Dir}
		}
	}
	if d == P2000 {
		switch m := m.(type) {
		case *Tauth:
			m.Nuname = 0
		case *Tattach:
			m.Nuname = 0
		}
	}
}

// each calls test with a filled, an empty and, where it has one, a special form of every message of every dialect.
func each(t *testing.T, test func(t *testing.T, d Dialect, m Msg)) {
	for d := P2000; d <= L; d++ {
		for typ := range 256 {
			if !d.Legal(uint8(typ)) {
				continue
			}
			t.Run(d.String()+"/"+TypeName(uint8(typ)), func(t *testing.T) {
				for n := range uint64(6) {
					m := New(uint8(typ))
					fill(reflect.ValueOf(m).Elem(), &n)
					strip(d, m)
					test(t, d, m)
				}
				test(t, d, New(uint8(typ)))
			})
		}
	}
}

// same compares messages; data of no bytes are data of no bytes.
func same(t *testing.T, what string, got, want Msg) {
	t.Helper()
	empty := cmp.Transformer("nil", func(b []byte) string { return string(b) })
	if diff := cmp.Diff(want, got, empty); diff != "" {
		t.Errorf("%s: -want +got\n%s", what, diff)
	}
}

func TestPackUnpack(t *testing.T) {
	each(t, func(t *testing.T, d Dialect, m Msg) {
		f, err := Pack(d, 0x1234, m)
		if err != nil {
			t.Fatal(err)
		}
		if err := f.Validate(d); err != nil {
			t.Error(err)
		}
		tag, got, err := Unpack(d, f)
		if err != nil {
			t.Fatal(err)
		}
		same(t, "Unpack", got, m)
		if tag != 0x1234 || f.Tag() != tag || f.Type() != TypeOf(m) || int(f.Size()) != len(f) {
			t.Errorf("tag %#x type %d size %d", tag, f.Type(), f.Size())
		}
		// Append is Pack behind what there is.
		b, err := Append([]byte("before"), d, 0x1234, m)
		if err != nil || string(b) != "before"+string(f) {
			t.Errorf("Append: %q, %v", b, err)
		}
	})
}

func TestFormatParse(t *testing.T) {
	each(t, func(t *testing.T, d Dialect, m Msg) {
		line := Format(d, 77, m)
		tag, got, err := Parse(d, line)
		if err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		if tag != 77 || strings.ContainsAny(line, "\n\r") {
			t.Errorf("tag %d of %s", tag, line)
		}
		same(t, line, got, m)
	})
}

// A frame that is a byte short or a byte long, wherever, is refused by both who look at it.
func TestWrongLength(t *testing.T) {
	each(t, func(t *testing.T, d Dialect, m Msg) {
		f, err := Pack(d, 1, m)
		if err != nil {
			t.Fatal(err)
		}
		for n := HeaderSize; n <= len(f)+1; n++ {
			cut := append(Frame(nil), f[:min(n, len(f))]...)
			if n > len(f) {
				cut = append(cut, 0)
			}
			le.PutUint32(cut, uint32(n))
			_, _, err := Unpack(d, cut)
			verr := cut.Validate(d)
			short := f.Type() == TypeTfsync && n == HeaderSize+4 // the old form
			if good := n == len(f) || short; (err == nil) != good || (verr == nil) != good {
				t.Errorf("%d of %d bytes: Unpack %v, Validate %v", n, len(f), err, verr)
			}
		}
		for _, n := range []int{0, 3, 6, len(f) - 1} {
			if _, _, err := Unpack(d, f[:n]); err == nil || f[:n].Validate(d) == nil {
				t.Errorf("the first %d bytes pass", n)
			}
		}
	})
}

func TestIllegal(t *testing.T) {
	for d := P2000; d <= L; d++ {
		for typ := range 256 {
			typ := uint8(typ)
			m := New(typ)
			if d.Legal(typ) {
				if m == nil {
					t.Errorf("%s has type %d, which is no message", d, typ)
				}
				continue
			}
			f := Frame{7, 0, 0, 0, typ, 0, 0}
			if _, _, err := Unpack(d, f); err == nil || f.Validate(d) == nil {
				t.Errorf("%s takes type %d", d, typ)
			}
			if m == nil {
				continue
			}
			if _, err := Pack(d, 0, m); err == nil {
				t.Errorf("%s packs %s", d, TypeName(typ))
			}
			if _, _, err := Parse(d, TypeName(typ)+" tag 0"); err == nil {
				t.Errorf("%s parses %s", d, TypeName(typ))
			}
		}
	}
	if _, err := Pack(L, 0, nil); err == nil {
		t.Error("nil is packed")
	}
}

// What does not fit the format is an error and leaves the buffer as it was.
func TestTooLong(t *testing.T) {
	long := strings.Repeat("x", 65536)
	for _, m := range []Msg{
		&Tversion{Version: long},
		&Twalk{Wname: make([]string, 17)},
		&Rwalk{Wqid: make([]Qid, 17)},
		&Rstat{Stat: Stat{Dir: plan9.Dir{Name: long[:40000], Uid: long[:40000]}}},
		&Twstat{Stat: Stat{Dir: plan9.Dir{Name: long}}},
	} {
		b, err := Append([]byte("abc"), U, 0, m)
		if err == nil || string(b) != "abc" {
			t.Errorf("%T: %d bytes, %v", m, len(b), err)
		}
	}
	s := Stat{Dir: plan9.Dir{Name: long[:65535-2-47-8]}} // as long as can be
	if b, err := AppendStat(nil, P2000, &s); err != nil || len(b) > 65535+2 {
		t.Errorf("%d bytes, %v", len(b), err)
	}
	s.Uid = "xxxxxxxxxxxxx"
	if b, err := AppendStat([]byte("abc"), P2000, &s); err == nil || string(b) != "abc" {
		t.Errorf("%d bytes, %v", len(b), err)
	}
}

// 9fans.net/go/plan9 packs 9P2000 too, and owes us nothing.
func TestAgreesWithPlan9(t *testing.T) {
	q := Qid{Path: 0x1122334455667788, Vers: 0x99aabbcc, Type: 0x80}
	dir := plan9.Dir{Type: 1, Dev: 2, Qid: q, Mode: plan9.DMDIR | 0755, Atime: 3, Mtime: 4, Length: 5, Name: "n", Uid: "u", Gid: "g", Muid: "m"}
	stat, err := dir.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		m Msg
		f plan9.Fcall
	}{
		{&Tversion{Msize: 8192, Version: "9P2000"}, plan9.Fcall{Type: plan9.Tversion, Msize: 8192, Version: "9P2000"}},
		{&Rversion{Msize: 8192, Version: "9P2000"}, plan9.Fcall{Type: plan9.Rversion, Msize: 8192, Version: "9P2000"}},
		{&Tauth{Afid: 5, Uname: "u", Aname: "a"}, plan9.Fcall{Type: plan9.Tauth, Afid: 5, Uname: "u", Aname: "a"}},
		{&Rauth{Aqid: q}, plan9.Fcall{Type: plan9.Rauth, Aqid: q}},
		{&Tattach{Fid: 4, Afid: 5, Uname: "u", Aname: "a"}, plan9.Fcall{Type: plan9.Tattach, Fid: 4, Afid: 5, Uname: "u", Aname: "a"}},
		{&Rattach{Qid: q}, plan9.Fcall{Type: plan9.Rattach, Qid: q}},
		{&Rerror{Ename: "no"}, plan9.Fcall{Type: plan9.Rerror, Ename: "no"}},
		{&Tflush{Oldtag: 7}, plan9.Fcall{Type: plan9.Tflush, Oldtag: 7}},
		{&Rflush{}, plan9.Fcall{Type: plan9.Rflush}},
		{&Twalk{Fid: 1, Newfid: 2, Wname: []string{"a", "bc"}}, plan9.Fcall{Type: plan9.Twalk, Fid: 1, Newfid: 2, Wname: []string{"a", "bc"}}},
		{&Rwalk{Wqid: []Qid{q, q}}, plan9.Fcall{Type: plan9.Rwalk, Wqid: []plan9.Qid{q, q}}},
		{&Topen{Fid: 1, Mode: 0x12}, plan9.Fcall{Type: plan9.Topen, Fid: 1, Mode: 0x12}},
		{&Ropen{Qid: q, Iounit: 9}, plan9.Fcall{Type: plan9.Ropen, Qid: q, Iounit: 9}},
		{&Tcreate{Fid: 1, Name: "n", Perm: 0x800001ed, Mode: 2}, plan9.Fcall{Type: plan9.Tcreate, Fid: 1, Name: "n", Perm: 0x800001ed, Mode: 2}},
		{&Rcreate{Qid: q, Iounit: 9}, plan9.Fcall{Type: plan9.Rcreate, Qid: q, Iounit: 9}},
		{&Tread{Fid: 1, Offset: 1 << 40, Count: 3}, plan9.Fcall{Type: plan9.Tread, Fid: 1, Offset: 1 << 40, Count: 3}},
		{&Rread{Data: []byte("abc")}, plan9.Fcall{Type: plan9.Rread, Data: []byte("abc"), Count: 3}},
		{&Twrite{Fid: 1, Offset: 1 << 40, Data: []byte("abc")}, plan9.Fcall{Type: plan9.Twrite, Fid: 1, Offset: 1 << 40, Data: []byte("abc"), Count: 3}},
		{&Rwrite{Count: 3}, plan9.Fcall{Type: plan9.Rwrite, Count: 3}},
		{&Tclunk{Fid: 1}, plan9.Fcall{Type: plan9.Tclunk, Fid: 1}},
		{&Rclunk{}, plan9.Fcall{Type: plan9.Rclunk}},
		{&Tremove{Fid: 1}, plan9.Fcall{Type: plan9.Tremove, Fid: 1}},
		{&Rremove{}, plan9.Fcall{Type: plan9.Rremove}},
		{&Tstat{Fid: 1}, plan9.Fcall{Type: plan9.Tstat, Fid: 1}},
		{&Rstat{Stat: Stat{Dir: dir}}, plan9.Fcall{Type: plan9.Rstat, Stat: stat}},
		{&Twstat{Fid: 1, Stat: Stat{Dir: dir}}, plan9.Fcall{Type: plan9.Twstat, Fid: 1, Stat: stat}},
		{&Rwstat{}, plan9.Fcall{Type: plan9.Rwstat}},
	} {
		tt.f.Tag = 0x0102
		want, err := tt.f.Bytes()
		if err != nil {
			t.Fatal(err)
		}
		got, err := Pack(P2000, 0x0102, tt.m)
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("%T: %x, %v, not %x", tt.m, got, err, want)
		}
	}
}

func ExampleFormat() {
	fmt.Println(Format(L, 1, &Twalk{Fid: 0, Newfid: 2, Wname: []string{"usr", "glenda"}}))
	fmt.Println(Format(L, 1, &Rwalk{Wqid: []Qid{{Path: 7, Vers: 3, Type: 0x80}}}))
	fmt.Println(Format(L, 4, &Rread{Data: []byte("abc\n")}))
	// Output:
	// Twalk tag 1 fid 0 newfid 2 nwname 2 usr glenda
	// Rwalk tag 1 nwqid 1 (0000000000000007 3 d)
	// Rread tag 4 count 4 data "abc\n"
}
