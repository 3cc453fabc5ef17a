package mount

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"

	umount "github.com/u-root/u-root/pkg/mount"
	"golang.org/x/sys/unix"

	"github.com/styxkit/styxkit/lib9p"
)

// KernelOptions adjusts a mount by the kernel's client.
type KernelOptions struct {
	Source       string // what the list of mounts says is mounted
	Dialect      lib9p.Dialect
	Msize        uint32
	Uname, Aname string
	ReadOnly     bool
	Cache        string // the kernel's word for what it caches; none if empty
	NoExec       bool   // no program is run from there
}

// HasKernel reports whether the kernel has a 9P client that this process may use, after loading its module where
// there is one.
func HasKernel() bool {
	if os.Geteuid() != 0 {
		return false
	}
	if known("9p") {
		return true
	}
	for _, module := range []string{"9p", "9pnet_fd"} {
		if exec.Command("modprobe", "-q", module).Run() != nil {
			return false
		}
	}
	return known("9p")
}

// known reports whether the kernel lists a file system.
func known(name string) bool {
	b, err := os.ReadFile("/proc/filesystems")
	return err == nil && bytes.Contains(append([]byte("\n"), b...), []byte("\t"+name+"\n"))
}

// Kernel mounts the tree aname of the server at the other end of conn on dir. The kernel does the talking: it agrees on
// the version and attaches before Kernel returns, so somebody must be answering. Kernel closes
// its own copy of conn; the other end reads the end of the file after the unmount.
func Kernel(conn *os.File, dir string, opt KernelOptions) error {
	defer conn.Close()
	for _, s := range []string{opt.Uname, opt.Aname} {
		if strings.ContainsRune(s, ',') {
			return fmt.Errorf("mount %s: the kernel cannot take %q, for the comma: mount with FUSE", dir, s)
		}
	}
	// Blocking, as the kernel's client wants it.
	fd := conn.Fd()
	if opt.Cache == "" {
		opt.Cache = "none"
	}
	data := fmt.Sprintf("trans=fd,rfdno=%d,wfdno=%d,version=%s,uname=%s,aname=%s,msize=%d,access=any,cache=%s",
		fd, fd, opt.Dialect, opt.Uname, opt.Aname, opt.Msize, opt.Cache)
	flags := uintptr(unix.MS_NOSUID | unix.MS_NODEV)
	if opt.ReadOnly {
		flags |= unix.MS_RDONLY
	}
	if opt.NoExec {
		flags |= unix.MS_NOEXEC
	}
	_, err := umount.Mount(opt.Source, dir, "9p", data, flags)
	switch {
	case errors.Is(err, unix.ENODEV):
		return fmt.Errorf("mount %s: the kernel has no 9P client: modprobe 9p, or mount with FUSE", dir)
	case errors.Is(err, unix.EPERM):
		return fmt.Errorf("mount %s: only root can use the kernel's 9P client: mount with FUSE", dir)
	}
	return err
}
