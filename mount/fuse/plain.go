package fuse

import (
	"context"
	"errors"
	"fmt"

	"9fans.net/go/plan9"

	"github.com/styxkit/styxkit/lib9p"
	"github.com/styxkit/styxkit/lib9p/client"
)

// plain is 9P2000 and 9P2000.u. What they have no message for is made of several where that is honest, and
// otherwise refused with EOPNOTSUPP.
type plain struct {
	u   bool // .u: links, devices and numbers of users
	ids *ids
}

func newPlain(d lib9p.Dialect) *plain { return &plain{u: d == lib9p.U, ids: newIDs()} }

var errNotInDialect = refuse(lib9p.EOPNOTSUPP)

func (p *plain) getattr(ctx context.Context, f *client.Fid) (*lib9p.Rgetattr, error) {
	s, err := f.Stat(ctx)
	if err != nil {
		return nil, err
	}
	return p.attr(&s), nil
}

func (p *plain) setattr(ctx context.Context, f *client.Fid, t *lib9p.Tsetattr) error {
	s := lib9p.NullStat()
	if t.Valid&lib9p.SetMode != 0 {
		// Wstat sets all of the mode: keep what chmod does not know.
		old, err := f.Stat(ctx)
		if err != nil {
			return err
		}
		s.Mode = old.Mode&^(plan9.Perm(0o777)|dmSetuid|dmSetgid) | plan9.Perm(t.Mode&0o777)
		if p.u {
			s.Mode |= setidBits(t.Mode)
		}
	}
	if t.Valid&lib9p.SetSize != 0 {
		s.Length = t.Size
	}
	if t.Valid&lib9p.SetMtime != 0 {
		s.Mtime = uint32(t.Mtime.Sec)
		if t.Valid&lib9p.SetMtimeSet == 0 {
			s.Mtime = now()
		}
	}
	// A server may refuse the time of the last reading, which is its own to keep; 9P2000 says that it cannot be changed.
	if p.u && t.Valid&lib9p.SetAtime != 0 {
		s.Atime = uint32(t.Atime.Sec)
		if t.Valid&lib9p.SetAtimeSet == 0 {
			s.Atime = now()
		}
	}
	if err := p.own(&s, t); err != nil {
		return err
	}
	if s == lib9p.NullStat() {
		return nil
	}
	return f.Wstat(ctx, &s)
}

// own puts into s whom the file is to belong to.
func (p *plain) own(s *lib9p.Stat, t *lib9p.Tsetattr) error {
	uid, gid := t.Valid&lib9p.SetUid != 0, t.Valid&lib9p.SetGid != 0
	if p.u {
		if uid {
			s.Nuid = t.Uid
		}
		if gid {
			s.Ngid = t.Gid
		}
		return nil
	}
	if uid {
		return refuse(lib9p.EPERM) // 9P2000: nobody can give a file away
	}
	if gid {
		s.Gid = p.ids.groupName(t.Gid)
	}
	return nil
}

func (p *plain) open(ctx context.Context, f *client.Fid, flags uint32) error {
	return f.Open(ctx, p.mode(flags))
}

// mode turns flags of Tlopen into those of Topen. In 9P2000 a file appends by itself or not at all; writes
// then go to the end that the kernel knows.
func (p *plain) mode(flags uint32) uint8 {
	m := uint8(flags & lib9p.LACCMODE)
	if flags&lib9p.LTRUNC != 0 {
		m |= plan9.OTRUNC
	}
	if p.u && flags&lib9p.LAPPEND != 0 {
		m |= lib9p.OAPPENDU
	}
	return m
}

// create looks first: Tcreate of a name that is there opens and truncates it.
func (p *plain) create(ctx context.Context, dir *client.Fid, name string, flags, mode, _ uint32) (*client.Fid, error) {
	switch f, err := dir.Walk(ctx, name); {
	case err == nil && flags&lib9p.LEXCL != 0:
		discard(f)
		return nil, refuse(lib9p.EEXIST)
	case err == nil:
		return opened(f, p.open(ctx, f, flags))
	case number(err) != lib9p.ENOENT:
		return nil, err
	}
	perm := plan9.Perm(mode & 0o777)
	if p.u {
		perm |= setidBits(mode)
	}
	f, err := dir.Clone(ctx)
	if err != nil {
		return nil, err
	}
	f, err = opened(f, f.Create(ctx, name, uint32(perm), p.mode(flags), ""))
	if number(err) == lib9p.EIO && flags&lib9p.LEXCL == 0 {
		// Nobody knows whether it was made. Who does not insist on a new file is content with the one that is there.
		if g, failed := dir.Walk(ctx, name); failed == nil {
			if g, failed = opened(g, p.open(ctx, g, flags)); failed == nil {
				return g, nil
			}
		}
	}
	return f, err
}

