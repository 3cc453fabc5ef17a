//go:build linux

package status

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
)

// folders returns where the user's status files may be, the best first.
func folders() []string {
	uid := os.Getuid()
	var list []string
	if uid == 0 {
		list = append(list, "/run/styxkit")
	}
	if run := os.Getenv("XDG_RUNTIME_DIR"); filepath.IsAbs(run) {
		list = append(list, filepath.Join(run, "styxkit"))
	}
	return append(list, filepath.Join("/tmp", "styxkit-"+strconv.Itoa(uid)))
}

// prepare makes a folder that only this user can use. One that is there already must be such a folder: in /tmp anybody may have
// made it.
func prepare(dir string) error {
	if err := os.Mkdir(dir, 0o700); err != nil && !os.IsExist(err) {
		return err
	}
	return trusted(dir)
}

func trusted(dir string) error {
	fi, err := os.Lstat(dir)
	if err != nil {
		return err
	}
	st, ok := fi.Sys().(*syscall.Stat_t)
	switch {
	case !fi.IsDir():
		return fmt.Errorf("%s is not a directory", dir)
	case !ok || int(st.Uid) != os.Getuid():
		return fmt.Errorf("%s belongs to somebody else", dir)
	case fi.Mode().Perm()&0o022 != 0:
		return fmt.Errorf("others can write in %s", dir)
	}
	return nil
}
