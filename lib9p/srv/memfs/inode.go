package memfs

import (
	"sync"
	"time"

	"9fans.net/go/plan9"

	"github.com/styxkit/styxkit/lib9p"
	"github.com/styxkit/styxkit/lib9p/srv"
)

// An inode is a file.
type inode struct {
	// Immutable.
	t      *Tree
	path   uint64
	target string // of a symbolic link
	rdev   uint64

	// Guarded by t.mu.
	refs   int               // of files that stand on it, open or not
	nlink  int               // for a directory as in Unix: 2 and one for each below; 0 when it is removed
	names  map[string]*entry // of a directory
	order  []*entry          // the same by cookie; nil where one has gone
	gone   int               // nils in order
	last   uint64            // cookie given last
	self   *entry            // of a directory: the one that there is
	parent *inode            // of a directory; the root's is itself

	mu                         sync.RWMutex // guards what follows
	mode                       uint32
	qtype                      uint8 // of the qid
	vers                       uint32
	uid, gid                   uint32
	atime, mtime, ctime, btime lib9p.Time
	data                       sparse
	xattrs                     map[string][]byte
}

func present() lib9p.Time {
	now := time.Now()
	return lib9p.Time{Sec: uint64(now.Unix()), Nsec: uint64(now.Nanosecond())}
}

func (i *inode) isDir() bool { return i.names != nil }

// changed notes that the contents are other ones. i.mu is held.
func (i *inode) changed() {
	i.vers++
	i.mtime = present()
	i.ctime = i.mtime
}

// touched is changed for who does not hold i.mu.
func (i *inode) touched() {
	i.mu.Lock()
	i.changed()
	i.mu.Unlock()
}

// relinked notes that names have come or gone.
func (i *inode) relinked() {
	i.mu.Lock()
	i.ctime = present()
	i.mu.Unlock()
}

func (i *inode) qid() lib9p.Qid {
	i.mu.RLock()
	defer i.mu.RUnlock()
	return lib9p.Qid{Type: i.qtype, Vers: i.vers, Path: i.path}
}

func (i *inode) attr() srv.Attr {
	i.t.mu.RLock()
	nlink, entries := i.nlink, len(i.names)
	i.t.mu.RUnlock()
	i.mu.RLock()
	defer i.mu.RUnlock()
	a := srv.Attr{
		Valid: lib9p.GetBasic | lib9p.GetBtime | lib9p.GetDataVer,
		Qid:   lib9p.Qid{Type: i.qtype, Vers: i.vers, Path: i.path},
		Mode:  i.mode, Uid: i.uid, Gid: i.gid, Nlink: uint64(nlink), Rdev: i.rdev,
		Size: uint64(i.data.size), Blksize: chunkSize, Blocks: uint64(i.data.held+511) / 512,
		Atime: i.atime, Mtime: i.mtime, Ctime: i.ctime, Btime: i.btime, DataVersion: uint64(i.vers),
	}
	switch {
	case i.isDir():
		a.Size = uint64(entries) * entryCost
	case i.target != "":
		a.Size = uint64(len(i.target))
	}
	return a
}

// setAttr does all of a change or nothing.
func (i *inode) setAttr(c srv.Change) error {
	i.mu.Lock()
	defer i.mu.Unlock()
	if c.Valid&lib9p.SetSize != 0 {
		if err := i.resize(c.Size); err != nil {
			return err
		}
	}
	if c.Valid&lib9p.SetMode != 0 {
		i.mode = i.mode&lib9p.ModeFmt | c.Mode&0o7777
	}
	if c.Valid&lib9p.SetUid != 0 {
		i.uid = c.Uid
	}
	if c.Valid&lib9p.SetGid != 0 {
		i.gid = c.Gid
	}
	if c.Valid&srv.SetQtype != 0 {
		const kept = plan9.QTAPPEND | plan9.QTEXCL | plan9.QTTMP
		i.qtype = i.qtype&^kept | c.Qtype&kept
	}
	now := present()
	setTime(&i.atime, c.Valid, lib9p.SetAtime, lib9p.SetAtimeSet, c.Atime, now)
	setTime(&i.mtime, c.Valid, lib9p.SetMtime, lib9p.SetMtimeSet, c.Mtime, now)
	i.ctime = now
	return nil
}

func setTime(t *lib9p.Time, valid, bit, set uint32, want, now lib9p.Time) {
	switch {
	case valid&bit == 0:
	case valid&set == 0:
		*t = now
	default:
		*t = lib9p.Time{Sec: want.Sec, Nsec: min(want.Nsec, 999999999)}
	}
}

// resize sets the length. i.mu is held.
func (i *inode) resize(size uint64) error {
	switch {
	case i.isDir():
		return lib9p.EISDIR
	case i.mode&lib9p.ModeFmt != lib9p.ModeRegular:
		return lib9p.EINVAL
	case size > maxSize:
		return lib9p.EFBIG
	}
	i.t.reserve(-i.data.truncate(int64(size)))
	i.changed()
	return nil
}

// forget ends a reference. When there is no name either, what the file took is given back. t.mu is held.
func (i *inode) forget() {
	i.refs--
	i.reap()
}

// reap gives back what the file took when nothing refers to it. t.mu is held.
func (i *inode) reap() {
	if i.refs > 0 || i.nlink > 0 {
		return
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	n := inodeCost + int64(len(i.target)) + i.data.truncate(0)
	for name, value := range i.xattrs {
		n += xattrSize(name, value)
	}
	i.xattrs = nil
	i.t.reserve(-n)
	i.t.files.Add(-1)
}
