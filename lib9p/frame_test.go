package lib9p

import (
	"bytes"
	"errors"
	"io"
	"slices"
	"testing"
	"testing/iotest"

	"9fans.net/go/plan9"
)

// The offsets of fids are where patching them changes the fids and nothing else.
func TestFidOffsets(t *testing.T) {
	for _, tt := range []struct {
		m, want Msg
	}{
		{&Tversion{Version: "9P2000.L"}, &Tversion{Version: "9P2000.L"}},
		{&Tflush{Oldtag: 5}, &Tflush{Oldtag: 5}},
		{&Tauth{Afid: 1, Uname: "u"}, &Tauth{Afid: 101, Uname: "u"}},
		{&Tattach{Fid: 1, Afid: 2, Uname: "u"}, &Tattach{Fid: 101, Afid: 102, Uname: "u"}},
		{&Twalk{Fid: 1, Newfid: 2, Wname: []string{"a"}}, &Twalk{Fid: 101, Newfid: 102, Wname: []string{"a"}}},
		{&Tread{Fid: 1, Offset: 7, Count: 9}, &Tread{Fid: 101, Offset: 7, Count: 9}},
		{&Twrite{Fid: 1, Offset: 7, Data: []byte("a")}, &Twrite{Fid: 101, Offset: 7, Data: []byte("a")}},
		{&Tclunk{Fid: 1}, &Tclunk{Fid: 101}},
		{&Tremove{Fid: 1}, &Tremove{Fid: 101}},
		{&Tstatfs{Fid: 1}, &Tstatfs{Fid: 101}},
		{&Tlopen{Fid: 1, Flags: 2}, &Tlopen{Fid: 101, Flags: 2}},
		{&Tlcreate{Fid: 1, Name: "n"}, &Tlcreate{Fid: 101, Name: "n"}},
		{&Tsymlink{Fid: 1, Name: "n"}, &Tsymlink{Fid: 101, Name: "n"}},
		{&Tmknod{Dfid: 1, Name: "n"}, &Tmknod{Dfid: 101, Name: "n"}},
		{&Trename{Fid: 1, Dfid: 2, Name: "n"}, &Trename{Fid: 101, Dfid: 102, Name: "n"}},
		{&Treadlink{Fid: 1}, &Treadlink{Fid: 101}},
		{&Tgetattr{Fid: 1, Mask: 3}, &Tgetattr{Fid: 101, Mask: 3}},
		{&Tsetattr{Fid: 1, Valid: 3}, &Tsetattr{Fid: 101, Valid: 3}},
		{&Txattrwalk{Fid: 1, Newfid: 2, Name: "n"}, &Txattrwalk{Fid: 101, Newfid: 102, Name: "n"}},
		{&Txattrcreate{Fid: 1, Name: "n"}, &Txattrcreate{Fid: 101, Name: "n"}},
		{&Treaddir{Fid: 1, Count: 3}, &Treaddir{Fid: 101, Count: 3}},
		{&Tfsync{Fid: 1, Datasync: 3}, &Tfsync{Fid: 101, Datasync: 3}},
		{&Tlock{Fid: 1, ClientID: "n"}, &Tlock{Fid: 101, ClientID: "n"}},
		{&Tgetlock{Fid: 1, ClientID: "n"}, &Tgetlock{Fid: 101, ClientID: "n"}},
		{&Tlink{Dfid: 1, Fid: 2, Name: "n"}, &Tlink{Dfid: 101, Fid: 102, Name: "n"}},
		{&Tmkdir{Dfid: 1, Name: "n"}, &Tmkdir{Dfid: 101, Name: "n"}},
		{&Trenameat{Olddirfid: 1, Oldname: "abc", Newdirfid: 2, Newname: "n"}, &Trenameat{Olddirfid: 101, Oldname: "abc", Newdirfid: 102, Newname: "n"}},
		{&Tunlinkat{Dirfd: 1, Name: "n"}, &Tunlinkat{Dirfd: 101, Name: "n"}},
	} {
		patched(t, L, tt.m, tt.want)
	}
	for _, tt := range []struct {
		m, want Msg
	}{
		{&Topen{Fid: 1, Mode: 2}, &Topen{Fid: 101, Mode: 2}},
		{&Tcreate{Fid: 1, Name: "n"}, &Tcreate{Fid: 101, Name: "n"}},
		{&Tstat{Fid: 1}, &Tstat{Fid: 101}},
		{&Twstat{Fid: 1, Stat: NullStat()}, &Twstat{Fid: 101, Stat: NullStat()}},
	} {
		patched(t, U, tt.m, tt.want)
	}
}

