package fuse

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"

	umount "github.com/u-root/u-root/pkg/mount"
	"golang.org/x/sys/unix"

	"github.com/styxkit/styxkit/mount"
)

// fsType is the file system's type in the list of mounts.
const fsType = "styx"

// attach mounts a FUSE file system on dir and returns the device that answers for it.
func attach(dir string, opt *Options, maxRead int) (*os.File, error) {
	if os.Geteuid() == 0 {
		dev, err := attachDirect(dir, opt, maxRead)
		if !errors.Is(err, unix.EPERM) {
			return dev, err
		}
		// Root of a container perhaps; the helper may be allowed what we are not.
	}
	return attachHelper(dir, opt, maxRead)
}

func attachDirect(dir string, opt *Options, maxRead int) (*os.File, error) {
	// Not by os.OpenFile, which would set it non-blocking.
	fd, err := openDevice()
	if err != nil {
		return nil, fmt.Errorf("mount %s: %w", dir, err)
	}
	dev := os.NewFile(uintptr(fd), "/dev/fuse")
	data := fmt.Sprintf("fd=%d,rootmode=40000,user_id=%d,group_id=%d,max_read=%d", fd, os.Geteuid(), os.Getegid(), maxRead)
	if opt.AllowOther {
		data += ",allow_other,default_permissions"
	}
	flags := uintptr(unix.MS_NOSUID | unix.MS_NODEV)
	if opt.ReadOnly {
		flags |= unix.MS_RDONLY
	}
	if opt.NoExec {
		flags |= unix.MS_NOEXEC
	}
	if _, err := umount.Mount(opt.source(), dir, "fuse."+fsType, data, flags); err != nil {
		dev.Close()
		if errors.Is(err, unix.ENODEV) {
			return nil, fmt.Errorf("mount %s: the kernel has no FUSE: modprobe fuse", dir)
		}
		return nil, err
	}
	return dev, nil
}

// openDevice opens the device, and loads the kernel's module first where that is not there.
func openDevice() (fd int, err error) {
	const name = "/dev/fuse"
	fd, err = unix.Open(name, unix.O_RDWR|unix.O_CLOEXEC, 0)
	if errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ENODEV) || errors.Is(err, unix.ENXIO) {
		if err := mount.LoadModule("fuse"); err != nil {
			return -1, fmt.Errorf("the kernel has no FUSE: %w", err)
		}
		fd, err = unix.Open(name, unix.O_RDWR|unix.O_CLOEXEC, 0)
	}
	if err != nil {
		return -1, &os.PathError{Op: "open", Path: name, Err: err}
	}
	return fd, nil
}

// readAhead is how far the kernel reads ahead, in KiB. By itself it goes 128, and the server waits for it.
const readAhead = maxWrite >> 10

// readFurther sets how far the kernel reads ahead. Only root can, and the mount works without.
func readFurther(dir string) {
	if p, ok, err := mount.At(dir); ok && err == nil {
		os.WriteFile("/sys/class/bdi/"+p.Device+"/read_ahead_kb", []byte(strconv.Itoa(readAhead)), 0)
	}
}

// attachHelper has fusermount3 open the device and mount; it sends the device over a socket.
func attachHelper(dir string, opt *Options, maxRead int) (*os.File, error) {
	bin, err := mount.Fusermount()
	if err != nil {
		return nil, fmt.Errorf("mount %s: %w", dir, err)
	}
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("mount %s: socketpair: %w", dir, err)
	}
	ours, theirs := os.NewFile(uintptr(fds[0]), "fusermount"), os.NewFile(uintptr(fds[1]), "fusermount")
	defer ours.Close()
	options := []string{"fsname=" + escape(opt.source()), "subtype=" + fsType, "nosuid", "nodev", fmt.Sprintf("max_read=%d", maxRead)}
	if opt.AllowOther {
		options = append(options, "allow_other", "default_permissions")
	}
	if opt.ReadOnly {
		options = append(options, "ro")
	}
	if opt.NoExec {
		options = append(options, "noexec")
	}
	var said bytes.Buffer
	cmd := exec.Command(bin, "-o", strings.Join(options, ","), "--", dir)
	cmd.Env = append(os.Environ(), "_FUSE_COMMFD=3", "LC_ALL=C")
	cmd.ExtraFiles = []*os.File{theirs}
	cmd.Stdout, cmd.Stderr = &said, &said
	err = cmd.Run()
	theirs.Close()
	if err != nil {
		return nil, fmt.Errorf("mount %s: %s", dir, helperError(said.String(), err))
	}
	dev, err := receive(ours)
	if err != nil {
		return nil, fmt.Errorf("mount %s: %s sends no device: %w", dir, bin, err)
	}
	return dev, nil
}

// helperError is what the helper said, and what to do about it.
func helperError(said string, err error) string {
	said = strings.TrimSpace(said)
	switch {
	case said == "":
		return "fusermount3: " + err.Error()
	case strings.Contains(said, "user_allow_other"):
		return said + " (or mount without allow_other)"
	case strings.Contains(said, "failed to open /dev/fuse"):
		return said + " (as root: chmod 666 /dev/fuse, which udev does where it runs)"
	}
	return said
}

// escape hides what separates options.
func escape(s string) string { return strings.NewReplacer(`\`, `\\`, `,`, `\,`).Replace(s) }

// receive takes a descriptor that is sent over a socket.
func receive(sock *os.File) (*os.File, error) {
	conn, err := net.FileConn(sock)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	var b [1]byte
	oob := make([]byte, unix.CmsgSpace(4))
	_, n, _, _, err := conn.(*net.UnixConn).ReadMsgUnix(b[:], oob)
	if err != nil {
		return nil, err
	}
	msgs, err := unix.ParseSocketControlMessage(oob[:n])
	if err != nil {
		return nil, err
	}
	if len(msgs) != 1 {
		return nil, errors.New("no descriptor in the message")
	}
	fds, err := unix.ParseUnixRights(&msgs[0])
	if err != nil {
		return nil, err
	}
	unix.CloseOnExec(fds[0])
	return os.NewFile(uintptr(fds[0]), "/dev/fuse"), nil
}
