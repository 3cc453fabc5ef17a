//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"github.com/styxkit/styxkit/cmd/internal/source"
	"github.com/styxkit/styxkit/lib9p"
	"github.com/styxkit/styxkit/lib9p/client"
	"github.com/styxkit/styxkit/mount/fuse"
)

// msize is the size of message that is offered where -o says none: what the kernel asks for at once, and its header.
const msize = 1<<20 + lib9p.IOHeader

// fuse mounts through the FUSE bridge and serves until the end of the mount.
func (j *job) fuse(ctx context.Context) error {
	setup, t, err := j.link.transport(ctx)
	if err != nil {
		return err
	}
	opt := client.Options{Msize: msize}
	if j.options.msize != 0 {
		opt.Msize = j.options.msize
	}
	if j.options.dialect != nil {
		opt.Dialects = []lib9p.Dialect{*j.options.dialect}
	}
	conn, err := client.New(setup, t, opt)
	if err != nil {
		return j.failed(setup, err)
	}
	defer conn.Close()
	root, err := j.attach(setup, conn)
	if err != nil {
		return j.failed(setup, err)
	}
	cache := fuse.CacheOpen
	if j.options.cache != nil {
		cache = *j.options.cache
	}
	s, err := fuse.Mount(root, j.dir, fuse.Options{
		Source:     j.src.String(),
		ReadOnly:   j.options.readOnly,
		NoExec:     j.options.noExec,
		AllowOther: j.options.allowOther,
		UID:        j.options.uid,
		GID:        j.options.gid,
		NoHidden:   j.persist || j.options.noSilly,
		Cache:      cache,
		Logger:     j.log,
	})
	if err != nil {
		return err
	}
	// What the kernel remembers may have become untrue while nobody could be asked.
	j.watch.onBack(s.Drop)
	j.link.up.Store(true)
	j.ready("fuse", conn.Dialect())
	select {
	case <-s.Done():
		return nil
	case <-conn.Done():
		err := j.away(s.Done())
		return errors.Join(fmt.Errorf("%s: %w: unmounted %s (with -p it would stay)", j.src, conn.Err(), j.dir), err)
	case <-ctx.Done():
		return j.away(s.Done())
	}
}

func (j *job) attach(ctx context.Context, conn *client.Conn) (*client.Fid, error) {
	name, uid, err := source.User()
	if err != nil {
		return nil, err
	}
	root, err := conn.Attach(ctx, nil, name, j.spec, uid)
	if err != nil {
		return nil, fmt.Errorf("attach as %s to %q: %w", name, j.spec, err)
	}
	return root, nil
}

// failed says why there was no agreement with the server.
func (j *job) failed(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); cause != nil && !errors.Is(cause, context.Canceled) {
		err = cause
	}
	if why := j.link.unproved.Load(); why != nil {
		return fmt.Errorf("%s: %w", j.src, *why)
	}
	refusal, refused := errors.AsType[*lib9p.Error](err)
	switch {
	case refused && j.spec == "" && refusal.Number() != lib9p.EACCES:
		return fmt.Errorf("%s: %w: does this server want a spec, such as the directory to mount", j.src, err)
	case refused && j.options.auth == "" && errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("%s: %w: if it wants to be shown who attaches, -p -o auth={command} does that", j.src, err)
	}
	return fmt.Errorf("%s: %w", j.src, err)
}
