// Package man holds the manual pages of the toolkit, so that a command can show
// them on a machine that has no manual.
//
// A page is a file named section/name, written with the man macros of troff;
// Render turns one into plain text where nothing better is at hand.  Several
// commands can share a page: the line under NAME says which ones are on it, and
// Find goes by that line.
//
// The tests of this package are what mk check runs: they hold the pages to the
// rules of the house and to the commands and packages that they describe.
package man

import (
	"embed"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
)

//go:embed [1-8]
var pages embed.FS

// A Page is a page of the manual.
type Page struct {
	Section string   // 1 to 8
	File    string   // its name there
	Names   []string // what it describes, from its NAME line
	Summary string   // the rest of that line
	Text    string   // in troff's language
}

// Pages returns all pages, by section and name.
func Pages() []Page { return readPages(pages) }

// readPages reads the pages of a file system.  One without a proper NAME line
// goes by the name of its file.
func readPages(fsys fs.FS) []Page {
	var all []Page
	names, _ := fs.Glob(fsys, "[1-8]/*") // the pattern is well formed
	for _, name := range names {
		text, err := fs.ReadFile(fsys, name)
		if err != nil {
			continue // a folder
		}
		p := Page{Section: path.Dir(name), File: path.Base(name), Text: string(text)}
		line, _ := p.section("NAME")
		if names, summary, ok := strings.Cut(strings.TrimSpace(line), ` \- `); ok {
			p.Names, p.Summary = strings.Split(names, ", "), plain(summary)
		} else {
			p.Names = []string{p.File}
		}
		all = append(all, p)
	}
	return all
}

// section returns the lines of a section of p, and whether there is such.
func (p Page) section(title string) (body string, ok bool) {
	var b strings.Builder
	for line := range strings.Lines(p.Text) {
		if req, args, is := request(line); is && req == "SH" {
			ok = ok || strings.Join(args, " ") == title
			if ok && strings.Join(args, " ") != title {
				break
			}
			continue
		}
		if ok {
			b.WriteString(line)
		}
	}
	return b.String(), ok
}

// Find returns the page that describes name, the one of the lowest section
// unless a section is given.
func Find(section, name string) (Page, error) {
	for _, p := range Pages() {
		if (section == "" || p.Section == section) && slices.Contains(p.Names, name) {
			return p, nil
		}
	}
	if section != "" {
		return Page{}, fmt.Errorf("find page %s(%s): there is none: man -k %s lists what comes near", name, section, name)
	}
	return Page{}, fmt.Errorf("find page %s: there is none: man -k %s lists what comes near", name, name)
}

// Search returns the pages whose NAME line has word, in any case.
func Search(word string) []Page {
	word = strings.ToLower(word)
	return slices.DeleteFunc(Pages(), func(p Page) bool {
		return !strings.Contains(strings.ToLower(strings.Join(p.Names, ", ")+" "+p.Summary), word)
	})
}

// String is the page's entry in a list: names (section) - summary.
func (p Page) String() string {
	return fmt.Sprintf("%s (%s) - %s", strings.Join(p.Names, ", "), p.Section, p.Summary)
}
