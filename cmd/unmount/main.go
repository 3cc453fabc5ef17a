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

const usage = "unmount [addr] mountpoint"

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
	p, err := find(args[len(args)-1])
	if err != nil {
		return err
	}
	if len(args) > 1 {
		if err := isFrom(p, args[0]); err != nil {
			return err
		}
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
