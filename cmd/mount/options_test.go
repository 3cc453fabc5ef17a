//go:build linux

package main

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// Both completions offer the options that there are, and the manual tells of them, and of no others.
func TestOptionsAreKnown(t *testing.T) {
	var names []string
	for _, k := range known {
		names = append(names, k.name)
	}
	slices.Sort(names)
	bash := strings.Fields(between(t, "../completion/styx.bash", `mount:-o) _styx_list "$cur" `, ";;"))
	zsh := strings.Fields(between(t, "../completion/_styx", "_values -s , option ", "'"))
	for i, name := range zsh { // which has its own sign for a value that follows
		if slices.Contains(names, name+"=") {
			zsh[i] += "="
		}
	}
	for shell, list := range map[string][]string{"bash": bash, "zsh": zsh} {
		if slices.Sort(list); !slices.Equal(list, names) {
			t.Errorf("%s offers %v; there are %v", shell, list, names)
		}
	}
	page := between(t, "../../man/1/mount", `.BI -o " options"`, "\n.RE\n")
	for _, name := range names {
		if !regexp.MustCompile(`(?m)^\.B[IR]? (.*[ "])?` + name).MatchString(page) {
			t.Errorf("mount(1) does not tell of %s", name)
		}
	}
	for _, item := range regexp.MustCompile(`(?m)^\.TP\n\.B[IR]? (.*)$`).FindAllStringSubmatch(page, -1) {
		for _, word := range strings.Split(item[1], `", "`) {
			name := regexp.MustCompile(`^[a-z_]+=?`).FindString(strings.TrimSpace(word))
			if !slices.Contains(names, name) {
				t.Errorf("mount(1) tells of %q in %q, and there is no such option", name, item[0])
			}
		}
	}
}

// between returns what stands in a file behind the one text, up to the other.
func between(t *testing.T, file, from, to string) string {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	_, text, ok := strings.Cut(string(b), from)
	text, _, end := strings.Cut(text, to)
	if !ok || !end {
		t.Fatalf("%s: nothing stands between %q and %q", file, from, to)
	}
	return text
}

// Commas in a command are the command's.
func TestSplitOptions(t *testing.T) {
	for list, want := range map[string]string{
		"":                           "",
		",ro,,rw,":                   "ro|rw",
		"ro,auth={a -x 1,2},rw":      "ro|auth={a -x 1,2}|rw",
		"auth={a | tr '{,}' x; b},c": "auth={a | tr '{,}' x; b}|c",
	} {
		if got := strings.Join(splitOptions(list), "|"); got != want {
			t.Errorf("%q is %q, want %q", list, got, want)
		}
	}
}
