// Package program has scripts that use a directory as people do: git, sqlite, tar, make and others. Each makes
// something, checks it against what it must be, and fails where anything is not so.
package program

import (
	"bytes"
	"context"
	"embed"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"syscall"
	"testing"
)

//go:embed scripts
var scripts embed.FS

// A Program is a script.
type Program struct {
	Name string
	Tool string // the command without which it cannot run
}

// All are the scripts that there are.
var All = []Program{
	{"git", "git"}, {"sqlite-journal", "sqlite3"}, {"sqlite-wal", "sqlite3"}, {"tar", "tar"},
	{"rsync", "rsync"}, {"vim", "vim.tiny"}, {"make", "make"}, {"gobuild", "go"},
}

// Find returns the script of a name.
func Find(t testing.TB, name string) Program {
	t.Helper()
	for _, p := range All {
		if p.Name == name {
			return p
		}
	}
	t.Fatalf("there is no script %s", name)
	return Program{}
}

// There reports whether the program's command is installed.
func (p Program) There() bool {
	_, err := exec.LookPath(p.Tool)
	return err == nil
}

// Run runs the script in the new directory dir, with the empty directory local for what need not be there, and amount for how
// much it is to do. It returns the end of what the script has said.
func (p Program) Run(ctx context.Context, dir, local, amount string) (string, error) {
	text, err := scripts.ReadFile("scripts/" + p.Name + ".sh")
	if err != nil {
		return "", err
	}
	cmd := exec.CommandContext(ctx, "bash", "-euo", "pipefail", "-c", `mkdir "$1" && cd "$1" && eval "$2"`, "bash", dir, string(text))
	cmd.Env = append(os.Environ(), "LOCAL="+local, "AMOUNT="+amount, "HOME="+local, "LC_ALL=C.UTF-8", "TREE="+tree())
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err = cmd.Run()
	if ctx.Err() != nil {
		err = fmt.Errorf("%w: %w", context.Cause(ctx), err)
	}
	return Tail(out.String(), 4000), err
}

// honest is what programs say of an operation of which nobody can know whether it was done.
var honest = regexp.MustCompile(`(?i)input/output error|disk I/O error|E72:|E514:`)

// Honest reports whether a script that failed has met such an operation.
func Honest(said string) bool { return honest.MatchString(said) }

// tree is the source of the toolkit, to be worked with.
func tree() string {
	_, file, _, _ := runtime.Caller(0)
	return filepath.Join(filepath.Dir(file), "..", "..", "..")
}

// Tail returns the last n bytes of what was said.
func Tail(s string, n int) string {
	if s = strings.TrimSpace(s); len(s) > n {
		return "..." + s[len(s)-n:]
	}
	return s
}
