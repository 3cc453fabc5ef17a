package fuse

import (
	"context"
	"fmt"
	"log"
	"log/slog"
	"os"

	gofuse "github.com/hanwen/go-fuse/v2/fuse"
	"golang.org/x/sys/unix"

	"github.com/styxkit/styxkit/lib9p"
	"github.com/styxkit/styxkit/lib9p/client"
	"github.com/styxkit/styxkit/mount"
)

const (
	maxWrite      = 1 << 20 // bytes that the kernel reads or writes at once; it may know less
	maxBackground = 64      // readings ahead and the like that the kernel has under way at once
)

// Options adjusts a mount; the zero value is good.
type Options struct {
	Source     string // what the list of mounts says is mounted
	ReadOnly   bool
	NoExec     bool    // no program is run from there
	AllowOther bool    // other users may use the mount; the kernel then checks permissions
	UID, GID   *uint32 // whom all files seem to belong to, where not nil
	// NoHidden has files removed also while they are open, because root's connection keeps these itself, as
	// styxpersist with Silly does, or because they need not be kept.
	NoHidden bool
	Cache    Cache
	Logger   *slog.Logger
}

func (o *Options) source() string {
	if o.Source == "" {
		return fsType
	}
	return o.Source
}

// A Server answers the kernel for one mount.
type Server struct {
	dir  string
	dev  *os.File // a duplicate of the device, to see whether the kernel still listens
	fuse *gofuse.Server
	b    *bridge
	done chan struct{}
}

// Mount mounts the tree below root on dir and serves it until it is unmounted. root is the server's from then on. It is
// ready when Mount returns.
func Mount(root *client.Fid, dir string, opt Options) (*Server, error) {
	s := &Server{dir: dir, done: make(chan struct{})}
	s.b = newBridge(root, opt, newCalls(s.dead, endsCall))
	// What is known of the root decides about new files in it; and a server that cannot tell is not mounted.
	if _, err := s.b.getattr(context.Background(), s.b.root, nil); err != nil {
		return nil, fmt.Errorf("mount %s: %w", dir, err)
	}
	var err error
	if s.dev, err = attach(dir, &opt, maxWrite); err != nil {
		return nil, err
	}
	if err := s.start(root, opt); err != nil {
		s.dev.Close()
		mount.Unmount(dir, true)
		return nil, fmt.Errorf("mount %s: %w", dir, err)
	}
	go s.serve()
	readFurther(dir)
	return s, nil
}

func (s *Server) start(root *client.Fid, opt Options) error {
	fd, err := unix.FcntlInt(s.dev.Fd(), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return err
	}
	logger := opt.Logger
	if logger == nil {
		logger = slog.New(slog.DiscardHandler)
	}
	// By this name go-fuse takes a device that is mounted already.
	s.fuse, err = gofuse.NewServer(s.b, fmt.Sprintf("/dev/fd/%d", fd), &gofuse.MountOptions{
		MaxBackground: maxBackground,
		MaxWrite:      maxWrite,
		EnableLocks:   root.Conn().Dialect() == lib9p.L,
		// Else the kernel drops data when it comes upon another time of change.
		ExplicitDataCacheControl: opt.Cache == CacheLoose,

		DisableSplice: true, // it is for data that come from a file
		Name:          fsType,
		Logger:        log.New(debugWriter{logger}, "", 0),
		ExtraCapabilities: gofuse.CAP_ATOMIC_O_TRUNC | gofuse.CAP_READDIRPLUS_AUTO | gofuse.CAP_ASYNC_DIO |
			gofuse.CAP_HANDLE_KILLPRIV_V2 | gofuse.CAP_DIRECT_IO_ALLOW_MMAP,
	})
	s.b.drop = s.Drop
	s.b.refresh = func(id uint64) { s.fuse.InodeNotify(id, -1, 0) }
	return err
}

// debugWriter passes on what go-fuse logs.
type debugWriter struct{ *slog.Logger }

func (w debugWriter) Write(p []byte) (int, error) {
	w.Debug("fuse", "text", string(p))
	return len(p), nil
}

func (s *Server) serve() {
	defer close(s.done)
	go s.b.renew(s.done)
	s.fuse.Serve()
	s.b.finish()
	s.dev.Close()
}

// dead reports whether the kernel has dropped the file system: nobody waits for answers any more.
func (s *Server) dead() bool {
	var gone bool
	conn, err := s.dev.SyscallConn()
	if err != nil {
		return true
	}
	err = conn.Control(func(fd uintptr) {
		p := []unix.PollFd{{Fd: int32(fd)}}
		n, err := unix.Poll(p, 0)
		gone = err == nil && n > 0 && p[0].Revents&unix.POLLERR != 0
	})
	return gone || err != nil
}

// Done returns a channel that is closed when the file system is not mounted any more.
func (s *Server) Done() <-chan struct{} { return s.done }

// Wait waits until the file system is not mounted any more.
func (s *Server) Wait() { <-s.done }

// Unmount takes the file system out of the name space. When it is in use that fails with [mount.ErrBusy], unless
// lazy: then it ends when the last program has let go of it.
func (s *Server) Unmount(lazy bool) error { return mount.Unmount(s.dir, lazy) }
