package fuse

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/styxkit/styxkit/lib9p"
)

func TestNames(t *testing.T) {
	each(t, dialects, func(t *testing.T, r *rig) {
		must(t, os.MkdirAll(r.path("a", "b", "c"), 0o755))
		must(t, os.WriteFile(r.path("a", "b", "c", "f"), []byte("deep"), 0o644))
		// What is below a directory follows it.
		f := open(t, r.path("a", "b", "c", "f"), os.O_RDONLY, 0)
		must(t, os.Rename(r.path("a"), r.path("z")))
		if data := got(os.ReadFile(r.path("z", "b", "c", "f")))(t); string(data) != "deep" {
			t.Errorf("read %q", data)
		}
		if data := got(io.ReadAll(f))(t); string(data) != "deep" {
			t.Errorf("through the open file %q is read", data)
		}
		if err := os.Remove(r.path("z")); !errors.Is(err, unix.ENOTEMPTY) {
			t.Errorf("remove of a directory with files: %v", err)
		}
		if err := os.Mkdir(r.path("z"), 0o700); !errors.Is(err, unix.EEXIST) {
			t.Errorf("mkdir of what is there: %v", err)
		}
		if _, err := os.Stat(r.path("z", "none", "f")); !errors.Is(err, unix.ENOENT) {
			t.Errorf("stat of nothing: %v", err)
		}
		must(t, os.RemoveAll(r.path("z")))
		if list := got(os.ReadDir(r.host))(t); len(list) != 0 {
			t.Errorf("the server still has %v", list)
		}
		for _, name := range []string{strings.Repeat("n", 255), "new\nline", "\xff\xfe not UTF-8", "ünïcode", "-", " "} {
			must(t, os.WriteFile(r.path(name), []byte(name), 0o600))
			if data := got(os.ReadFile(filepath.Join(r.host, name)))(t); string(data) != name {
				t.Errorf("%q has %q", name, data)
			}
		}
		if list := got(os.ReadDir(r.at))(t); len(list) != 6 {
			t.Errorf("%d of 6 odd names are there", len(list))
		}
		if err := os.WriteFile(r.path(strings.Repeat("n", 256)), nil, 0o600); !errors.Is(err, unix.ENAMETOOLONG) {
			t.Errorf("a name of 256 bytes: %v", err)
		}
	})
}

func TestRenameOver(t *testing.T) {
	each(t, dialects, func(t *testing.T, r *rig) {
		for i, name := range []string{"old", "new"} {
			must(t, os.WriteFile(r.path(name), []byte{'0' + byte(i)}, 0o644))
		}
		must(t, os.Rename(r.path("new"), r.path("old")))
		if data := got(os.ReadFile(r.path("old")))(t); string(data) != "1" {
			t.Errorf("read %q", data)
		}
		if list := got(os.ReadDir(r.host))(t); len(list) != 1 {
			t.Errorf("the server has %v", list)
		}
		err := unix.Renameat2(unix.AT_FDCWD, r.path("old"), unix.AT_FDCWD, r.path("x"), unix.RENAME_NOREPLACE)
		if !errors.Is(err, unix.EINVAL) {
			t.Errorf("RENAME_NOREPLACE: %v", err)
		}
	})
}

// The older dialects cannot move a file to another directory, and say so in the way that mv understands.
func TestMove(t *testing.T) {
	each(t, dialects, func(t *testing.T, r *rig) {
		must(t, os.Mkdir(r.path("d"), 0o755))
		must(t, os.WriteFile(r.path("f"), nil, 0o644))
		err := os.Rename(r.path("f"), r.path("d", "f"))
		if r.conn.Dialect() == lib9p.L {
			must(t, err)
			got(os.Stat(r.path("d", "f")))(t)
		} else if !errors.Is(err, unix.EXDEV) {
			t.Errorf("moved: %v", err)
		}
	})
}

