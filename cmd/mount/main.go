//go:build linux

// Mount mounts a 9P server in the host's name space. See mount(1).
package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/styxkit/styxkit/cmd/internal/background"
	"github.com/styxkit/styxkit/cmd/internal/cli"
)

const usage = `mount [-abcfpqvA9S] [-C alg] [-k keyspec] [-t v9fs|fuse] [-o options] addr mountpoint [spec]
       mount`

func main() {
	report := background.Process()
	var err error
	if filepath.Base(os.Args[0]) == helperName {
		err = runHelper(os.Args[1:], os.Stderr)
	} else {
		err = run(os.Args[1:], report, os.Stdout, os.Stderr)
	}
	if err != nil && report.Failed(err) {
		os.Exit(1) // the one who waits for us prints it
	}
	os.Exit(cli.Exit("mount", err, os.Stderr))
}

// config is what the command line says.
type config struct {
	foreground, persist, quiet, verbose bool
	messages                            bool   // write down what is said to the server, and what it answers
	backend                             string // v9fs, fuse, or empty for what there is
	options                             options
	addr, dir, spec                     string
}

// parse takes the command line.
func parse(args []string, stderr io.Writer) (*config, error) {
	c := new(config)
	var after, before, create, native, anonymous bool
	var alg, keyspec, opts string
	fs := cli.Flags("mount", usage, stderr)
	fs.BoolVar(&after, "a", false, "")
	fs.BoolVar(&before, "b", false, "")
	fs.BoolVar(&create, "c", false, "")
	fs.BoolVar(&native, "9", false, "")
	fs.BoolVar(&c.messages, "S", false, "")
	fs.BoolVar(&anonymous, "A", false, "")
	fs.BoolVar(&c.foreground, "f", false, "")
	fs.BoolVar(&c.persist, "p", false, "")
	fs.BoolVar(&c.persist, "P", false, "")
	fs.BoolVar(&c.quiet, "q", false, "")
	fs.BoolVar(&c.verbose, "v", false, "")
	fs.StringVar(&alg, "C", "", "")
	fs.StringVar(&keyspec, "k", "", "")
	fs.StringVar(&c.backend, "t", "", "")
	fs.StringVar(&opts, "o", "", "")
	rest, err := cli.Parse(fs, args)
	if err != nil {
		return nil, err
	}
	const tunnel = "use a tunnel, such as '{ssh host u9fs dir}'"
	for _, f := range []struct {
		given     bool
		flag, why string
	}{
		{after, "-a", "Linux has no union directories"},
		{before, "-b", "Linux has no union directories"},
		{create, "-c", "Linux has no union directories"},
		{native, "-9", "there is no authentication by keys yet: -p -o auth={command} has a command do it"},
		{alg != "", "-C", "there is no encryption yet: " + tunnel},
		{keyspec != "", "-k", "there is no authentication by keys yet: -p -o auth={command} has a command do it, or " + tunnel},
	} {
		if f.given {
			return nil, fmt.Errorf("%s is not built yet: %s", f.flag, f.why)
		}
	}
	if c.backend != "" && c.backend != "v9fs" && c.backend != "fuse" {
		return nil, fmt.Errorf("-t %s: the types are v9fs and fuse", c.backend)
	}
	if len(rest) < 2 || len(rest) > 3 {
		return nil, cli.Usage(fs)
	}
	c.addr, c.dir = rest[0], rest[1]
	if len(rest) > 2 {
		c.spec = rest[2]
	}
	c.options, err = parseOptions(opts)
	if err == nil && c.options.sole && !c.persist {
		err = errors.New("-o sole: it decides what is not known when a server was lost, and without -p nothing is: use -p too")
	}
	switch {
	case err != nil || c.options.auth == "":
	case !c.persist:
		err = errors.New("-o auth: it is what -p makes the connection with that authenticates: use -p too")
	case anonymous:
		err = errors.New("-A and -o auth: leave out one of them")
	}
	if err == nil && c.options.background && !c.persist {
		err = errors.New("-o bg: it waits for a server before the mount as -p does afterwards: use -p too")
	}
	return c, err
}

func run(args []string, report *background.Report, stdout io.Writer, stderr *os.File) error {
	if len(args) == 0 {
		return list(stdout)
	}
	c, err := parse(args, stderr)
	if err != nil {
		return err
	}
	if !c.foreground && report == nil {
		return background.Start("mount", args)
	}
	return c.mount(report, stderr)
}

// runHelper does what mount(8) asks for.
func runHelper(args []string, stderr *os.File) error {
	c, err := fromMount8(args, stderr)
	if err != nil {
		return err
	}
	if c.fake {
		_, err := parse(c.args, stderr)
		return err
	}
	return run(c.args, nil, io.Discard, stderr)
}
