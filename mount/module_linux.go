package mount

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// ErrNoModule is the error of LoadModule where a module is not installed, or nothing can load it.
var ErrNoModule = errors.New("kernel module not loaded")

// LoadModule has modprobe(8) load those of the kernel's modules that are not loaded, in this order. One that is built in is no error.
func LoadModule(names ...string) error {
	for _, name := range names {
		if b, err := os.ReadFile("/sys/module/" + name + "/initstate"); err == nil && string(b) == "live\n" {
			continue
		}
		bin, err := modprobe()
		if err != nil {
			return fmt.Errorf("%w: %s: %w", ErrNoModule, name, err)
		}
		// Without options: u-root's modprobe knows none that others have.
		out, err := exec.Command(bin, name).CombinedOutput()
		if text := string(bytes.TrimSpace(out)); err != nil && text != "" {
			err = errors.New(text)
		}
		if err != nil {
			return fmt.Errorf("%w: modprobe %s: %w", ErrNoModule, name, err)
		}
	}
	return nil
}

// modprobe finds the program also where the path of an ordinary user does not lead.
func modprobe() (string, error) {
	for _, name := range []string{"modprobe", "/sbin/modprobe", "/usr/sbin/modprobe"} {
		if bin, err := exec.LookPath(name); err == nil {
			return bin, nil
		}
	}
	return "", errors.New("there is no modprobe here: load it by insmod")
}

// known reports whether the kernel lists a file system.
func known(name string) bool {
	b, err := os.ReadFile("/proc/filesystems")
	return err == nil && bytes.Contains(append([]byte("\n"), b...), []byte("\t"+name+"\n"))
}

// mayMount returns an error where this process may not mount what only root of the machine can. Root of a user
// name space is not meant, nor one who was denied CAP_SYS_ADMIN, as in a container.
func mayMount() error {
	if os.Geteuid() != 0 {
		return fmt.Errorf("only root can do this: %w", unix.EPERM)
	}
	b, err := os.ReadFile("/proc/self/uid_map")
	if f := strings.Fields(string(b)); err == nil && (len(f) != 3 || f[0] != "0" || f[1] != "0" || f[2] != "4294967295") {
		return fmt.Errorf("only root of the machine can do this, and here is a user name space: %w", unix.EPERM)
	}
	b, err = os.ReadFile("/proc/self/status")
	_, line, _ := strings.Cut(string(b), "\nCapEff:")
	line, _, _ = strings.Cut(line, "\n")
	caps, bad := strconv.ParseUint(strings.TrimSpace(line), 16, 64)
	if err == nil && bad == nil && caps&(1<<unix.CAP_SYS_ADMIN) == 0 {
		return fmt.Errorf("root lacks CAP_SYS_ADMIN here, as in a container: %w", unix.EPERM)
	}
	return nil
}
