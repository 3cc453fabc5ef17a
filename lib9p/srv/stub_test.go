package srv_test

import (
	"context"
	"sync/atomic"

	"9fans.net/go/plan9"

	"github.com/styxkit/styxkit/lib9p"
	"github.com/styxkit/styxkit/lib9p/srv"
)

// A gate is a tree with one file below its root, whose reads and writes wait.
type gate struct {
	entered chan string   // what has begun to wait
	open    chan struct{} // lets one go on
	late    chan struct{} // lets one go on that waits also when its ctx has ended
	stats   chan struct{} // for each Stat
	running atomic.Int32  // reads and writes under way
	handles atomic.Int32  // open
	files   atomic.Int32  // not closed
}

func newGate() *gate {
	return &gate{entered: make(chan string, 1000), open: make(chan struct{}), late: make(chan struct{}), stats: make(chan struct{}, 1000)}
}

func (g *gate) Attach(context.Context, srv.User, string) (srv.File, error) {
	g.files.Add(1)
	return gateFile{g, true}, nil
}

type gateFile struct {
	g   *gate
	dir bool
}

func (f gateFile) Qid() lib9p.Qid {
	if f.dir {
		return lib9p.Qid{Type: plan9.QTDIR}
	}
	return lib9p.Qid{Path: 1}
}

func (f gateFile) Walk(ctx context.Context, name string) (srv.File, error) {
	if name != "file" {
		return nil, lib9p.ENOENT
	}
	f.g.files.Add(1)
	return gateFile{f.g, false}, nil
}

func (f gateFile) Stat(context.Context) (srv.Attr, error) {
	f.g.stats <- struct{}{}
	return srv.Attr{Qid: f.Qid()}, nil
}

func (f gateFile) Open(context.Context, uint32) (srv.Handle, error) {
	f.g.handles.Add(1)
	return gateHandle(f), nil
}

func (f gateFile) Close() { f.g.files.Add(-1) }

type gateHandle gateFile

func (h gateHandle) Close() error { h.g.handles.Add(-1); return nil }

func (h gateHandle) ReadAt(ctx context.Context, p []byte, off int64) (int, error) {
	if err := h.g.wait(ctx, "read", off); err != nil {
		return 0, err
	}
	return copy(p, "data"), nil
}

func (h gateHandle) WriteAt(ctx context.Context, p []byte, off int64) (int, error) {
	if err := h.g.wait(ctx, "write "+string(p), off); err != nil {
		return 0, err
	}
	return len(p), nil
}

// deaf is the offset of what does not hear that its ctx has ended.
const deaf = 1000

func (g *gate) wait(ctx context.Context, what string, off int64) error {
	g.running.Add(1)
	defer g.running.Add(-1)
	g.entered <- what
	if off == deaf {
		<-g.late
		return nil
	}
	select {
	case <-g.open:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
