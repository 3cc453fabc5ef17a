package guest

import (
	"bytes"
	"crypto/sha256"
	"debug/elf"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

const (
	ours  = "github.com/styxkit/styxkit/cmd/"
	tests = "github.com/styxkit/styxkit/tests/cmd/"
	core  = "github.com/u-root/u-root/cmds/core/"
)

// contents are the commands in the guest's image, all in one busybox. U-root's mount is not among them, for its name.
var contents = []string{
	ours + "mount", ours + "unmount", ours + "9p", ours + "srv", ours + "u9fs", ours + "ramfs",
	tests + "guestd", tests + "load",
	core + "init", core + "gosh", core + "cat", core + "cmp", core + "cp", core + "insmod", core + "ip", core + "kill", core + "ls",
	core + "mkdir", core + "mv", core + "poweroff", core + "ps", core + "rm", core + "sleep", core + "touch", core + "umount",
	core + "wc", "github.com/u-root/u-root/cmds/exp/modprobe",
}

// A kernel is what tests/guest/kernel has fetched.
type kernel struct {
	release string
	file    string
	modules string // the folder lib/modules/release
}

// errAbsent says what the machine lacks for a guest.
type errAbsent struct{ what, hint string }

func (e errAbsent) Error() string { return e.what + " is not there: " + e.hint }

func cacheDir() (string, error) {
	dir, err := os.UserCacheDir()
	return filepath.Join(dir, "styxkit", "guest"), err
}

func findKernel() (*kernel, error) {
	cache, err := cacheDir()
	if err != nil {
		return nil, err
	}
	names, err := filepath.Glob(filepath.Join(cache, "kernel", "vmlinux-*"))
	if err != nil {
		return nil, err
	}
	if len(names) == 0 {
		return nil, errAbsent{"the guest's kernel", "run tests/guest/kernel on a Debian machine"}
	}
	_, release, _ := strings.Cut(filepath.Base(names[0]), "-")
	k := &kernel{release, names[0], filepath.Join(cache, "kernel", "lib", "modules", release)}
	for _, dir := range []string{"fs/9p", "net/9p"} {
		if _, err := os.Stat(filepath.Join(k.modules, "kernel", dir)); err != nil {
			return nil, fmt.Errorf("the kernel %s was built without its 9P client: %w", release, err)
		}
	}
	return k, nil
}

// dependencies returns the contents of modules.dep, which a package of Debian's has made when it is installed.
func (k *kernel) dependencies() ([]byte, error) {
	paths := make(map[string]string) // by module
	needs := make(map[string][]string)
	err := filepath.WalkDir(k.modules, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, ".ko") {
			return err
		}
		name := moduleName(strings.TrimSuffix(d.Name(), ".ko"))
		if paths[name], err = filepath.Rel(k.modules, path); err != nil {
			return err
		}
		needs[name], err = moduleNeeds(path)
		return err
	})
	var b bytes.Buffer
	for name, path := range paths {
		fmt.Fprintf(&b, "%s:", path)
		for _, n := range needs[name] {
			if paths[n] != "" {
				fmt.Fprintf(&b, " %s", paths[n])
			}
		}
		b.WriteByte('\n')
	}
	return b.Bytes(), err
}

func moduleName(s string) string { return strings.ReplaceAll(s, "-", "_") }

// moduleNeeds returns the modules that a module says it depends on.
func moduleNeeds(file string) ([]string, error) {
	f, err := elf.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	s := f.Section(".modinfo")
	if s == nil {
		return nil, fmt.Errorf("%s: no .modinfo", file)
	}
	b, err := s.Data()
	for line := range bytes.SplitSeq(b, []byte{0}) {
		if list, ok := strings.CutPrefix(string(line), "depends="); ok && list != "" {
			return strings.Split(moduleName(list), ","), nil
		}
	}
	return nil, err
}

// buildImage returns an initramfs of contents and k's modules. It is kept for as long as neither changes.
func buildImage(k *kernel) (file string, err error) {
	cache, err := cacheDir()
	if err != nil {
		return "", err
	}
	sum, err := fingerprint(k)
	if err != nil {
		return "", err
	}
	file = filepath.Join(cache, "image-"+sum+".cpio")
	if _, err := os.Stat(file); !errors.Is(err, fs.ErrNotExist) {
		return file, err
	}
	tmp, err := os.MkdirTemp(cache, "new.")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(tmp)
	deps, err := k.dependencies()
	if err != nil {
		return "", err
	}
	depFile, made := filepath.Join(tmp, "modules.dep"), filepath.Join(tmp, "image")
	if err := os.WriteFile(depFile, deps, 0o644); err != nil {
		return "", err
	}
	at := "lib/modules/" + k.release
	args := append([]string{"tool", "u-root", "-o", made, "-tmp-dir", filepath.Join(tmp, "build"), "-uinitcmd", "guestd",
		"-files", filepath.Join(k.modules, "kernel") + ":" + at + "/kernel", "-files", depFile + ":" + at + "/modules.dep"}, contents...)
	if out, err := exec.Command("go", args...).CombinedOutput(); err != nil {
		return "", fmt.Errorf("go %s: %w\n%s", strings.Join(args, " "), err, out)
	}
	forget(cache)
	return file, os.Rename(made, file)
}

// forget removes the images of other contents.
func forget(cache string) {
	names, _ := filepath.Glob(filepath.Join(cache, "image-*.cpio"))
	for _, name := range names {
		os.Remove(name)
	}
}

// fingerprint is a number for all that goes into the image.
func fingerprint(k *kernel) (string, error) {
	const files = `{{if not .Standard}}{{range .GoFiles}}{{$.Dir}}/{{.}}{{"\n"}}{{end}}{{range .EmbedFiles}}{{$.Dir}}/{{.}}{{"\n"}}{{end}}{{end}}`
	cmd := exec.Command("go", append([]string{"list", "-deps", "-f", files}, contents...)...)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	cmd.Stderr = os.Stderr
	list, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("go list: %w", err)
	}
	version, err := exec.Command("go", "version").Output()
	if err != nil {
		return "", fmt.Errorf("go version: %w", err)
	}
	h := sha256.New()
	fmt.Fprintln(h, k.release, string(version))
	for name := range strings.FieldsSeq(string(list)) {
		if err := add(h, name); err != nil {
			return "", err
		}
	}
	return hex.EncodeToString(h.Sum(nil))[:16], nil
}

func add(w io.Writer, name string) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	fmt.Fprintln(w, filepath.Base(name))
	_, err = io.Copy(w, f)
	return err
}
