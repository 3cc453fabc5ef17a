// Package cli is what the commands have in common with their users: flags and messages.
package cli

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"strings"

	"github.com/u-root/u-root/pkg/uroot/unixflag"
)

// ErrUsage says that the command was called wrongly and that this has been said.
var ErrUsage = errors.New("usage")

// Flags returns an empty set of flags that prints usage, the line of the command's synopsis, when it is called wrongly.
func Flags(name, usage string, stderr io.Writer) *flag.FlagSet {
	fs := flag.NewFlagSet(name, flag.ContinueOnError)
	fs.SetOutput(stderr)
	fs.Usage = func() { fmt.Fprintln(stderr, "usage: "+usage) }
	return fs
}

// Parse is fs.Parse for flags of one letter, which may be grouped: -pv is -p -v, and the rest of a
// group behind a flag that takes an argument is that argument. It returns what follows the flags.
func Parse(fs *flag.FlagSet, args []string) ([]string, error) {
	var flat []string
	for len(args) > 0 && len(args[0]) > 1 && args[0][0] == '-' {
		group := args[0]
		args = args[1:]
		if group == "--" {
			break
		}
		letters, value, taken := split(fs, group)
		flat = append(flat, unixflag.ArgsToGoArgs([]string{letters})...)
		switch {
		case !taken:
		case value != "":
			flat = append(flat, value)
		case len(args) > 0:
			flat = append(flat, args[0])
			args = args[1:]
		}
	}
	if fs.Parse(flat) != nil {
		return nil, ErrUsage
	}
	return args, nil
}

// split takes from a group of flags the argument of the first that takes one.
func split(fs *flag.FlagSet, group string) (letters, value string, taken bool) {
	for i := 1; i < len(group); i++ {
		f := fs.Lookup(group[i : i+1])
		if f == nil {
			continue
		}
		if b, ok := f.Value.(interface{ IsBoolFlag() bool }); !ok || !b.IsBoolFlag() {
			return group[:i+1], group[i+1:], true
		}
	}
	return group, "", false
}

// Usage prints the usage line and returns ErrUsage.
func Usage(fs *flag.FlagSet) error {
	fs.Usage()
	return ErrUsage
}

// Exit returns a command's exit status for its error, which it prints unless it is nil or ErrUsage.
func Exit(name string, err error, stderr io.Writer) int {
	if err == nil {
		return 0
	}
	if !errors.Is(err, ErrUsage) {
		fmt.Fprintf(stderr, "%s: %s\n", name, strings.TrimSpace(err.Error()))
	}
	return 1
}
