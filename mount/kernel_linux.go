package mount

import (
	"errors"
	"fmt"
	"os"
	"strings"

	umount "github.com/u-root/u-root/pkg/mount"
	"golang.org/x/sys/unix"

	"github.com/styxkit/styxkit/lib9p"
)

// KernelOptions adjusts a mount by the kernel's client.
type KernelOptions struct {
	Source       string        // what the list of mounts says is mounted
	Dialect      lib9p.Dialect // the richest to be spoken
	Msize        uint32        // 0 for KernelMsize
	Uname, Aname string
	ReadOnly     bool
	NoExec       bool   // no program is run from there
	AllowOther   bool   // other users can use it, and are the mounter to the server; else they get EPERM
	Cache        string // the kernel's word for what it caches; none if empty
}

// KernelMsize is what the kernel's client offers where nothing else is asked for. It is the kernel's own default, and as much
// as it should be asked for: each request under way takes that much memory in one piece.
const KernelMsize = 128 << 10

// KernelReady returns nil where the kernel has a 9P client that this process may use, after loading its
// modules where they are not loaded. The error says what is missing.
func KernelReady() error {
	if err := mayMount(); err != nil {
		return fmt.Errorf("the kernel's 9P client: %w", err)
	}
	// Where it is built in there is nothing to load, and perhaps no modprobe.
	err := LoadModule("9p", "9pnet_fd")
	if err == nil || known("9p") {
		return nil
	}
	return fmt.Errorf("the kernel has no 9P client: %w (Debian has it in linux-image-amd64, and not in the cloud kernel)", err)
}

// Kernel mounts the tree aname of the server at the other end of conn on dir, and returns the dialect that the two agreed on.
// The kernel does the talking, and has attached when Kernel returns, so somebody must be answering. Kernel
// closes its own copy of conn; when the last program has left the unmounted tree, the other end reads the end of the file.
func Kernel(conn *os.File, dir string, opt KernelOptions) (lib9p.Dialect, error) {
	defer conn.Close()
	for _, s := range []string{opt.Uname, opt.Aname} {
		if strings.ContainsRune(s, ',') {
			return 0, fmt.Errorf("mount %s: the kernel cannot take %q, for the comma: mount with FUSE", dir, s)
		}
	}
	flags := uintptr(unix.MS_NOSUID | unix.MS_NODEV)
	if opt.ReadOnly {
		flags |= unix.MS_RDONLY
	}
	if opt.NoExec {
		flags |= unix.MS_NOEXEC
	}
	// Fd sets the descriptor to block, and the kernel sets it not to: between them nobody else may use it.
	err := apart(func() error {
		_, err := umount.Mount(opt.Source, dir, "9p", opt.data(conn.Fd()), flags)
		return err
	})
	switch {
	case errors.Is(err, unix.ENODEV):
		return 0, fmt.Errorf("mount %s: the kernel has no 9P client: modprobe 9p, or mount with FUSE", dir)
	case errors.Is(err, unix.EPERM):
		return 0, fmt.Errorf("mount %s: only root can use the kernel's 9P client: mount with FUSE", dir)
	case errors.Is(err, unix.EREMOTEIO):
		return 0, fmt.Errorf("mount %s: the server speaks no dialect that the kernel knows: %w", dir, err)
	case err != nil:
		return 0, err
	}
	p, _, err := At(dir)
	return p.dialect(), err
}

// data is the text of the options of the file system's own.
func (opt *KernelOptions) data(fd uintptr) string {
	access := fmt.Sprint(os.Geteuid())
	if opt.AllowOther {
		access = "any"
	}
	msize := opt.Msize
	if msize == 0 {
		msize = KernelMsize
	}
	cache := opt.Cache
	if cache == "" {
		cache = "none"
	}
	// The kernel writes 9p2000.L, and takes nothing else for it.
	// 9P2000 has names where the others have numbers, and the kernel asks nobody what they are.
	return fmt.Sprintf("trans=fd,rfdno=%d,wfdno=%d,version=%s,uname=%s,aname=%s,msize=%d,access=%s,dfltuid=%d,dfltgid=%d,cache=%s",
		fd, fd, "9p"+opt.Dialect.String()[2:], opt.Uname, opt.Aname, msize, access, os.Geteuid(), os.Getegid(), cache)
}

// dialect is the dialect of a mount of the kernel's client.
func (p Point) dialect() lib9p.Dialect {
	options := "," + p.Data + ","
	switch {
	case strings.Contains(options, ",noextend,"):
		return lib9p.P2000
	case strings.Contains(options, ",version=9p2000.u,"):
		return lib9p.U
	}
	return lib9p.L
}
