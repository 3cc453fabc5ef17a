//go:build linux

package main

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/styxkit/styxkit/cmd/internal/cli"
)

// helperName is the name by which mount(8) calls the command for mounts of type styx; it has a calling
// convention of its own, see EXTERNAL HELPERS there.
const helperName = "mount.styx"

const helperUsage = helperName + " addr mountpoint [-fnsv] [-o options] [-t styx[.v9fs|.fuse]]"

// A helperCall is what mount(8) asks for.
type helperCall struct {
	args    []string // for mount
	fake    bool     // only look whether it could be done
	sloppy  bool     // leave out options that do not exist
	verbose bool
	backend string
	options []string
}

// fromMount8 takes the command line of mount.styx.
func fromMount8(args []string, stderr io.Writer) (*helperCall, error) {
	c := new(helperCall)
	wrong := func() (*helperCall, error) {
		fmt.Fprintln(stderr, "usage: "+helperUsage)
		return nil, cli.ErrUsage
	}
	if len(args) < 2 || strings.HasPrefix(args[0], "-") || strings.HasPrefix(args[1], "-") {
		return wrong()
	}
	addr, dir := args[0], args[1]
	for args = args[2:]; len(args) > 0; args = args[1:] {
		flags, ok := strings.CutPrefix(args[0], "-")
		if !ok {
			return wrong()
		}
		for i, flag := range flags {
			switch flag {
			case 'f':
				c.fake = true
			case 's':
				c.sloppy = true
			case 'v':
				c.verbose = true
			case 'n':
			case 'o', 't', 'N':
				if i+1 < len(flags) || len(args) < 2 {
					return wrong()
				}
				args = args[1:]
				if err := c.argument(flag, args[0]); err != nil {
					return nil, err
				}
			default:
				return wrong()
			}
		}
	}
	return c, c.translate(addr, dir)
}

func (c *helperCall) argument(flag rune, value string) error {
	switch flag {
	case 'o':
		c.options = append(c.options, splitOptions(value)...)
	case 't':
		_, c.backend, _ = strings.Cut(value, ".")
	case 'N':
		return fmt.Errorf("-N %s is not built yet: nsenter --mount=/proc/PID/ns/mnt runs mount in another name space", value)
	}
	return nil
}

// hostOptions are for mount(8), systemd and others who read fstab; or what every mount of ours is anyway.
var hostOptions = strings.Fields(`defaults auto noauto user nouser users nousers owner noowner group nogroup nofail _netdev
	async sync dirsync suid nosuid dev nodev atime noatime diratime nodiratime relatime norelatime strictatime nostrictatime
	lazytime nolazytime silent loud mand nomand iversion noiversion`)

// translate sets args to what mount is to be called with.
func (c *helperCall) translate(addr, dir string) error {
	var spec, ours []string
	for _, opt := range c.options {
		name, value, _ := strings.Cut(opt, "=")
		switch {
		case slices.Contains(hostOptions, name), strings.HasPrefix(strings.ToLower(name), "x-"), name == "comment":
		case name == "remount":
			return fmt.Errorf("%s cannot be mounted anew in place: umount %s, and mount it again", dir, dir)
		case opt == "persist":
			c.args = append(c.args, "-p")
		case name == "aname", name == "spec":
			spec = []string{value}
		case opt == "verbose":
			c.verbose = true
		case opt == "quiet":
			c.args = append(c.args, "-q")
		case name == "backend":
			c.backend = value
		default:
			if _, err := parseOptions(opt); err != nil && c.sloppy {
				continue
			}
			ours = append(ours, opt)
		}
	}
	if c.verbose {
		c.args = append(c.args, "-v")
	}
	if c.backend != "" {
		c.args = append(c.args, "-t", c.backend)
	}
	if len(ours) > 0 {
		c.args = append(c.args, "-o", strings.Join(ours, ","))
	}
	c.args = append(append(c.args, "--", addr, dir), spec...)
	return nil
}
