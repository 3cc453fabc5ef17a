package lib9p

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// The layouts that the package comment and the messages' own comments show are those that the code packs.
func TestLayoutsInComments(t *testing.T) {
	for _, file := range []string{"doc.go", "msg.go"} {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		// A comment may go on in the next line.
		joined := regexp.MustCompile(`\n\t// (blocks\[8\] atime)`).ReplaceAllString(string(text), " $1")
		seen := make(map[string]bool)
		for _, m := range regexp.MustCompile(`size\[4\] (\w+) tag\[2\](.*)`).FindAllStringSubmatch(joined, -1) {
			name := m[1]
			if name == "tag" {
				continue
			}
			typ, ok := typeNames[name]
			if !ok {
				t.Errorf("%s shows a message %s that there is not", file, name)
				continue
			}
			seen[name] = true
			fields, _, _ := strings.Cut(m[2], ";")
			fields, _, _ = strings.Cut(fields, ", where")
			for d := P2000; d <= L; d++ {
				if got := letters(t, fields, d); d.Legal(typ) && got != layouts[d][typ] {
					t.Errorf("%s shows %s in %s as %q, it is %q", file, name, d, got, layouts[d][typ])
				}
			}
		}
		for name := range typeNames {
			if !seen[name] {
				t.Errorf("%s does not show %s", file, name)
			}
		}
	}
}

var (
	only  = regexp.MustCompile(` \((\S+) in (\.u|\.u and \.L)\)`)
	list  = regexp.MustCompile(`nw\w+\[2\] nw\w+\*\((w\w+)\[\w+\]\)`)
	data  = regexp.MustCompile(`count\[4\] data\[count\]`)
	stats = regexp.MustCompile(`n\[2\] stat\[n\]`)
)

// letters returns the layout that a comment shows in the words of the layout table.
func letters(t *testing.T, fields string, d Dialect) string {
	fields = only.ReplaceAllStringFunc(fields, func(s string) string {
		m := only.FindStringSubmatch(s)
		if d == U || d == L && strings.HasSuffix(m[2], ".L") {
			return " " + m[1]
		}
		return ""
	})
	fields = list.ReplaceAllStringFunc(fields, func(s string) string {
		if strings.Contains(s, "wname") {
			return "x[N]"
		}
		return "x[Q]"
	})
	fields = data.ReplaceAllString(fields, "x[d]")
	fields = stats.ReplaceAllString(fields, "x[S]")
	var layout strings.Builder
	for _, field := range strings.Fields(fields) {
		_, size, ok := strings.Cut(strings.TrimSuffix(field, "]"), "[")
		if !ok {
			t.Fatalf("%q is no field", field)
		}
		switch size {
		case "13":
			size = "q"
		case "8+8":
			size = "88"
		}
		layout.WriteString(size)
	}
	return layout.String()
}
