package man

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestRender(t *testing.T) {
	for _, tt := range []struct{ name, page, want string }{
		{"title and heading", ".TH DIAL 2\n.SH NAME\ndial \\- call\n", "DIAL(2)\n\nNAME\n     dial - call\n"},
		{"filled", "one two\nthree four five\n", "     one two three\n     four five\n"},
		{"kept", ".EX\na  b\n\tc\nd\\ e\n.EE\nf\n", "     a  b\n         c\n     d e\n     f\n"},
		{"paragraphs", "a\n.PP\nb\n\nc\n.br\nd\n", "     a\n\n     b\n\n     c\n     d\n"},
		{"a space begins a line", "a\n b\n", "     a\n      b\n"},
		{"tags", "a\n.TP\n.B -p\nbody of it and more\n.TP 3\n.BI --long \" tag\"\nbody\n.PP\nb\n",
			"     a\n\n     -p    body of\n           it and\n           more\n\n     --long tag\n        body\n\n     b\n"},
		{"close tags", ".PD 0\n.TP\n1\na\n.TP\n2\nb\n.PD\n.TP\n3\nc\n", "     1     a\n     2     b\n\n     3     c\n"},
		{"tag over an example", ".TP\nx\n.EX\ny\n.EE\n", "     x\n           y\n"},
		{"tag without a body", ".TP\nx\n.SH END\n", "     x\n\nEND\n"},
		{"IP", ".IP \\(bu 2\na b c d e f g h\n.IP\ni\n", "     * a b c d e f g\n       h\n\n       i\n"},
		{"HP", ".HP\naaa bbb ccc ddd eee\n", "     aaa bbb ccc ddd\n           eee\n"},
		{"RS", "a\n.RS\nb\n.RE\nc\n.RE\nd\n", "     a\n           b\n     c\n     d\n"},
		{"SS", ".SH ONE\na\n.SS Two three\nb\n", "ONE\n     a\n\n  Two three\n     b\n"},
		{"fonts", ".BI -k \" key spec\" ,\n.RB [ \"\"\"q\"\"\" ]\n.I a b\n", "     -k key spec,\n     [\"q\"] a b\n"},
		{"escapes", "\\fBa\\fR\\f(BIb\\f[R]c\\(em\\[bu]\\&.\\e\\s-1d\\s0\\-\\ e\\*(Rf \\\" no more\n", "     abc--*.\\d- e\n"},
		{"comments and strangers", ".\\\" x\n'\\\" y\n.XX z\n.\na\n", "     a\n"},
		{"ends early", ".TP", ""},
		{"last backslash", "a\\", "     a\n"},
	} {
		var b strings.Builder
		if err := Render(&b, tt.page, 20); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(tt.want, b.String()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, diff)
		}
	}
}

// Every word of every page comes out, in order, at any width.
func TestRenderLosesNothing(t *testing.T) {
	for _, p := range Pages() {
		words := func(width int) []string {
			var b strings.Builder
			if err := Render(&b, p.Text, width); err != nil {
				t.Fatal(err)
			}
			for line := range strings.Lines(b.String()) {
				if strings.ContainsAny(strings.TrimSuffix(line, "\n"), "\t\b\x1b\u00a0") || strings.HasSuffix(line, " \n") {
					t.Errorf("%s(%s): bad line %q", p.File, p.Section, line)
				}
			}
			return strings.Fields(b.String())
		}
		if diff := cmp.Diff(words(0), words(50)); diff != "" {
			t.Errorf("%s(%s): words differ at width 50 (-unlimited +50):\n%s", p.File, p.Section, diff)
		}
	}
}

func FuzzRender(f *testing.F) {
	for _, p := range Pages() {
		f.Add(p.Text, 80)
	}
	f.Add(".TP 9\n.IP \\[x\n\\f(\n.RE\n.HP 60\n\\s", 1)
	f.Fuzz(func(t *testing.T, page string, width int) {
		var b strings.Builder
		if err := Render(&b, page, width); err != nil {
			t.Fatal(err)
		}
		if b.Len() > 100*(len(page)+100) {
			t.Fatalf("%d bytes became %d", len(page), b.Len())
		}
	})
}
