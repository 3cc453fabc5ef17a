package man

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestSynopsis compares what a page says about calling a command with what the
// command says when it is called wrongly.
func TestSynopsis(t *testing.T) {
	bin := t.TempDir()
	build := exec.CommandContext(t.Context(), "go", "build", "-buildvcs=false", "-o", bin+"/", "../cmd/...")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %v\n%s", build, err, out)
	}
	commands, err := os.ReadDir(bin)
	if err != nil || len(commands) == 0 {
		t.Fatalf("%v has left %d commands: %v", build, len(commands), err)
	}
	for _, c := range commands {
		name := c.Name()
		i := slices.IndexFunc(Pages(), func(p Page) bool {
			return slices.Contains(p.Names, name) && slices.Contains(sources(p), "cmd/"+name)
		})
		if i < 0 {
			t.Errorf("%s: has no page", name)
			continue
		}
		page := Pages()[i]
		if diff := cmp.Diff(synopses(page, name), usageOf(t, filepath.Join(bin, name))); diff != "" {
			t.Errorf("%s: synopsis and usage differ (-%s +command):\n%s", name, label(page), diff)
		}
	}
}

// synopses returns the lines of the page's SYNOPSIS that are about a command.
func synopses(p Page, command string) (lines []string) {
	body, _ := p.section("SYNOPSIS")
	var b strings.Builder
	if err := Render(&b, body, 0); err != nil {
		return nil
	}
	for line := range strings.Lines(b.String()) {
		if words := strings.Fields(line); len(words) > 0 && words[0] == command {
			lines = append(lines, strings.Join(words, " "))
		}
	}
	return lines
}

// usageOf calls a command with a flag that none has and returns the lines of
// its usage message, which it must write to standard error.
func usageOf(t *testing.T, prog string) (lines []string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), prog, "-?")
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	if _, ok := errors.AsType[*exec.ExitError](err); !ok || stdout.Len() > 0 {
		t.Errorf("%v: %v, standard output %q: want a failure and nothing there", cmd, err, stdout.String())
	}
	_, usage, _ := strings.Cut("\n"+stderr.String(), "\nusage: ")
	for line := range strings.Lines(usage) {
		if words := strings.Fields(line); len(words) > 0 && words[0] == filepath.Base(prog) {
			lines = append(lines, strings.Join(words, " "))
		}
	}
	return lines
}
