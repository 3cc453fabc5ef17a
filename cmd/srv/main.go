//go:build linux

// Srv posts a 9P server under a name. See srv(4).
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/styxkit/styxkit/cmd/internal/background"
	"github.com/styxkit/styxkit/cmd/internal/cli"
	"github.com/styxkit/styxkit/cmd/internal/source"
	"github.com/styxkit/styxkit/dial"
)

const usage = "srv [-fp] [-k keyspec] addr [name]"

func main() {
	report := background.Process()
	err := run(os.Args[1:], report, os.Stderr)
	if err != nil && report.Failed(err) {
		os.Exit(1) // the one who waits for us prints it
	}
	os.Exit(cli.Exit("srv", err, os.Stderr))
}

type config struct {
	foreground, persist bool
	addr, name          string
}

func parse(args []string, stderr io.Writer) (*config, error) {
	c := new(config)
	var keyspec string
	fs := cli.Flags("srv", usage, stderr)
	fs.BoolVar(&c.foreground, "f", false, "")
	fs.BoolVar(&c.persist, "p", false, "")
	fs.BoolVar(&c.persist, "P", false, "")
	fs.StringVar(&keyspec, "k", "", "")
	rest, err := cli.Parse(fs, args)
	switch {
	case err != nil:
		return nil, err
	case keyspec != "":
		return nil, errors.New("-k is not built yet: there is no authentication by keys: use a tunnel, such as '{ssh host u9fs dir}', or mount -p -o auth={command}")
	case len(rest) < 1 || len(rest) > 2:
		return nil, cli.Usage(fs)
	}
	c.addr = rest[0]
	if len(rest) > 1 {
		c.name = rest[1]
		if c.name == "" || strings.Contains(c.name, "/") {
			return nil, fmt.Errorf("name %q: a service's name is not empty and has no slash", c.name)
		}
	}
	return c, nil
}

func run(args []string, report *background.Report, stderr *os.File) error {
	c, err := parse(args, stderr)
	if err != nil {
		return err
	}
	if !c.foreground && report == nil {
		return background.Start("srv", args)
	}
	return c.serve(report, stderr)
}

// serve posts the service until a signal ends it.
func (c *config) serve(report *background.Report, stderr *os.File) error {
	src, err := source.Parse(c.addr, stderr)
	if err != nil {
		return err
	}
	if c.name == "" {
		c.name = src.Name()
	}
	signal.Ignore(syscall.SIGPIPE, syscall.SIGHUP)
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	if err := reach(ctx, src); err != nil {
		return err
	}
	post, err := announce(ctx, c.name)
	if err != nil {
		return err
	}
	defer post.Close()
	if report != nil && !src.IsCommand() {
		if err := os.Chdir("/"); err != nil {
			return err
		}
	}
	report.Ready()
	s := &service{src: src, persist: c.persist, log: cli.Log(stderr, "srv: "+c.name, slog.LevelInfo)}
	defer context.AfterFunc(ctx, func() { post.Close() })()
	err = s.accept(ctx, post)
	src.Wait()
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// reach checks that there is a server, so that a wrong address is told to whoever wrote it. A command is not
// run for that.
func reach(ctx context.Context, src *source.Source) error {
	if src.IsCommand() {
		return nil
	}
	conn, err := src.Dial(ctx)
	if err != nil {
		return err
	}
	return conn.Close()
}

// announce posts a socket in the name space folder, which it makes when there is none.
func announce(ctx context.Context, name string) (*dial.Announcement, error) {
	dir := source.Namespace()
	if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, os.ErrExist) {
		return nil, fmt.Errorf("post %s: %w", name, err)
	}
	// For the owner only, from the moment it is there.
	defer syscall.Umask(syscall.Umask(0o077))
	post, err := dial.Announce(ctx, "unix!"+filepath.Join(dir, name))
	if err != nil {
		return nil, fmt.Errorf("post %s: %w", name, err)
	}
	return post, nil
}
