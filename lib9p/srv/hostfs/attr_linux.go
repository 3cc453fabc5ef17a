package hostfs

import (
	"context"
	"math"
	"strconv"

	"9fans.net/go/plan9"
	"golang.org/x/sys/unix"

	"github.com/styxkit/styxkit/lib9p"
	"github.com/styxkit/styxkit/lib9p/srv"
)

const statMask = unix.STATX_BASIC_STATS | unix.STATX_BTIME

// statFd asks for the attributes of a descriptor's file.
func statFd(fd int) (*unix.Statx_t, error) {
	st := new(unix.Statx_t)
	err := unix.Statx(fd, "", unix.AT_EMPTY_PATH|unix.AT_NO_AUTOMOUNT, statMask, st)
	return st, sysError(err)
}

// statAt asks for the attributes of what has a name in a directory.
func statAt(dir int, name string) (*unix.Statx_t, error) {
	st := new(unix.Statx_t)
	err := unix.Statx(dir, name, unix.AT_SYMLINK_NOFOLLOW|unix.AT_NO_AUTOMOUNT, statMask, st)
	return st, sysError(err)
}

func identOf(st *unix.Statx_t) ident {
	id := ident{dev: unix.Mkdev(st.Dev_major, st.Dev_minor), ino: st.Ino}
	if st.Mask&unix.STATX_BTIME != 0 {
		id.birth = st.Btime.Sec*1e9 + int64(st.Btime.Nsec)
	}
	return id
}

func typeOf(st *unix.Statx_t) uint32 { return uint32(st.Mode) & unix.S_IFMT }

// qidPath is the number for a file, the same in every run of the server. Files
// on the root's own device have their inode; others, which are on what is
// mounted below, a mix of device and inode with the highest bit set.
func (t *Tree) qidPath(dev, ino uint64) uint64 {
	const high = 1 << 63
	if t.root == nil || dev == t.root.id.dev && ino < high {
		return ino
	}
	return mix(ino+mix(dev)) | high
}

