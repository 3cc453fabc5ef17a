package man

import (
	"io"
	"strconv"
	"strings"
	"unicode/utf8"
)

const (
	textIndent = 5 // of text under a heading
	stepIndent = 6 // of what hangs under a tag, unless the page says otherwise, and of .RS
	tabStop    = 4
	maxIndent  = 60
)

// Render writes the page as plain text with lines of up to width characters, or
// of any length when width is 0.  It knows the macros that the pages of this
// package may use and passes over others.
func Render(w io.Writer, page string, width int) error {
	r := renderer{width: width, indent: textIndent, step: stepIndent, fill: true}
	for line := range strings.Lines(page) {
		r.line(strings.TrimRight(line, "\r\n"))
	}
	r.flush()
	_, err := io.WriteString(w, r.out.String())
	return err
}

// renderer holds a paragraph that is being filled and how it is to be laid out.
type renderer struct {
	out    strings.Builder
	width  int
	words  []string // of the paragraph so far
	indent int      // of the text that has no tag
	hang   int      // more of it for the body under a tag, or for .HP
	step   int      // what hang is after the next tag
	first  bool     // whether the next line written is the first of an .HP
	fill   bool     // lines are filled with words; otherwise kept as they are
	tight  bool     // .PD 0: paragraphs follow each other without a blank line
	tag    string   // waits for the body's first line
	isTag  bool     // the next input line is a tag
	space  bool     // a blank line goes before the next line
	outer  []int    // indents outside of .RS
}

func (r *renderer) line(s string) {
	name, args, ok := request(s)
	switch {
	case ok:
		r.request(name, args)
	case strings.TrimSpace(s) == "":
		r.flush()
		r.space = true
	default:
		if r.fill && s[0] == ' ' {
			r.flush()
		}
		r.text(plain(s))
	}
}

func (r *renderer) request(name string, args []string) {
	switch name {
	case "TH":
		if len(args) > 1 {
			r.put(0, args[0]+"("+args[1]+")")
			r.space = true
		}
	case "SH", "SS":
		r.heading(name == "SS", plain(strings.Join(args, " ")))
	case "PP", "LP", "P":
		r.step = stepIndent
		r.paragraph(0)
	case "HP":
		r.setStep(args, 0)
		r.paragraph(r.step)
		r.first = true
	case "TP":
		r.setStep(args, 0)
		r.paragraph(r.step)
		r.isTag = true
	case "IP":
		r.setStep(args, 1)
		r.paragraph(r.step)
		if len(args) > 0 {
			r.tag = plain(args[0])
		}
	case "RS":
		r.flush()
		r.outer = append(r.outer, r.indent)
		r.indent, r.hang = min(r.indent+stepIndent, maxIndent), 0
	case "RE":
		r.flush()
		if n := len(r.outer); n > 0 {
			r.indent, r.outer = r.outer[n-1], r.outer[:n-1]
		}
		r.hang = 0
	case "EX", "nf":
		r.flush()
		r.fill = false
	case "EE", "fi":
		r.flush()
		r.fill = true
	case "PD":
		r.tight = len(args) > 0 && args[0] == "0"
	case "br":
		r.flush()
	case "sp":
		r.flush()
		r.space = true
	case "B", "I", "SM", "R":
		r.text(plain(strings.Join(args, " ")))
	case "BI", "IB", "BR", "RB", "IR", "RI":
		r.text(plain(strings.Join(args, "")))
	}
}

// setStep takes the width of a tag from argument i, if it is there; otherwise
// the last one holds on.
func (r *renderer) setStep(args []string, i int) {
	if i < len(args) {
		if n, err := strconv.Atoi(strings.TrimSuffix(args[i], "n")); err == nil && n > 0 && n < maxIndent {
			r.step = n
		}
	}
}

func (r *renderer) heading(sub bool, title string) {
	r.flush()
	r.indent, r.hang, r.step, r.fill, r.outer = textIndent, 0, stepIndent, true, nil
	r.space = true
	at := 0
	if sub {
		at = textIndent / 2
	}
	r.put(at, title)
}

func (r *renderer) paragraph(hang int) {
	r.flush()
	r.hang, r.first = hang, false
	r.space = r.space || !r.tight
}

func (r *renderer) text(s string) {
	switch {
	case r.isTag:
		r.isTag, r.tag = false, s
	case r.fill:
		if strings.HasPrefix(s, " ") {
			n := len(s) - len(strings.TrimLeft(s, " "))
			s = strings.Repeat(string(noBreak), n) + s[n:]
		}
		r.words = append(r.words, strings.FieldsFunc(s, func(c rune) bool { return c == ' ' || c == '\t' })...)
	default:
		r.put(r.indent+r.hang, expand(s))
	}
}

// flush writes the paragraph that has been gathered, after its tag.
func (r *renderer) flush() {
	left := r.indent + r.hang
	if r.first && len(r.words) > 0 {
		left -= r.hang
	}
	line := ""
	for _, w := range r.words {
		if line != "" && r.width > 0 && left+utf8.RuneCountInString(line)+1+utf8.RuneCountInString(w) > r.width {
			r.put(left, line)
			line, left, r.first = "", r.indent+r.hang, false
		}
		if line != "" {
			line += " "
		}
		line += w
	}
	if line != "" || r.tag != "" {
		r.put(left, line)
		r.first = false
	}
	r.words = r.words[:0]
}

// put writes a line.  A tag that is short enough goes before it on the same one.
func (r *renderer) put(left int, s string) {
	if r.space && r.out.Len() > 0 {
		r.out.WriteByte('\n')
	}
	r.space = false
	margin := strings.Repeat(" ", left)
	if tag := r.tag; tag != "" {
		r.tag = ""
		used := r.indent + utf8.RuneCountInString(tag)
		tag = strings.Repeat(" ", r.indent) + tag
		if used < left && s != "" {
			margin = tag + strings.Repeat(" ", left-used)
		} else {
			r.out.WriteString(spaces(tag))
			r.out.WriteByte('\n')
		}
	}
	if s != "" {
		r.out.WriteString(spaces(strings.TrimRight(margin+s, " ")))
		r.out.WriteByte('\n')
	}
}

func spaces(s string) string { return strings.ReplaceAll(s, string(noBreak), " ") }

// expand replaces tabs.
func expand(s string) string {
	var b strings.Builder
	at := 0
	for _, c := range s {
		n := 1
		if c == '\t' {
			n, c = tabStop-at%tabStop, noBreak
		}
		b.WriteString(strings.Repeat(string(c), n))
		at += n
	}
	return b.String()
}
