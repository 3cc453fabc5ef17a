// Man shows the manual pages of the toolkit, which it has in itself.
package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"github.com/styxkit/styxkit/man"
)

const usage = `usage: man [section] page
       man -k word
`

// errUsage is an error that the usage line answers.
var errUsage = errors.New("usage")

func main() {
	err := run(os.Args[1:], os.Stdout)
	if errors.Is(err, errUsage) {
		fmt.Fprint(os.Stderr, usage)
		os.Exit(1)
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "man: %v\n", err)
		os.Exit(1)
	}
}

func run(args []string, stdout io.Writer) error {
	switch {
	case len(args) == 2 && args[0] == "-k":
		return search(args[1], stdout)
	case len(args) == 0 || len(args) > 2 || strings.HasPrefix(args[0], "-"):
		return errUsage
	case len(args) == 2 && !isSection(args[0]):
		return errUsage
	}
	section := ""
	if len(args) == 2 {
		section = args[0]
	}
	p, err := man.Find(section, args[len(args)-1])
	if err != nil {
		return err
	}
	return show(p, stdout)
}

func isSection(s string) bool { return len(s) == 1 && s[0] >= '1' && s[0] <= '8' }

func search(word string, stdout io.Writer) error {
	found := man.Search(word)
	if len(found) == 0 {
		return fmt.Errorf("search for %q: no page has it in its NAME line", word)
	}
	for _, p := range found {
		if _, err := fmt.Fprintln(stdout, p); err != nil {
			return err
		}
	}
	return nil
}

// show formats a page with what the system has, or else itself, and on a
// terminal shows it through a pager.
func show(p man.Page, stdout io.Writer) error {
	text := format(p)
	if text == nil {
		var b bytes.Buffer
		if err := man.Render(&b, p.Text, width()); err != nil {
			return err
		}
		text = b.Bytes()
	}
	if isTerminal(stdout) {
		return page(text, stdout)
	}
	_, err := stdout.Write(text)
	return err
}

// width is that of a page: what $MANWIDTH says, or 80.
func width() int {
	if n, err := strconv.Atoi(os.Getenv("MANWIDTH")); err == nil && n >= 20 {
		return n
	}
	return 80
}

func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	fi, err := f.Stat()
	return err == nil && fi.Mode()&os.ModeCharDevice != 0
}