// A file stays for those who have it open.
func TestRemoveOpen(t *testing.T) {
	each(t, dialects, func(t *testing.T, r *rig) {
		must(t, os.Mkdir(r.path("d"), 0o755))
		f := open(t, r.path("d", "f"), os.O_RDWR|os.O_CREATE, 0o600)
		must(t, os.Remove(r.path("d", "f")))
		got(f.Write([]byte("still here")))(t)
		fi := got(f.Stat())(t)
		if n := fi.Sys().(*syscall.Stat_t).Nlink; fi.Size() != 10 || n != 0 {
			t.Errorf("size %d, %d links", fi.Size(), n)
		}
		must(t, f.Truncate(5))
		must(t, f.Chmod(0o640))
		if fi := got(f.Stat())(t); fi.Size() != 5 || fi.Mode() != 0o640 {
			t.Errorf("size %d, mode %v", fi.Size(), fi.Mode())
		}
		back := make([]byte, 5)
		if got(f.ReadAt(back, 0))(t); string(back) != "still" {
			t.Errorf("read %q", back)
		}
		if list := got(os.ReadDir(r.path("d")))(t); len(list) != 0 {
			t.Errorf("the directory shows %v", list)
		}
		if _, err := os.Stat(r.path("d", "f")); !errors.Is(err, unix.ENOENT) {
			t.Errorf("stat of what was removed: %v", err)
		}
		must(t, os.WriteFile(r.path("d", "f"), []byte("another"), 0o600))
		if got(f.ReadAt(back, 0))(t); string(back) != "still" {
			t.Errorf("of the removed file %q is read", back)
		}
		must(t, os.Remove(r.path("d", "f")))
		must(t, os.Remove(r.path("d")))
		must(t, f.Close())
		must(t, r.Unmount(false))
		r.Wait()
		if list := got(os.ReadDir(r.host))(t); len(list) != 0 {
			t.Errorf("the server is left with %v", list)
		}
	})
}

func TestRenameOverOpen(t *testing.T) {
	r := mountHost(t, lib9p.L)
	must(t, os.WriteFile(r.path("f"), []byte("old"), 0o600))
	f := open(t, r.path("f"), os.O_RDWR, 0)
	must(t, os.WriteFile(r.path("g"), []byte("new one"), 0o600))
	must(t, os.Rename(r.path("g"), r.path("f")))
	if data := got(os.ReadFile(r.path("f")))(t); string(data) != "new one" {
		t.Errorf("the name has %q", data)
	}
	fi := got(f.Stat())(t)
	if data := got(io.ReadAll(f))(t); string(data) != "old" || fi.Size() != 3 || fi.Sys().(*syscall.Stat_t).Nlink != 0 {
		t.Errorf("the open file has %q, size %d", data, fi.Size())
	}
	must(t, f.Truncate(0))
	if data := got(os.ReadFile(r.path("f")))(t); string(data) != "new one" {
		t.Errorf("the name has %q after the old file was truncated", data)
	}
	must(t, f.Close())
	must(t, r.Unmount(false))
	r.Wait()
	if list := got(os.ReadDir(r.host))(t); len(list) != 1 {
		t.Errorf("the server is left with %v", list)
	}
}

func TestLinks(t *testing.T) {
	r := mountHost(t, lib9p.L)
	must(t, os.WriteFile(r.path("a"), []byte("one"), 0o600))
	must(t, os.Link(r.path("a"), r.path("b")))
	must(t, os.Link(filepath.Join(r.host, "a"), filepath.Join(r.host, "c")))
	var inode uint64
	for _, name := range []string{"a", "b", "c"} {
		st := got(os.Stat(r.path(name)))(t).Sys().(*syscall.Stat_t)
		if inode == 0 {
			inode = st.Ino
		}
		if st.Ino != inode || name == "c" && st.Nlink != 3 {
			t.Errorf("%s: inode %d, %d links", name, st.Ino, st.Nlink)
		}
	}
	// What is written by one name is read by another at once, also by one that was open before.
	files := make(map[string]*os.File)
	for _, name := range []string{"a", "b", "c"} {
		files[name] = open(t, r.path(name), os.O_RDWR, 0)
		got(files[name].ReadAt(make([]byte, 3), 0))(t)
	}
	got(files["b"].WriteAt([]byte("two"), 0))(t)
	for name, f := range files {
		back := make([]byte, 3)
		if got(f.ReadAt(back, 0))(t); string(back) != "two" {
			t.Errorf("%s has %q", name, back)
		}
	}
	must(t, os.Remove(r.path("a")))
	if st := got(files["a"].Stat())(t).Sys().(*syscall.Stat_t); st.Nlink != 2 {
		t.Errorf("%d links are left", st.Nlink)
	}
}

func TestLinkByDialect(t *testing.T) {
	each(t, dialects, func(t *testing.T, r *rig) {
		must(t, os.WriteFile(r.path("a"), []byte("contents"), 0o644))
		err := os.Link(r.path("a"), r.path("b"))
		if r.conn.Dialect() == lib9p.P2000 {
			if !errors.Is(err, unix.EOPNOTSUPP) {
				t.Errorf("link: %v", err)
			}
			return
		}
		must(t, err)
		must(t, os.Remove(r.path("a")))
		if data := got(os.ReadFile(r.path("b")))(t); string(data) != "contents" {
			t.Errorf("it holds %q", data)
		}
		if err := os.Link(r.path("b"), r.path("b")); !errors.Is(err, unix.EEXIST) {
			t.Errorf("link over itself: %v", err)
		}
	})
}

