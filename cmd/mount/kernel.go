//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/styxkit/styxkit/cmd/internal/source"
	"github.com/styxkit/styxkit/lib9p"
	"github.com/styxkit/styxkit/mount"
	"github.com/styxkit/styxkit/mount/fuse"
)

// kernel mounts through the kernel's own client and stays until the end of the mount.
func (j *job) kernel(ctx context.Context) error {
	setup, f, err := j.link.file(ctx)
	if err != nil {
		return err
	}
	name, _, err := source.User()
	if err != nil {
		f.Close()
		return err
	}
	opt := mount.KernelOptions{
		Source: j.src.String(), Dialect: lib9p.L, Msize: j.options.msize, Uname: name, Aname: j.spec,
		ReadOnly: j.options.readOnly, NoExec: j.options.noExec, AllowOther: j.options.allowOther,
	}
	if j.options.dialect != nil {
		opt.Dialect = *j.options.dialect
	}
	if c := j.options.cache; c != nil {
		opt.Cache = kernelCaches[*c]
	}
	stop := context.AfterFunc(ctx, j.link.hangUp)
	d, err := mount.Kernel(f, j.dir, opt)
	stop()
	if err != nil {
		return j.failed(setup, err)
	}
	if j.options.dialect != nil && d != opt.Dialect {
		return errors.Join(fmt.Errorf("%s: the server speaks %s, and not %s", j.src, d, opt.Dialect), mount.Unmount(j.dir, true))
	}
	j.link.up.Store(true)
	j.ready("v9fs", d)
	if j.persist {
		return j.untilHangup(ctx)
	}
	return j.untilUnmounted(ctx, opt.Source)
}

// untilHangup serves until the kernel hangs up, which it does when the last program has left the unmounted tree.
func (j *job) untilHangup(ctx context.Context) error {
	select {
	case <-j.link.done:
	case <-ctx.Done():
		return j.away(j.link.done)
	}
	if j.link.err == nil {
		return nil
	}
	return errors.Join(fmt.Errorf("%s: %w: unmounted %s", j.src, j.link.err, j.dir), mount.Unmount(j.dir, true))
}

// untilUnmounted waits for the end of a mount whose connection is the kernel's alone.
func (j *job) untilUnmounted(ctx context.Context, from string) (err error) {
	ended, stop := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		err = mount.AwaitEnd(j.dir, from, stop)
	}()
	select {
	case <-ended:
		return err
	case <-ctx.Done():
		defer close(stop)
		return j.away(ended)
	}
}

// kernelCaches are the kernel's words for what comes nearest to ours.
var kernelCaches = map[fuse.Cache]string{fuse.CacheNone: "none", fuse.CacheOpen: "mmap", fuse.CacheLoose: "loose"}
