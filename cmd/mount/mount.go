//go:build linux

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
	"syscall"
	"time"

	"github.com/styxkit/styxkit/cmd/internal/background"
	"github.com/styxkit/styxkit/cmd/internal/cli"
	"github.com/styxkit/styxkit/cmd/internal/source"
	"github.com/styxkit/styxkit/lib9p"
	"github.com/styxkit/styxkit/mount"
)

// linger is how long a mount that was taken away while programs use it is served on.
const linger = 2 * time.Second

// A job is a mount in the making, and then the mount.
type job struct {
	*config
	src    *source.Source
	log    *slog.Logger
	out    io.Writer // for what there is to say
	report *background.Report
	link   *link // the connection, persistent or not
	watch  watch
	later  later
}

// mount mounts and serves until the end of the mount.
func (c *config) mount(report *background.Report, stderr *os.File) (err error) {
	src, err := source.Parse(c.addr, stderr)
	if err != nil {
		return err
	}
	if c.dir, err = mountPoint(c.dir); err != nil {
		return err
	}
	out := stderr
	if name := c.options.log; name != "" {
		if out, err = os.OpenFile(name, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o644); err != nil {
			return fmt.Errorf("-o log: %w", err)
		}
		defer out.Close()
	}
	// A command is run where the user stands; else the folder is not kept busy.
	if report != nil && !src.IsCommand() && c.options.auth == "" {
		if err := os.Chdir("/"); err != nil {
			return err
		}
	}
	signal.Ignore(syscall.SIGPIPE, syscall.SIGHUP)
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	j := &job{config: c, src: src, log: c.logger(src, out), out: out, report: report}
	defer src.Wait()
	return j.run(ctx)
}

func (c *config) logger(src *source.Source, stderr io.Writer) *slog.Logger {
	level := slog.LevelInfo
	switch {
	case c.verbose:
		level = slog.LevelDebug
	case c.quiet:
		level = slog.LevelError
	}
	return cli.Log(stderr, "mount: "+src.String(), level)
}

// mountPoint returns the absolute path of a folder to mount on.
func mountPoint(name string) (string, error) {
	fi, err := os.Stat(name)
	switch {
	case errors.Is(err, syscall.ENOTCONN):
		return "", fmt.Errorf("%s: a mount whose server process has died is there: unmount it first", name)
	case errors.Is(err, os.ErrNotExist):
		return "", fmt.Errorf("%s does not exist: mkdir -p %s", name, name)
	case err != nil:
		return "", err
	case !fi.IsDir():
		return "", fmt.Errorf("%s is not a directory: mount on one", name)
	}
	if name, err = filepath.EvalSymlinks(name); err != nil {
		return "", err
	}
	return filepath.Abs(name)
}

func (j *job) run(ctx context.Context) error {
	backend, err := j.chooseBackend()
	if err != nil {
		return err
	}
	defer j.watch.close()
	if j.options.background {
		return j.untilThere(ctx, backend)
	}
	return j.once(ctx, backend)
}

// once calls the server, mounts and serves.
func (j *job) once(ctx context.Context, backend string) error {
	conn, err := j.dial(ctx)
	if err != nil {
		return err
	}
	j.link = newLink(j, conn)
	defer j.link.close()
	if backend == "v9fs" {
		return j.kernel(ctx)
	}
	return j.fuse(ctx)
}

// dial calls the server.
func (j *job) dial(ctx context.Context) (lib9p.Transport, error) {
	conn, err := j.src.Dial(ctx)
	if err != nil {
		return nil, unreachable{err}
	}
	if j.messages {
		conn = spyOn(conn, j.out)
	}
	return conn, nil
}

// chooseBackend returns what -t asks for, or else the kernel's client where that can do what is asked for.
func (j *job) chooseBackend() (string, error) {
	if j.backend == "fuse" {
		return "fuse", nil
	}
	err := j.kernelCan()
	switch {
	case err == nil:
		return "v9fs", nil
	case j.backend == "v9fs":
		return "", fmt.Errorf("-t v9fs: %w; or use -t fuse", err)
	}
	j.log.Debug("mounting with FUSE", "because", err)
	return "fuse", nil
}

// kernelCan returns nil where the kernel's client can do what is asked for; else the error says why not.
func (j *job) kernelCan() error {
	switch {
	case j.options.uid != nil || j.options.gid != nil:
		return errors.New("the kernel's client knows no owners but the server's: leave out uid= and gid=")
	case j.messages && !j.persist:
		return errors.New("the kernel's client has the connection to itself, and -S sees nothing of it: use -p too")
	}
	return mount.KernelReady()
}

// ready ends the wait of whoever has started the mount.
func (j *job) ready(backend string, d lib9p.Dialect) {
	j.later.end(j)
	j.watch.begin(j, backend, d.String())
	j.log.Debug("mounted", "on", j.dir, "by", backend, "in", d, "persistent", j.persist)
	j.report.Ready()
}

// away takes the mount away, also where it is in use, and serves those who use it a moment longer.
func (j *job) away(done <-chan struct{}) error {
	err := mount.Unmount(j.dir, false)
	if errors.Is(err, mount.ErrBusy) {
		err = mount.Unmount(j.dir, true)
	}
	if err != nil {
		if _, mounted, _ := mount.At(j.dir); mounted {
			return err
		}
	}
	select {
	case <-done:
	case <-time.After(linger):
		j.log.Warn("unmounted while programs use it", "dir", j.dir)
	}
	return nil
}