func patched(t *testing.T, d Dialect, m, want Msg) {
	t.Helper()
	f, err := Pack(d, 3, m)
	if err != nil {
		t.Fatal(err)
	}
	first, second := f.FidOffsets()
	for _, off := range []int{first, second} {
		if off > 0 {
			f.PutU32(off, f.U32(off)+100)
		}
	}
	f.SetTag(4)
	tag, got, err := Unpack(d, f)
	if err != nil || tag != 4 {
		t.Fatal(tag, err)
	}
	same(t, "patched", got, want)
}

func TestFrameFields(t *testing.T) {
	q := Qid{Path: 1, Vers: 2, Type: 0x80}
	f, err := Pack(L, 1, &Rlopen{Qid: q, Iounit: 9})
	if err != nil {
		t.Fatal(err)
	}
	if f.Qid(OffBody) != q || f.U32(OffBody+QidSize) != 9 {
		t.Errorf("%x", f)
	}
	f, err = Pack(L, 1, &Tread{Fid: 1, Offset: 1 << 40, Count: 9})
	if err != nil {
		t.Fatal(err)
	}
	if f.U32(OffFid) != 1 || f.U64(OffOffset) != 1<<40 || f.U32(OffCount) != 9 {
		t.Errorf("%x", f)
	}
	f, err = Pack(L, 1, &Tflush{Oldtag: 0x0102})
	if err != nil {
		t.Fatal(err)
	}
	if f.PutU16(OffFid, f.U16(OffFid)+1); f.U16(OffFid) != 0x0103 {
		t.Errorf("%x", f)
	}
	f, err = Pack(L, 1, &Rreadlink{Target: "target"})
	if err != nil {
		t.Fatal(err)
	}
	if b := f.Bytes(OffBody); string(b) != "target" || cap(b) != 6 {
		t.Errorf("%q", b)
	}
}

// frames returns some frames of different sizes, one behind the other and each for itself.
func frames(t testing.TB) (all []byte, each []Frame) {
	for i, m := range []Msg{&Rflush{}, &Rread{Data: bytes.Repeat([]byte("x"), 300)}, &Rclunk{}, &Rread{Data: make([]byte, 100_000)}, &Rclunk{}, &Rwrite{}} {
		f, err := Pack(L, uint16(i), m)
		if err != nil {
			t.Fatal(err)
		}
		each = append(each, f)
		all = append(all, f...)
	}
	return all, each
}

func TestReader(t *testing.T) {
	all, want := frames(t)
	for name, stream := range map[string]io.Reader{
		"whole":                   bytes.NewReader(all),
		"a byte each":             iotest.OneByteReader(bytes.NewReader(all)),
		"half":                    iotest.HalfReader(bytes.NewReader(all)),
		"data and error together": iotest.DataErrReader(bytes.NewReader(all)),
	} {
		r := NewReader(stream, 1<<20)
		for i, w := range want {
			f, err := r.Next()
			if err != nil || !bytes.Equal(f, w) {
				t.Fatalf("%s: frame %d: %v", name, i, err)
			}
		}
		if _, err := r.Next(); err != io.EOF || r.More() {
			t.Errorf("%s: at the end: %v", name, err)
		}
	}
}

// Frames in the buffer lie one behind the other, and a frame reaches over those behind it.
func TestReaderRun(t *testing.T) {
	all, want := frames(t)
	all = all[:len(want[0])+len(want[1])+len(want[2])]
	r := NewReader(bytes.NewReader(append(slices.Clone(all), 9, 0)), 1<<20)
	run, err := r.Next()
	if err != nil {
		t.Fatal(err)
	}
	for r.More() {
		f, err := r.Next()
		if err != nil {
			t.Fatal(err)
		}
		run = run[:len(run)+len(f)]
	}
	if !bytes.Equal(run, all) {
		t.Errorf("%x", run)
	}
}

