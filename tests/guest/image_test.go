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
	"slices"
	"strings"
	"testing"
	"time"
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

// keptImages is how many images are kept: other trees may be tested at the same time, with images of their own.
const keptImages = 6

// buildImage returns an initramfs of contents and k's modules. It is kept as long as it is among the last that were used.
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
	if err := os.Chtimes(file, time.Time{}, time.Now()); !errors.Is(err, fs.ErrNotExist) {
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
	if err := os.Rename(made, file); err != nil {
		return "", err
	}
	return file, forget(cache)
}

// forget removes the images that were used the longest ago, and what builds that were killed have left.
func forget(cache string) error {
	list, err := os.ReadDir(cache)
	if err != nil {
		return err
	}
	used := make(map[string]time.Time)
	var images []string
	for _, entry := range list {
		st, err := entry.Info()
		if err != nil {
			continue // somebody else has removed it
		}
		name := filepath.Join(cache, entry.Name())
		switch {
		case strings.HasPrefix(entry.Name(), "image-"):
			images, used[name] = append(images, name), st.ModTime()
		case strings.HasPrefix(entry.Name(), "new.") && time.Since(st.ModTime()) > 24*time.Hour:
			os.RemoveAll(name)
		}
	}
	slices.SortFunc(images, func(a, b string) int { return used[b].Compare(used[a]) })
	for _, name := range images[min(keptImages, len(images)):] {
		os.Remove(name)
	}
	return nil
}

// TestForget: the images that were used last stay, and so does what others are building.
func TestForget(t *testing.T) {
	cache := t.TempDir()
	long := time.Now().Add(-48 * time.Hour)
	for i := range keptImages + 3 {
		name := filepath.Join(cache, fmt.Sprintf("image-%d.cpio", i))
		at := long.Add(time.Duration(i) * time.Minute)
		if i == 0 {
			at = time.Now()
		}
		if err := errors.Join(os.WriteFile(name, nil, 0o644), os.Chtimes(name, at, at)); err != nil {
			t.Fatal(err)
		}
	}
	old, fresh := filepath.Join(cache, "new.1"), filepath.Join(cache, "new.2")
	if err := errors.Join(os.MkdirAll(filepath.Join(old, "build"), 0o755), os.Mkdir(fresh, 0o755), os.Chtimes(old, long, long), forget(cache)); err != nil {
		t.Fatal(err)
	}
	left, err := filepath.Glob(filepath.Join(cache, "*"))
	want := []string{"image-0.cpio"}
	for i := 4; i < keptImages+3; i++ {
		want = append(want, fmt.Sprintf("image-%d.cpio", i))
	}
	want = append(want, "new.2")
	for i, name := range left {
		left[i] = filepath.Base(name)
	}
	if err != nil || !slices.Equal(left, want) {
		t.Errorf("left are %v, %v; want %v", left, err, want)
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