// opened returns f, and gives it up where err says that it could not be opened.
func opened(f *client.Fid, err error) (*client.Fid, error) {
	if err != nil {
		discard(f)
		return nil, err
	}
	return f, nil
}

// make makes something that is not to stay open.
func (p *plain) make(ctx context.Context, dir *client.Fid, name string, perm plan9.Perm, ext string) error {
	f, err := dir.Clone(ctx)
	if err != nil {
		return err
	}
	defer discard(f)
	return f.Create(ctx, name, uint32(perm), plan9.OREAD, ext)
}

func (p *plain) mkdir(ctx context.Context, dir *client.Fid, name string, mode, _ uint32) error {
	return p.make(ctx, dir, name, plan9.DMDIR|plan9.Perm(mode&0o777), "")
}

func (p *plain) mknod(ctx context.Context, dir *client.Fid, name string, mode, major, minor, _ uint32) error {
	perm, ext := plan9.Perm(mode&0o777), ""
	switch kind := mode & lib9p.ModeFmt; {
	case kind == lib9p.ModeRegular || kind == 0:
	case !p.u:
		return errNotInDialect
	case kind == lib9p.ModePipe:
		perm |= plan9.DMNAMEDPIPE
	case kind == lib9p.ModeSocket:
		perm |= plan9.DMSOCKET
	case kind == lib9p.ModeChar:
		perm, ext = perm|plan9.DMDEVICE, fmt.Sprintf("c %d %d", major, minor)
	case kind == lib9p.ModeBlock:
		perm, ext = perm|plan9.DMDEVICE, fmt.Sprintf("b %d %d", major, minor)
	default:
		return refuse(lib9p.EINVAL)
	}
	return p.make(ctx, dir, name, perm, ext)
}

func (p *plain) symlink(ctx context.Context, dir *client.Fid, name, target string, _ uint32) error {
	if !p.u {
		return errNotInDialect
	}
	return p.make(ctx, dir, name, plan9.DMSYMLINK|0o777, target)
}

func (p *plain) readlink(ctx context.Context, f *client.Fid) (string, error) {
	s, err := f.Stat(ctx)
	if err != nil {
		return "", err
	}
	if s.Mode&plan9.DMSYMLINK == 0 {
		return "", refuse(lib9p.EINVAL)
	}
	return s.Extension, nil
}

func (p *plain) link(ctx context.Context, dir, f *client.Fid, name string) error {
	if !p.u {
		return errNotInDialect
	}
	d, err := dir.Clone(ctx)
	if err != nil {
		return err
	}
	defer discard(d)
	return d.HardLink(ctx, f, name)
}

// rename is a change of name within a directory; the older dialects cannot move a file to another.
func (p *plain) rename(ctx context.Context, dir *client.Fid, name string, _ *client.Fid, newname string, sibling bool) error {
	if !sibling {
		return refuse(lib9p.EXDEV)
	}
	f, err := dir.Walk(ctx, name)
	if err != nil {
		return err
	}
	defer discard(f)
	err = rename(ctx, f, newname)
	if number(err) == lib9p.EEXIST {
		return p.renameOver(ctx, dir, f, newname)
	}
	return err
}

func rename(ctx context.Context, f *client.Fid, name string) error {
	s := lib9p.NullStat()
	s.Name = name
	return f.Wstat(ctx, &s)
}

// renameOver is for servers that do not rename over a file. The one in the way steps aside
// and is removed only when its name is taken, so that no crash loses both. A directory goes first: it must be empty,
// which only its removal tells.
func (p *plain) renameOver(ctx context.Context, dir, f *client.Fid, newname string) error {
	old, err := dir.Walk(ctx, newname)
	if err != nil {
		return err
	}
	if old.Qid().Type&plan9.QTDIR != 0 {
		if err := old.Remove(ctx); err != nil {
			return err
		}
		return rename(ctx, f, newname)
	}
	if err := rename(ctx, old, aside(newname)); err != nil {
		discard(old)
		return err
	}
	if err := rename(ctx, f, newname); err != nil {
		err = errors.Join(err, rename(ctx, old, newname))
		discard(old)
		return err
	}
	return old.Remove(ctx)
}

func (p *plain) remove(ctx context.Context, dir *client.Fid, name string, _ bool) error {
	f, err := dir.Walk(ctx, name)
	if err != nil {
		return err
	}
	return f.Remove(ctx)
}

// fsync is a Twstat that changes nothing, which stat(5) says commits the file.
func (p *plain) fsync(ctx context.Context, f *client.Fid, _ bool) error {
	s := lib9p.NullStat()
	return f.Wstat(ctx, &s)
}

// statfs knows nothing of the space that the server has.
func (p *plain) statfs(context.Context, *client.Fid) (*lib9p.Rstatfs, error) {
	return &lib9p.Rstatfs{Bsize: 4096, Namelen: maxName}, nil
}