// mix spreads the bits of x over all of the result, and no two numbers to the same.
func mix(x uint64) uint64 {
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// version changes when the contents do. The time of the change is part of it,
// for the time of modification can be set back.
func version(st *unix.Statx_t) uint32 {
	m := mix(uint64(st.Mtime.Sec)*1e9 + uint64(st.Mtime.Nsec))
	c := mix(m ^ uint64(st.Ctime.Sec)*1e9 + uint64(st.Ctime.Nsec))
	v := mix(c ^ st.Size)
	return uint32(v ^ v>>32)
}

func qidType(mode uint32) uint8 {
	switch mode & unix.S_IFMT {
	case unix.S_IFDIR:
		return plan9.QTDIR
	case unix.S_IFLNK:
		return plan9.QTSYMLINK
	}
	return plan9.QTFILE
}

func timeOf(ts unix.StatxTimestamp) lib9p.Time {
	return lib9p.Time{Sec: uint64(ts.Sec), Nsec: uint64(ts.Nsec)}
}

func (n *node) attr(st *unix.Statx_t) srv.Attr {
	n.seen(st)
	a := srv.Attr{
		Valid: lib9p.GetBasic, Qid: n.qid(),
		Mode: uint32(st.Mode), Uid: st.Uid, Gid: st.Gid,
		Nlink: uint64(st.Nlink), Rdev: unix.Mkdev(st.Rdev_major, st.Rdev_minor),
		Size: st.Size, Blksize: uint64(st.Blksize), Blocks: st.Blocks,
		Atime: timeOf(st.Atime), Mtime: timeOf(st.Mtime), Ctime: timeOf(st.Ctime),
	}
	if st.Mask&unix.STATX_BTIME != 0 {
		a.Valid |= lib9p.GetBtime
		a.Btime = timeOf(st.Btime)
	}
	return a
}

// Stat returns the attributes.
func (f *file) Stat(context.Context) (a srv.Attr, err error) {
	err = f.with(func(fd int) error {
		st, err := statFd(fd)
		if err == nil {
			a = f.n.attr(st)
		}
		return err
	})
	return a, err
}

// SetAttr changes attributes.
func (f *file) SetAttr(_ context.Context, c srv.Change) error {
	return f.with(func(fd int) error { return f.n.t.setAttr(fd, c, truncatePath) })
}

// with calls do with the file's O_PATH descriptor.
func (f *file) with(do func(fd int) error) error {
	fd, err := f.n.use()
	if err != nil {
		return err
	}
	defer f.n.done()
	return do(fd)
}

// procPath names a descriptor's file for calls that take nothing but a path.
// It leads to the file itself, also where that is a symbolic link.
func procPath(fd int) string { return "/proc/self/fd/" + strconv.Itoa(fd) }

func truncatePath(fd int, size int64) error { return unix.Truncate(procPath(fd), size) }

// setAttr changes the attributes of a descriptor's file. The owner comes before
// the mode, for a new owner costs the set-user-ID bit, and the times come last.
func (t *Tree) setAttr(fd int, c srv.Change, truncate func(fd int, size int64) error) error {
	if err := t.changing(); err != nil {
		return err
	}
	if c.Valid&srv.SetQtype != 0 && c.Qtype != 0 {
		return lib9p.EOPNOTSUPP // a host file has nowhere to keep it
	}
	if c.Valid&lib9p.SetSize != 0 {
		if c.Size > math.MaxInt64 {
			return lib9p.EINVAL
		}
		if err := retry(func() error { return truncate(fd, int64(c.Size)) }); err != nil {
			return sysError(err)
		}
	}
	if c.Valid&(lib9p.SetUid|lib9p.SetGid) != 0 {
		uid, gid := -1, -1
		if c.Valid&lib9p.SetUid != 0 {
			uid = int(int32(c.Uid))
		}
		if c.Valid&lib9p.SetGid != 0 {
			gid = int(int32(c.Gid))
		}
		if err := unix.Fchownat(fd, "", uid, gid, unix.AT_EMPTY_PATH); err != nil {
			return sysError(err)
		}
	}
	if c.Valid&lib9p.SetMode != 0 {
		if err := unix.Fchmodat(t.proc, strconv.Itoa(fd), c.Mode&0o7777, 0); err != nil {
			return sysError(err)
		}
	}
	if c.Valid&(lib9p.SetAtime|lib9p.SetMtime) != 0 {
		ts := []unix.Timespec{
			timespec(c.Valid, lib9p.SetAtime, lib9p.SetAtimeSet, c.Atime),
			timespec(c.Valid, lib9p.SetMtime, lib9p.SetMtimeSet, c.Mtime),
		}
		return sysError(unix.UtimesNanoAt(t.proc, strconv.Itoa(fd), ts, 0))
	}
	return nil
}

func timespec(valid, bit, set uint32, at lib9p.Time) unix.Timespec {
	switch {
	case valid&bit == 0:
		return unix.Timespec{Nsec: unix.UTIME_OMIT}
	case valid&set == 0:
		return unix.Timespec{Nsec: unix.UTIME_NOW}
	}
	ts := unix.NsecToTimespec(0)
	setTimespec(&ts, at)
	return ts
}

// setTimespec fills in a time whatever the width of the fields is on this machine.
func setTimespec(ts *unix.Timespec, at lib9p.Time) {
	ns := min(at.Nsec, 999999999)
	*ts = unix.NsecToTimespec(int64(ns))
	addSeconds(&ts.Sec, int64(at.Sec))
}

func addSeconds[T int32 | int64](p *T, sec int64) { *p += T(sec) }

// retry does what a signal may interrupt.
func retry(do func() error) error {
	for {
		if err := do(); err != unix.EINTR {
			return err
		}
	}
}

// Readlink returns a symbolic link's target.
func (f *file) Readlink(context.Context) (target string, err error) {
	err = f.with(func(fd int) error {
		var buf [unix.PathMax + 1]byte
		n, err := unix.Readlinkat(fd, "", buf[:])
		if err == unix.ENOENT {
			err = unix.EINVAL // what Linux says of an O_PATH descriptor that is of no link
		}
		target = string(buf[:max(n, 0)])
		return sysError(err)
	})
	return target, err
}

// StatFS returns what is known of the file system that the file is in.
func (f *file) StatFS(context.Context) (m lib9p.Rstatfs, err error) {
	err = f.with(func(fd int) error {
		var s unix.Statfs_t
		if err := retry(func() error { return unix.Fstatfs(fd, &s) }); err != nil {
			return sysError(err)
		}
		m = lib9p.Rstatfs{
			FSType: uint32(s.Type), Bsize: uint32(s.Bsize),
			Blocks: s.Blocks, Bfree: s.Bfree, Bavail: s.Bavail, Files: s.Files, Ffree: s.Ffree,
			Fsid: uint64(uint32(s.Fsid.Val[0])) | uint64(uint32(s.Fsid.Val[1]))<<32, Namelen: uint32(s.Namelen),
		}
		return nil
	})
	return m, err
}
