package posix

import (
	"os"
	"time"

	"golang.org/x/sys/unix"
)

var attributes = []Case{Modes, Owners, Times, TimesChange, TimesOfDirectories, Numbers, Counts, Statfs, Statx}

// Modes changes permissions.
func Modes(t *T) {
	f, d := t.file("f", ""), t.dir("d")
	for _, mode := range []uint32{0, 0o400, 0o755, 0o777, 0o644} {
		t.ok(unix.Chmod(f, mode))
		equal(t, "the mode", t.stat(f).Mode, unix.S_IFREG|mode)
		t.ok(unix.Chmod(d, mode))
		equal(t, "a directory's mode", t.stat(d).Mode, unix.S_IFDIR|mode)
	}
	for mode, feature := range map[uint32]string{0o4755: "setuid", 0o2755: "setuid", 0o1777: "sticky"} {
		t.ok(unix.Chmod(f, mode))
		if t.can(feature, isSo(t.stat(f).Mode&0o7777 == mode)) {
			t.ok(unix.Chmod(d, mode))
			equal(t, "a directory's mode", t.stat(d).Mode&0o7777, mode)
		}
	}
	fd := t.open(f, unix.O_RDONLY)
	t.ok(unix.Fchmod(fd, 0o600))
	equal(t, "the mode", t.stat(f).Mode&0o777, 0o600)
	t.close(fd)
	t.wants(unix.Chmod(t.path("none"), 0o600), unix.ENOENT)
}

// isSo makes EINVAL of what is not so.
func isSo(is bool) error {
	if is {
		return nil
	}
	return unix.EINVAL
}

// Owners gives a file to its own owner, and as root to others.
func Owners(t *T) {
	f := t.file("f", "")
	if !t.can("chown", unix.Chown(f, os.Getuid(), os.Getgid())) {
		return
	}
	t.ok(unix.Chown(f, -1, -1))
	if os.Getuid() != 0 {
		return
	}
	t.ok(unix.Chown(f, 12, 34))
	st := t.stat(f)
	equal(t, "the owner", st.Uid, 12)
	equal(t, "the group", st.Gid, 34)
	t.ok(unix.Chown(f, -1, 56))
	st = t.stat(f)
	equal(t, "the owner, who stays", st.Uid, 12)
	equal(t, "the group", st.Gid, 56)
}

// Times sets times, to the nanosecond.
func Times(t *T) {
	f := t.file("f", "")
	set := func(a, m unix.Timespec) {
		t.ok(unix.UtimesNanoAt(unix.AT_FDCWD, f, []unix.Timespec{a, m}, 0))
	}
	set(unix.Timespec{Sec: 1e9, Nsec: 123456789}, unix.Timespec{Sec: 1234567890, Nsec: 987654321})
	st := t.stat(f)
	if t.can("nanoseconds", isSo(st.Mtim.Nsec == 987654321)) {
		equal(t, "the time of access", st.Atim, unix.Timespec{Sec: 1e9, Nsec: 123456789})
	}
	equal(t, "the time of change", st.Mtim.Sec, 1234567890)
	set(unix.Timespec{Nsec: unix.UTIME_OMIT}, unix.Timespec{Sec: 5})
	st = t.stat(f)
	equal(t, "the time of change", st.Mtim, unix.Timespec{Sec: 5})
	set(unix.Timespec{Nsec: unix.UTIME_NOW}, unix.Timespec{Nsec: unix.UTIME_NOW})
	st = t.stat(f)
	if d := time.Since(time.Unix(st.Mtim.Unix())); d < -time.Minute || d > time.Hour {
		t.failf("now is %v ago", d)
	}
	d := t.dir("d")
	t.ok(unix.UtimesNanoAt(unix.AT_FDCWD, d, []unix.Timespec{{Sec: 7}, {Sec: 8}}, 0))
	equal(t, "the directory's time", t.stat(d).Mtim.Sec, 8)
}