func TestSpecial(t *testing.T) {
	asRoot(t, "makes devices")
	each(t, dialects, func(t *testing.T, r *rig) {
		err := os.Symlink("some where/else", r.path("s"))
		if r.conn.Dialect() == lib9p.P2000 {
			if !errors.Is(err, unix.EOPNOTSUPP) {
				t.Errorf("symlink: %v", err)
			}
			return
		}
		must(t, err)
		if target := got(os.Readlink(r.path("s")))(t); target != "some where/else" {
			t.Errorf("it leads to %q", target)
		}
		must(t, unix.Mkfifo(r.path("p"), 0o640))
		must(t, unix.Mknod(r.path("c"), unix.S_IFCHR|0o600, int(unix.Mkdev(5, 300))))
		for name, want := range map[string]os.FileMode{
			"s": os.ModeSymlink | 0o777,
			"p": os.ModeNamedPipe | 0o640,
			"c": os.ModeDevice | os.ModeCharDevice | 0o600,
		} {
			fi := got(os.Lstat(r.path(name)))(t)
			if fi.Mode() != want {
				t.Errorf("%s is %v", name, fi.Mode())
			}
			if dev := fi.Sys().(*syscall.Stat_t).Rdev; name == "c" && dev != unix.Mkdev(5, 300) {
				t.Errorf("it is device %d %d", unix.Major(dev), unix.Minor(dev))
			}
		}
		for _, e := range got(os.ReadDir(r.at))(t) {
			if fi := got(e.Info())(t); fi.Mode().Type() != e.Type() {
				t.Errorf("%s: entry is %v, file %v", e.Name(), e.Type(), fi.Mode())
			}
		}
	})
}

func TestAttributes(t *testing.T) {
	asRoot(t, "gives files away")
	each(t, dialects, func(t *testing.T, r *rig) {
		must(t, os.WriteFile(r.path("f"), []byte("x"), 0o600))
		must(t, os.Chmod(r.path("f"), 0o641))
		when := time.Unix(981173106, 0)
		must(t, os.Chtimes(r.path("f"), when, when))
		fi := got(os.Stat(r.path("f")))(t)
		if fi.Mode() != 0o641 || !fi.ModTime().Equal(when) {
			t.Errorf("mode %v, time %v", fi.Mode(), fi.ModTime())
		}
		there := got(os.Stat(filepath.Join(r.host, "f")))(t)
		if there.Mode() != 0o641 || !there.ModTime().Equal(when) {
			t.Errorf("at the server: mode %v, time %v", there.Mode(), there.ModTime())
		}
		must(t, unix.UtimesNanoAt(unix.AT_FDCWD, r.path("f"), []unix.Timespec{{Nsec: unix.UTIME_OMIT}, {Nsec: unix.UTIME_NOW}}, 0))
		if fi := got(os.Stat(r.path("f")))(t); time.Since(fi.ModTime()) > time.Hour {
			t.Errorf("touched, it is of %v", fi.ModTime())
		}
		if r.conn.Dialect() != lib9p.P2000 {
			must(t, os.Chown(r.path("f"), 12, 34))
			st := got(os.Stat(r.path("f")))(t).Sys().(*syscall.Stat_t)
			if st.Uid != 12 || st.Gid != 34 {
				t.Errorf("it belongs to %d and %d", st.Uid, st.Gid)
			}
		}
		var fs unix.Statfs_t
		must(t, unix.Statfs(r.at, &fs))
		if r.conn.Dialect() == lib9p.L && fs.Blocks == 0 || fs.Namelen != 255 {
			t.Errorf("statfs says %+v", fs)
		}
	})
}

// Another file under the same name, made at the server, is noticed when the kernel asks again.
func TestReplaced(t *testing.T) {
	r := mountHost(t, lib9p.L)
	must(t, os.MkdirAll(r.path("d", "e"), 0o755))
	must(t, os.WriteFile(r.path("d", "e", "f"), []byte("old"), 0o644))
	got(os.ReadFile(r.path("d", "e", "f")))(t)
	must(t, os.Rename(filepath.Join(r.host, "d"), filepath.Join(r.host, "away")))
	must(t, os.MkdirAll(filepath.Join(r.host, "d", "e"), 0o755))
	must(t, os.WriteFile(filepath.Join(r.host, "d", "e", "f"), []byte("newer"), 0o644))
	deadline := time.Now().Add(10 * CacheOpen.validity())
	for {
		data, err := os.ReadFile(r.path("d", "e", "f"))
		if err == nil && string(data) == "newer" {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("long after it was replaced %q is read, %v", data, err)
		}
	}
}
