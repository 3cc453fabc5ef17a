package main

import (
	"context"
	"errors"
	"io"
	"os"
	"strings"

	"9fans.net/go/plan9"
	"9fans.net/go/plan9/srv9p"
	"golang.org/x/sys/unix"
)

// flags returns open(2)'s flags for a mode of Topen.
func flags(mode uint8) int {
	f := unix.O_CLOEXEC
	switch mode & 3 {
	case plan9.OWRITE:
		f |= unix.O_WRONLY
	case plan9.ORDWR:
		f |= unix.O_RDWR
	}
	if mode&plan9.OTRUNC != 0 {
		f |= unix.O_TRUNC
	}
	return f
}

func (t *tree) open(_ context.Context, fid *srv9p.Fid, mode uint8) error {
	n := nodeOf(fid)
	f, err := os.OpenFile(n.self(), flags(mode), 0)
	if err != nil {
		return cause(err)
	}
	n.remove = mode&plan9.ORCLOSE != 0
	n.open.Store(f)
	return nil
}

func (t *tree) create(_ context.Context, fid *srv9p.Fid, name string, perm plan9.Perm, mode uint8) (plan9.Qid, error) {
	n := nodeOf(fid)
	if name == "" || name == "." || name == ".." || strings.Contains(name, "/") {
		return plan9.Qid{}, errName
	}
	bits := uint32(perm) & 0o777
	var err error
	switch perm &^ 0o777 {
	case 0:
		var fd int
		fd, err = unix.Openat(n.fd, name, flags(mode)|unix.O_CREAT|unix.O_EXCL|unix.O_NOFOLLOW, bits)
		if err == nil {
			return t.become(fid, name, os.NewFile(uintptr(fd), name), mode)
		}
	case plan9.DMDIR:
		if err = unix.Mkdirat(n.fd, name, bits); err == nil {
			return t.become(fid, name, nil, mode)
		}
	default:
		err = errNoSuch
	}
	return plan9.Qid{}, cause(err)
}

// become makes fid stand for the new file name below it. A directory is opened here.
func (t *tree) become(fid *srv9p.Fid, name string, f *os.File, mode uint8) (plan9.Qid, error) {
	old := nodeOf(fid)
	n, qid, err := t.step(old, name)
	if err == nil && f == nil {
		f, err = os.Open(n.self())
	}
	if err != nil {
		return plan9.Qid{}, cause(err)
	}
	n.remove = mode&plan9.ORCLOSE != 0
	n.open.Store(f)
	fid.SetAux(n)
	old.close()
	return qid, nil
}

func (t *tree) remove(_ context.Context, fid *srv9p.Fid) error {
	n := nodeOf(fid)
	p, err := n.path()
	if err != nil {
		return cause(err)
	}
	if p == t.root {
		return unix.EPERM
	}
	return cause(os.Remove(p))
}

func (t *tree) read(_ context.Context, fid *srv9p.Fid, data []byte, offset int64) (int, error) {
	n := nodeOf(fid)
	f := n.open.Load()
	if f == nil {
		return 0, errNotOpen
	}
	if fid.Qid().Type&plan9.QTDIR != 0 {
		return t.readDir(n, fid, data, offset)
	}
	k, err := f.ReadAt(data, offset)
	if err == io.EOF {
		err = nil
	}
	return k, cause(err)
}

// readDir takes the list of the directory anew when it is read from its beginning.
func (t *tree) readDir(n *node, fid *srv9p.Fid, data []byte, offset int64) (int, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if offset == 0 {
		if err := t.fillList(n); err != nil {
			return 0, cause(err)
		}
	}
	return fid.ReadDir(data, offset, func(i int, d *plan9.Dir) bool {
		if i >= len(n.list) {
			return false
		}
		*d = n.list[i]
		return true
	})
}

func (t *tree) fillList(n *node) error {
	if _, err := n.open.Load().Seek(0, io.SeekStart); err != nil {
		return cause(err)
	}
	names, err := n.open.Load().Readdirnames(-1)
	if err != nil {
		return cause(err)
	}
	n.list = n.list[:0]
	for _, name := range names {
		var st unix.Stat_t
		if unix.Fstatat(n.fd, name, &st, unix.AT_SYMLINK_NOFOLLOW) != nil {
			continue // removed since
		}
		if d, err := t.dirOf(name, &st); err == nil {
			n.list = append(n.list, *d)
		}
	}
	return nil
}

func (t *tree) write(_ context.Context, fid *srv9p.Fid, data []byte, offset int64) (int, error) {
	n := nodeOf(fid)
	f := n.open.Load()
	if f == nil {
		return 0, errNotOpen
	}
	k, err := f.WriteAt(data, offset)
	return k, cause(err)
}

func (t *tree) sync(_ context.Context, fid *srv9p.Fid) error {
	if f := nodeOf(fid).open.Load(); f != nil {
		return cause(f.Sync())
	}
	return nil
}

// cause takes the path from an error: on the wire it is the host's own text, as Unix 9P servers have it. Those write it as
// strerror(3) does, and the kernel's client knows no other spelling.
func cause(err error) error {
	errno, ok := errors.AsType[unix.Errno](err)
	if !ok {
		return err
	}
	text := errno.Error()
	return errors.New(strings.ToUpper(text[:1]) + text[1:])
}