func TestReaderErrors(t *testing.T) {
	var size *FrameError
	for _, tt := range []struct {
		stream string
		max    uint32
		is     error
		bad    uint32
	}{
		{"", 100, io.EOF, 0},
		{"\x07", 100, io.ErrUnexpectedEOF, 0},
		{"\x08\x00\x00\x00abc", 100, io.ErrUnexpectedEOF, 0},
		{"\x06\x00\x00\x00abcdef", 100, nil, 6},
		{"\x00\x00\x00\x00", 100, nil, 0},
		{"\x65\x00\x00\x00", 100, nil, 101},
		{"\xff\xff\xff\xff", 0xfffffff0, nil, 0xffffffff},
	} {
		_, err := NewReader(bytes.NewReader([]byte(tt.stream)), tt.max).Next()
		if tt.is != nil && err != tt.is || tt.is == nil && (!errors.As(err, &size) || size.Size != tt.bad || size.Max != tt.max) {
			t.Errorf("%q: %v", tt.stream, err)
		}
	}
	if _, err := NewReader(iotest.ErrReader(io.ErrClosedPipe), 100).Next(); err != io.ErrClosedPipe {
		t.Error(err)
	}
	if _, err := NewReader(nothing{}, 100).Next(); err != io.ErrNoProgress {
		t.Error(err)
	}
	// A limit that is lowered counts from the next frame on.
	all, _ := frames(t)
	r := NewReader(bytes.NewReader(all), 1000)
	r.Next()
	r.SetMax(100)
	if _, err := r.Next(); !errors.As(err, &size) {
		t.Error(err)
	}
}

type nothing struct{}

func (nothing) Read([]byte) (int, error) { return 0, nil }

// A size that is only said takes no memory before it comes true.
func TestReaderMemory(t *testing.T) {
	r := NewReader(bytes.NewReader([]byte{0xff, 0xff, 0xff, 0x7f, 0, 0, 0}), 100)
	if _, err := r.Next(); err == nil || len(r.buf) > readAhead {
		t.Errorf("%v, %d bytes", err, len(r.buf))
	}
}

func TestStats(t *testing.T) {
	s := NullStat()
	s.Name, s.Extension = "x", "y"
	for d := P2000; d <= U; d++ {
		b, err := AppendStat([]byte("abc"), d, &s)
		if err != nil {
			t.Fatal(err)
		}
		b = append(b[3:], b[3:]...)
		got, rest, err := NextStat(b, d)
		if err != nil || got.Name != "x" || (got.Extension == "y") != (d == U) || len(rest) != len(b)/2 {
			t.Errorf("%+v, %d left, %v", got, len(rest), err)
		}
		for n := range b[:len(b)/2] {
			if _, _, err := NextStat(b[:n], d); err == nil {
				t.Errorf("%d of %d bytes pass", n, len(b)/2)
			}
		}
		le.PutUint16(b, le.Uint16(b)+1) // a byte of the next
		if _, _, err := NextStat(b, d); err == nil {
			t.Error("an entry with a byte too many passes")
		}
	}
	var p plan9.Dir
	p.Null()
	if s := NullStat(); s.Dir != p || s.Nuid != StatNo32 {
		t.Errorf("%+v", s)
	}
}

func TestDirents(t *testing.T) {
	want := Dirent{Qid: Qid{Path: 1, Vers: 2, Type: 3}, Offset: 4, Type: 5, Name: "näme"}
	b := AppendDirent(AppendDirent(nil, &want), &want)
	got, rest, err := NextDirent(b)
	if err != nil || got != want || len(rest) != want.Size() || len(b) != 2*want.Size() {
		t.Errorf("%+v, %d left, %v", got, len(rest), err)
	}
	for n := range want.Size() {
		if _, _, err := NextDirent(b[:n]); err == nil {
			t.Errorf("%d of %d bytes pass", n, want.Size())
		}
	}
	long := Dirent{Name: string(make([]byte, 70000))}
	if e, _, err := NextDirent(AppendDirent(nil, &long)); err != nil || len(e.Name) != 65535 {
		t.Errorf("%d bytes, %v", len(e.Name), err)
	}
}

// The relay calls these for every message.
func TestNoAllocs(t *testing.T) {
	each(t, func(t *testing.T, d Dialect, m Msg) {
		f, err := Pack(d, 1, m)
		if err != nil {
			t.Fatal(err)
		}
		if n := testing.AllocsPerRun(10, func() { f.Validate(d) }); n > 0 {
			t.Errorf("Validate: %v allocations", n)
		}
		buf := make([]byte, 0, len(f))
		if n := testing.AllocsPerRun(10, func() { Append(buf, d, 1, m) }); n > 0 {
			t.Errorf("Append: %v allocations", n)
		}
	})
	all, want := frames(t)
	stream := bytes.NewReader(all)
	r := NewReader(stream, 1<<20)
	n := testing.AllocsPerRun(10, func() {
		for range want {
			if _, err := r.Next(); err != nil {
				t.Fatal(err)
			}
		}
		stream.Reset(all)
	})
	if n > 0 {
		t.Errorf("Reader: %v allocations", n)
	}
}
