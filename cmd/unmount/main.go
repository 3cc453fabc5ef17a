//go:build linux

// Unmount takes a mount out of the host's name space. See mount(1).
package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/styxkit/styxkit/cmd/internal/cli"
	"github.com/styxkit/styxkit/cmd/internal/source"
	"github.com/styxkit/styxkit/mount"
)

const usage = `unmount [addr] mountpoint
       unmount addr`

func main() {
	os.Exit(cli.Exit("unmount", run(os.Args[1:], os.Stderr), os.Stderr))
}

func run(args []string, stderr io.Writer) error {
	fs := cli.Flags("unmount", usage, stderr)
	args, err := cli.Parse(fs, args)
	if err != nil {
		return err
	}
	if len(args) < 1 || len(args) > 2 {
		return cli.Usage(fs)
	}
	p, err := target(args)
	if err != nil {
		if ended, failure := giveUp(args); ended || failure != nil {
			return failure
		}
		return err
	}
	err = mount.Unmount(p.Dir, false)
	if !errors.Is(err, mount.ErrBusy) {
		return err
	}
	if err := mount.Unmount(p.Dir, true); err != nil {
		return err
	}
	fmt.Fprintf(stderr, "unmount: %s is in use: it is out of the name space, and ends with the programs that use it (fuser -m shows such)\n", p.Dir)
	return nil
}

// target returns the mount that is meant: at a path, from an address to a path, or the one from an address.
func target(args []string) (mount.Point, error) {
	p, err := find(args[len(args)-1])
	switch {
	case err == nil && len(args) > 1:
		return p, isFrom(p, args[0])
	case err == nil || len(args) > 1:
		return p, err
	}
	if p, ok, err := mountFrom(args[0]); ok || err != nil {
		return p, err
	}
	return p, err
}

// find returns the mount at a path. A mount point is not touched: where its server is away that
// would wait. So a symbolic link is followed only when no mount has its own name.
func find(name string) (mount.Point, error) {
	abs, err := filepath.Abs(name)
	if err != nil {
		return mount.Point{}, err
	}
	if p, ok, err := mount.At(abs); ok || err != nil {
		return p, err
	}
	dir, err := filepath.EvalSymlinks(filepath.Dir(abs))
	if err != nil {
		return mount.Point{}, err
	}
	if p, ok, err := mount.At(filepath.Join(dir, filepath.Base(abs))); ok || err != nil {
		return p, err
	}
	real, err := filepath.EvalSymlinks(abs)
	if err != nil {
		return mount.Point{}, err
	}
	if p, ok, err := mount.At(real); ok || err != nil {
		return p, err
	}
	return mount.Point{}, fmt.Errorf("%s is not a mount point%s", name, ours())
}

// mountFrom returns the one mount of the toolkit's from an address.
func mountFrom(addr string) (p mount.Point, ok bool, err error) {
	src, err := source.Parse(addr, nil)
	if err != nil {
		return p, false, nil // it is none
	}
	list, err := mount.Points()
	if err != nil {
		return p, false, err
	}
	list = slices.DeleteFunc(list, func(p mount.Point) bool { return !p.Styx() || p.Source != src.String() })
	switch len(list) {
	case 0:
		return p, false, nil
	case 1:
		return list[0], true, nil
	}
	var dirs []string
	for _, p := range list {
		dirs = append(dirs, p.Dir)
	}
	return p, false, fmt.Errorf("%s is mounted on %s: say on which", addr, strings.Join(dirs, ", "))
}

// ours lists the mounts that may have been meant.
func ours() string {
	list, err := mount.Points()
	if err != nil {
		return ""
	}
	var dirs []string
	for _, p := range list {
		if p.Styx() {
			dirs = append(dirs, p.Dir)
		}
	}
	if len(dirs) == 0 {
		return ": nothing is mounted by mount(1)"
	}
	return ": mounted are " + strings.Join(slices.Compact(dirs), ", ")
}

// isFrom checks that what is mounted is what the user thinks.
func isFrom(p mount.Point, addr string) error {
	src, err := source.Parse(addr, nil)
	if err != nil {
		return err
	}
	if p.Source != src.String() {
		return fmt.Errorf("on %s is mounted %s, not %s", p.Dir, p.Source, src)
	}
	return nil
}
