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
)

// ErrBusy is the error of Unmount of a file system that is in use.
var ErrBusy = errors.New("in use")

// Unmount ends the mount at dir. Lazy takes it out of the name space also while programs use it; it ends when the last of
// them has gone. Root unmounts itself, others through fusermount3, which does that for the FUSE mounts of their own. Nothing is
// asked of the file system, so that it works while a server is away.
func Unmount(dir string, lazy bool) error {
	err := apart(func() error { return umount.Unmount(dir, false, lazy) })
	if errors.Is(err, unix.EPERM) {
		err = fusermount(dir, lazy)
	}
	switch {
	case err == nil:
		return nil
	case errors.Is(err, unix.EBUSY):
		err = ErrBusy
	case errors.Is(err, unix.EINVAL):
		err = errors.New("not a mount point")
	}
	return fmt.Errorf("unmount %s: %w", dir, err)
}

func fusermount(dir string, lazy bool) error {
	bin, err := Fusermount()
	if err != nil {
		return err
	}
	args := []string{"-u", dir}
	if lazy {
		args = []string{"-u", "-z", dir}
	}
	cmd := exec.Command(bin, args...)
	cmd.Env = append(os.Environ(), "LC_ALL=C")
	out, err := cmd.CombinedOutput()
	text := string(bytes.TrimSpace(out))
	switch {
	case err == nil:
		return nil
	case strings.Contains(text, "busy"):
		return ErrBusy
	case strings.Contains(text, "not found in"), strings.Contains(text, "Invalid argument"):
		return unix.EINVAL
	case text != "":
		return errors.New(text)
	}
	return fmt.Errorf("%s: %w", bin, err)
}

// Fusermount returns the path of the program that mounts FUSE file systems for users who are not root.
func Fusermount() (string, error) {
	for _, name := range []string{"fusermount3", "/bin/fusermount3", "/usr/bin/fusermount3", "fusermount"} {
		if bin, err := exec.LookPath(name); err == nil {
			return bin, nil
		}
	}
	return "", errors.New("only root can do this without fusermount3: install the package fuse3")
}