// TimesChange sees times move with what happens.
func TimesChange(t *T) {
	f := t.file("f", "")
	t.ok(unix.UtimesNanoAt(unix.AT_FDCWD, f, []unix.Timespec{{Sec: 1}, {Sec: 1}}, 0))
	t.ok(os.WriteFile(f, []byte("x"), 0o644))
	fresh(t, f)
	t.ok(unix.UtimesNanoAt(unix.AT_FDCWD, f, []unix.Timespec{{Sec: 1}, {Sec: 1}}, 0))
	t.ok(unix.Truncate(f, 0))
	fresh(t, f)
	fd := t.open(f, unix.O_RDWR)
	t.write(fd, "y")
	t.ok(unix.Futimes(fd, []unix.Timeval{{Sec: 3}, {Sec: 4}}))
	t.close(fd)
	equal(t, "a time that was set after a write", t.stat(f).Mtim.Sec, 4)
}

// fresh fails the case unless the file has changed lately.
func fresh(t *T, path string) {
	st := t.stat(path)
	if d := time.Since(time.Unix(st.Mtim.Unix())); d < -time.Minute || d > time.Hour {
		t.failf("it has changed %v ago", d)
	}
}

// TimesOfDirectories sees a directory change with its names.
func TimesOfDirectories(t *T) {
	d := t.dir("d")
	old := func() {
		t.ok(unix.UtimesNanoAt(unix.AT_FDCWD, d, []unix.Timespec{{Sec: 1}, {Sec: 1}}, 0))
	}
	old()
	t.file("d/f", "")
	fresh(t, d)
	old()
	t.ok(unix.Rename(t.path("d/f"), t.path("d/g")))
	fresh(t, d)
	old()
	t.ok(unix.Unlink(t.path("d/g")))
	fresh(t, d)
}

// Numbers gives each file a number that stays.
func Numbers(t *T) {
	seen := make(map[uint64]bool)
	for _, name := range []string{"a", "b", "c", "d"} {
		ino := t.stat(t.file(name, "")).Ino
		if seen[ino] {
			t.failf("two files have the number %d", ino)
		}
		seen[ino] = true
	}
	for _, e := range got(os.ReadDir(t.Dir))(t) {
		info := got(e.Info())(t)
		if !seen[t.stat(t.path(info.Name())).Ino] {
			t.failf("%s has got another number", info.Name())
		}
	}
	fd := t.open(t.path("a"), unix.O_RDONLY)
	equal(t, "an open file's number", t.fstat(fd).Ino, t.stat(t.path("a")).Ino)
	t.close(fd)
}

// Counts has sizes and blocks.
func Counts(t *T) {
	f := t.file("f", string(make([]byte, 100000)))
	st := t.stat(f)
	equal(t, "the size", st.Size, 100000)
	equal(t, "the number of names", st.Nlink, 1)
	equal(t, "the kind", st.Mode&unix.S_IFMT, unix.S_IFREG)
	equal(t, "a directory's kind", t.stat(t.Dir).Mode&unix.S_IFMT, unix.S_IFDIR)
}

// Statfs tells of the file system.
func Statfs(t *T) {
	var st unix.Statfs_t
	t.ok(unix.Statfs(t.Dir, &st))
	if t.can("statfs", isSo(st.Blocks > 0)) {
		equal(t, "the length of names", st.Namelen, 255)
	}
}

// Statx answers the newer call like the old one.
func Statx(t *T) {
	f := t.file("f", "12345")
	var x unix.Statx_t
	t.ok(unix.Statx(unix.AT_FDCWD, f, 0, unix.STATX_BASIC_STATS, &x))
	st := t.stat(f)
	equal(t, "the size", x.Size, 5)
	equal(t, "the number", x.Ino, st.Ino)
	equal(t, "the time", x.Mtime.Sec, st.Mtim.Sec)
}
