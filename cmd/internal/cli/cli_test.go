package cli

import (
	"bytes"
	"errors"
	"io"
	"log/slog"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParse(t *testing.T) {
	type flags struct {
		A, B, Nine bool
		O, T       string
		Rest       []string
	}
	for _, tt := range []struct {
		args string
		want flags
	}{
		{"", flags{}},
		{"x y", flags{Rest: []string{"x", "y"}}},
		{"-a x -b", flags{A: true, Rest: []string{"x", "-b"}}},
		{"-ab9 x", flags{A: true, B: true, Nine: true, Rest: []string{"x"}}},
		{"-o v -ab x", flags{A: true, B: true, O: "v", Rest: []string{"x"}}},
		{"-ov=1,w x", flags{O: "v=1,w", Rest: []string{"x"}}},
		{"-aob x", flags{A: true, O: "b", Rest: []string{"x"}}},
		{"-bt v9fs -o -a -- -x", flags{B: true, T: "v9fs", O: "-a", Rest: []string{"-x"}}},
		{"-a - -b", flags{A: true, Rest: []string{"-", "-b"}}},
	} {
		var f flags
		fs := Flags("cmd", "cmd [-ab9]", io.Discard)
		fs.BoolVar(&f.A, "a", false, "")
		fs.BoolVar(&f.B, "b", false, "")
		fs.BoolVar(&f.Nine, "9", false, "")
		fs.StringVar(&f.O, "o", "", "")
		fs.StringVar(&f.T, "t", "", "")
		rest, err := Parse(fs, strings.Fields(tt.args))
		if len(rest) > 0 {
			f.Rest = rest
		}
		if diff := cmp.Diff(tt.want, f); diff != "" || err != nil {
			t.Errorf("%q: %v (-want +got):\n%s", tt.args, err, diff)
		}
	}
}

func TestParseWrong(t *testing.T) {
	for _, args := range []string{"-x", "-ax", "-o", "-ao"} {
		var out bytes.Buffer
		fs := Flags("cmd", "cmd [-a] [-o list]", &out)
		fs.Bool("a", false, "")
		fs.String("o", "", "")
		if _, err := Parse(fs, strings.Fields(args)); !errors.Is(err, ErrUsage) {
			t.Errorf("%q: %v", args, err)
		}
		if !strings.Contains(out.String(), "usage: cmd [-a] [-o list]\n") {
			t.Errorf("%q: it says %q", args, &out)
		}
	}
}

func TestExit(t *testing.T) {
	for _, tt := range []struct {
		err    error
		status int
		says   string
	}{
		{nil, 0, ""},
		{ErrUsage, 1, ""},
		{errors.New("dial: refused\n"), 1, "cmd: dial: refused\n"},
	} {
		var out bytes.Buffer
		if status := Exit("cmd", tt.err, &out); status != tt.status || out.String() != tt.says {
			t.Errorf("%v: status %d, %q", tt.err, status, &out)
		}
	}
}

func TestLog(t *testing.T) {
	var out bytes.Buffer
	log := Log(&out, "mount: tcp!h!564", slog.LevelInfo)
	log.Debug("not this")
	log.Info("server is back after 3 s")
	log.With("gen", 2).Warn("lost", "files", 3, "err", errors.New("no file"))
	want := "mount: tcp!h!564: server is back after 3 s\nmount: tcp!h!564: lost: gen 2, files 3, err no file\n"
	if out.String() != want {
		t.Errorf("it says\n%swant\n%s", &out, want)
	}
}
