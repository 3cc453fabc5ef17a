package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"9fans.net/go/plan9"
	"9fans.net/go/plan9/srv9p"
	"golang.org/x/sys/unix"
)

// A tree is a host directory.
type tree struct {
	root  string // its path without symbolic links
	msize uint32
	anew  bool // qid paths are numbers of this process

	mu      sync.Mutex
	numbers map[uint64]uint64 // by inode; mu
	next    uint64            // mu
}

// A node is what a fid stands for, its aux.
type node struct {
	mu     sync.Mutex
	fd     int                     // an O_PATH descriptor of the file
	open   atomic.Pointer[os.File] // nil until opened; a read may come while that is being done
	list   []plan9.Dir
	remove bool // ORCLOSE
}

var (
	errNotServed = errors.New("not a file or directory")
	errNotOpen   = errors.New("not open")
	errName      = errors.New("illegal name")
	errNoSuch    = errors.New("not supported")
)

func openTree(dir string, msize uint32, anew bool) (*tree, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	root, err := filepath.EvalSymlinks(dir)
	return &tree{root: root, msize: msize, anew: anew, numbers: make(map[uint64]uint64), next: rand.Uint64() >> 1}, err
}

func (t *tree) server() *srv9p.Server {
	return &srv9p.Server{
		Msize:  t.msize,
		Attach: t.attach, Walk: t.walk, Open: t.open, Create: t.create, Remove: t.remove,
		Read: t.read, Write: t.write, Stat: t.stat, Wstat: t.wstat, Sync: t.sync, Clunk: t.clunk,
	}
}

// number returns the qid path of an inode.
func (t *tree) number(ino uint64) uint64 {
	if !t.anew {
		return ino
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.numbers[ino] == 0 {
		t.next++
		t.numbers[ino] = t.next
	}
	return t.numbers[ino]
}

func nodeOf(f *srv9p.Fid) *node { return f.Aux().(*node) }

// path returns where the file is now, through all renames since its fid was walked.
func (n *node) path() (string, error) {
	p, err := os.Readlink(n.self())
	if err == nil && strings.HasSuffix(p, " (deleted)") {
		err = unix.ENOENT
	}
	return p, err
}

// self is a name of the file that the kernel resolves to the file itself.
func (n *node) self() string { return fmt.Sprintf("/proc/self/fd/%d", n.fd) }

func (t *tree) dir(n *node) (*plan9.Dir, error) {
	var st unix.Stat_t
	if err := unix.Fstat(n.fd, &st); err != nil {
		return nil, err
	}
	p, err := os.Readlink(n.self())
	if err != nil {
		return nil, err
	}
	return t.dirOf(filepath.Base(p), &st)
}

// dirOf is a file's stat in 9P's words.
func (t *tree) dirOf(name string, st *unix.Stat_t) (*plan9.Dir, error) {
	d := &plan9.Dir{
		Qid:  plan9.Qid{Path: t.number(st.Ino), Vers: uint32(st.Mtim.Nano())},
		Mode: plan9.Perm(st.Mode & 0o777), Atime: uint32(st.Atim.Sec), Mtime: uint32(st.Mtim.Sec),
		Length: uint64(st.Size), Name: name, Uid: fmt.Sprint(st.Uid), Gid: fmt.Sprint(st.Gid), Muid: fmt.Sprint(st.Uid),
	}
	switch st.Mode & unix.S_IFMT {
	case unix.S_IFREG:
	case unix.S_IFDIR:
		d.Mode |= plan9.DMDIR
		d.Qid.Type = plan9.QTDIR
		d.Length = 0
	default:
		return nil, errNotServed
	}
	return d, nil
}

// step opens name below directory n for the walk.
func (t *tree) step(n *node, name string) (*node, plan9.Qid, error) {
	if name == ".." {
		if p, err := n.path(); err != nil || p == t.root {
			name = "."
		}
	} else if strings.Contains(name, "/") {
		return nil, plan9.Qid{}, errName
	}
	fd, err := unix.Openat(n.fd, name, unix.O_PATH|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, plan9.Qid{}, err
	}
	child := &node{fd: fd}
	d, err := t.dir(child)
	if err != nil {
		unix.Close(fd)
		return nil, plan9.Qid{}, err
	}
	return child, d.Qid, nil
}

func (t *tree) attach(_ context.Context, fid, _ *srv9p.Fid, _, _ string) (plan9.Qid, error) {
	fd, err := unix.Open(t.root, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return plan9.Qid{}, err
	}
	n := &node{fd: fd}
	fid.SetAux(n)
	d, err := t.dir(n)
	if err != nil {
		return plan9.Qid{}, err
	}
	return d.Qid, nil
}

// walk leaves fid as it is when a name is missing, also where newfid is fid.
func (t *tree) walk(_ context.Context, fid, newfid *srv9p.Fid, names []string) (qids []plan9.Qid, err error) {
	n, err := nodeOf(fid).dup()
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		next, qid, err := t.step(n, name)
		if err != nil {
			n.close()
			return qids, cause(err)
		}
		n.close()
		n = next
		qids = append(qids, qid)
	}
	if newfid == fid {
		nodeOf(fid).close()
	}
	newfid.SetAux(n)
	return qids, nil
}

func (n *node) dup() (*node, error) {
	fd, err := unix.FcntlInt(uintptr(n.fd), unix.F_DUPFD_CLOEXEC, 0)
	return &node{fd: fd}, err
}

func (n *node) close() {
	unix.Close(n.fd)
	if f := n.open.Load(); f != nil {
		f.Close()
	}
}

func (t *tree) clunk(fid *srv9p.Fid) {
	n, ok := fid.Aux().(*node)
	if !ok {
		return // it never got so far
	}
	if n.remove {
		t.remove(context.Background(), fid)
	}
	n.close()
}

func (t *tree) stat(_ context.Context, fid *srv9p.Fid) (*plan9.Dir, error) {
	n := nodeOf(fid)
	d, err := t.dir(n)
	if err != nil {
		return nil, err
	}
	if p, err := n.path(); err == nil && p == t.root {
		d.Name = "/"
	}
	return d, nil
}

func (t *tree) wstat(_ context.Context, fid *srv9p.Fid, d *plan9.Dir) error {
	n := nodeOf(fid)
	if ^uint32(d.Mode) != 0 {
		if err := unix.Chmod(n.self(), uint32(d.Mode)&0o777); err != nil {
			return cause(err)
		}
	}
	if ^d.Length != 0 {
		if err := unix.Truncate(n.self(), int64(d.Length)); err != nil {
			return cause(err)
		}
	}
	if ^d.Mtime != 0 {
		if err := os.Chtimes(n.self(), time.Time{}, time.Unix(int64(d.Mtime), 0)); err != nil {
			return cause(err)
		}
	}
	if d.Name == "" {
		return nil
	}
	return t.rename(n, d.Name)
}

// rename gives the file another name in its directory, which must be free.
func (t *tree) rename(n *node, name string) error {
	p, err := n.path()
	if err != nil {
		return err
	}
	if p == t.root || strings.Contains(name, "/") || name == "." || name == ".." {
		return errName
	}
	to := filepath.Join(filepath.Dir(p), name)
	if to == p {
		return nil
	}
	return unix.Renameat2(unix.AT_FDCWD, p, unix.AT_FDCWD, to, unix.RENAME_NOREPLACE)
}
