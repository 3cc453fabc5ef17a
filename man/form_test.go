package man

import (
	"os/exec"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// sections in the order in which a page has them.
var sections = []string{"NAME", "SYNOPSIS", "DESCRIPTION", "EXAMPLES", "FILES", "SOURCE", "SEE ALSO", "DIAGNOSTICS", "BUGS"}

// macros are those that Debian's groff, mandoc and our own Render all know.
var macros = strings.Fields("TH SH SS PP TP IP HP PD RS RE EX EE br B I BI BR IB IR RB RI")

func label(p Page) string { return path.Join(p.Section, p.File) }

func TestForm(t *testing.T) {
	for _, p := range Pages() {
		for _, fault := range formFaults(p) {
			t.Errorf("%s: %s", label(p), fault)
		}
	}
}

// formFaults says what is wrong with a page as such.
func formFaults(p Page) (faults []string) {
	say := func(s ...string) { faults = append(faults, strings.Join(s, " ")) }
	first, _, _ := strings.Cut(p.Text, "\n")
	if want := ".TH " + strings.ToUpper(p.File) + " " + p.Section; first != want {
		say("begins with", first, "and not with", want)
	}
	at := -1
	for line := range strings.Lines(p.Text) {
		if strings.TrimRight(line, " \t\n")+"\n" != line {
			say("blanks at the end of, or no end of, line:", line)
		}
		name, args, ok := request(line)
		if ok && name != "" && !slices.Contains(macros, name) {
			say("uses ."+name, "which is not a macro for all systems")
		}
		if !ok || name != "SH" {
			continue
		}
		title := strings.Join(args, " ")
		switch i := slices.Index(sections, title); {
		case i < 0:
			say("has a section", title)
		case i <= at:
			say("has", title, "after", sections[at])
		default:
			at = i
		}
	}
	for _, title := range []string{"NAME", "SYNOPSIS", "DESCRIPTION", "SOURCE", "SEE ALSO"} {
		if body, ok := p.section(title); !ok && (p.File != "intro" || title != "SYNOPSIS") {
			say("has no", title)
		} else if ok && strings.TrimSpace(body) == "" {
			say("has nothing under", title)
		}
	}
	return append(faults, nameFaults(p)...)
}

var nameLine = regexp.MustCompile(`^[a-z0-9.]+(, [a-z0-9.]+)* \\- \S.*[^. ]\n$`)

func nameFaults(p Page) (faults []string) {
	body, _ := p.section("NAME")
	if !nameLine.MatchString(body) || strings.Count(body, "\n") != 1 {
		faults = append(faults, `NAME is not one line as "mount, unmount \- change name space": `+body)
	}
	if p.File != "intro" && !slices.Contains(p.Names, p.File) {
		faults = append(faults, "its NAME line lacks "+p.File)
	}
	return faults
}

// The rules must catch what they are for.
func TestFormFaults(t *testing.T) {
	good := ".TH X 1\n.SH NAME\nx \\- do y\n.SH SYNOPSIS\n.B x\n.SH DESCRIPTION\nd\n.SH SOURCE\n.B /x\n.SH SEE ALSO\n.IR y (1)\n"
	for _, tt := range []struct{ old, new, fault string }{
		{"", "", ""},
		{".TH X 1", ".TH X 1 2026", "begins with"},
		{".TH X", ".TH Y", "begins with"},
		{"x \\- do y", "x - do y", "NAME is not one line"},
		{"x \\- do y", "X \\- do y", "NAME is not one line"},
		{"x \\- do y", "x \\- do y.", "NAME is not one line"},
		{"x \\- do y", "z \\- do y", "its NAME line lacks x"},
		{"\nd\n", "\n.L d\n", "uses .L"},
		{"\nd\n", "\nd \n", "blanks"},
		{"\nd\n", "\nd\n.SH AUTHOR\n", "has a section AUTHOR"},
		{"\nd\n", "\nd\n.SH BUGS\ne\n", "has SOURCE after BUGS"},
		{".SH SOURCE\n.B /x\n", "", "has no SOURCE"},
		{"\nd\n", "\n", "has nothing under DESCRIPTION"},
	} {
		text := strings.Replace(good, tt.old, tt.new, 1)
		p := Page{Section: "1", File: "x", Text: text}
		body, _ := p.section("NAME")
		names, _, _ := strings.Cut(body, " ")
		p.Names = []string{names}
		got := strings.Join(formFaults(p), "; ")
		if tt.fault == "" && got != "" || !strings.Contains(got, tt.fault) {
			t.Errorf("%q: %q, want %q", text, got, tt.fault)
		}
	}
}

// What troff itself complains about.
func TestGroff(t *testing.T) {
	groff, err := exec.LookPath("groff")
	if err != nil {
		t.Log("groff is not here to look at the pages")
		return
	}
	for _, p := range Pages() {
		cmd := exec.CommandContext(t.Context(), groff, "-man", "-ww", "-z", "-k")
		cmd.Stdin = strings.NewReader(p.Text)
		if out, err := cmd.CombinedOutput(); err != nil || len(out) > 0 {
			t.Errorf("%s: groff: %v: %s", label(p), err, out)
		}
	}
}
