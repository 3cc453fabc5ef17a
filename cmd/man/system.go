package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/styxkit/styxkit/man"
)

// formatters are what formats a page from standard input, the best first.
var formatters = [][]string{
	{"man", "-l", "-"},
	{"nroff", "-man"},
}

// format has the system format the page.  It returns nil where the system has
// nothing that can: what comes out must at least have the page's NAME, because
// on small systems a man may be there that only says that it is not.
func format(p man.Page) []byte {
	for _, f := range formatters {
		prog, ok := lookPath(f[0])
		if !ok {
			continue
		}
		cmd := exec.Command(prog, f[1:]...)
		cmd.Stdin = bytes.NewReader([]byte(p.Text))
		cmd.Env = append(os.Environ(), "MANPAGER=cat", "PAGER=cat", fmt.Sprint("MANWIDTH=", width()))
		out, err := cmd.Output()
		out = unstrike(out)
		if err == nil && bytes.Contains(out, []byte("NAME")) && bytes.Contains(out, []byte(p.Names[0])) {
			return out
		}
	}
	return nil
}

// lookPath is exec.LookPath passing over ourselves: under styx the folder that
// we are in comes first.
func lookPath(name string) (string, bool) {
	self, err := os.Executable()
	if err != nil {
		return "", false
	}
	me, err := os.Stat(self)
	if err != nil {
		return "", false
	}
	for _, dir := range filepath.SplitList(os.Getenv("PATH")) {
		prog := filepath.Join(dir, name)
		fi, err := os.Stat(prog)
		if filepath.IsAbs(prog) && err == nil && fi.Mode().IsRegular() && fi.Mode()&0o111 != 0 && !os.SameFile(fi, me) {
			return prog, true
		}
	}
	return "", false
}

// unstrike removes what makes letters bold and underlined on a printer (a
// letter, a backspace, a letter) and on a terminal (escape, [, digits, m).
func unstrike(b []byte) []byte {
	var out []rune
	in := []rune(string(b))
	for i := 0; i < len(in); i++ {
		switch {
		case in[i] == '\b':
			out = out[:max(0, len(out)-1)]
		case in[i] == '\x1b' && i+1 < len(in) && in[i+1] == '[':
			for i < len(in) && in[i] != 'm' {
				i++
			}
		default:
			out = append(out, in[i])
		}
	}
	return []byte(string(out))
}

// page shows text through $MANPAGER, $PAGER, less or more, or as it is where
// none of them is there.
func page(text []byte, stdout io.Writer) error {
	pager := os.Getenv("MANPAGER")
	if pager == "" {
		pager = os.Getenv("PAGER")
	}
	for _, name := range []string{"less", "more"} {
		if prog, ok := lookPath(name); ok && pager == "" {
			pager = prog
		}
	}
	if pager == "" {
		_, err := stdout.Write(text)
		return err
	}
	cmd := exec.Command("sh", "-c", pager)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewReader(text), stdout, os.Stderr
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("show page through %s: %w", pager, err)
	}
	return nil
}
