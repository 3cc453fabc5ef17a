package fuse

import (
	"crypto/rand"
	"fmt"
	"os"
	"os/user"
	"strconv"
	"sync"
	"time"

	"9fans.net/go/plan9"

	"github.com/styxkit/styxkit/lib9p"
)

// Bits of .u's mode that plan9 names DMSETUID and DMSETGID.
const (
	dmSetuid = plan9.Perm(plan9.DMSETUID)
	dmSetgid = plan9.Perm(plan9.DMSETGID)
)

func setidBits(mode uint32) (perm plan9.Perm) {
	if mode&0o4000 != 0 {
		perm |= dmSetuid
	}
	if mode&0o2000 != 0 {
		perm |= dmSetgid
	}
	return perm
}

func now() uint32 { return uint32(time.Now().Unix()) }

// aside is a name that a file has for a moment.
func aside(name string) string {
	return ".9p" + rand.Text()[:8] + "." + name[:min(len(name), 32)]
}

// attr turns a directory entry into attributes.
func (p *plain) attr(s *lib9p.Stat) *lib9p.Rgetattr {
	const block = 512
	mtime := lib9p.Time{Sec: uint64(s.Mtime)}
	a := &lib9p.Rgetattr{
		Valid: lib9p.GetMode | lib9p.GetUid | lib9p.GetGid | lib9p.GetAtime | lib9p.GetMtime | lib9p.GetSize | lib9p.GetIno,
		Qid:   s.Qid,
		Mode:  uint32(s.Mode&0o777) | lib9p.ModeRegular,
		Nlink: 1,
		Size:  s.Length, Blocks: (s.Length + block - 1) / block,
		Atime: lib9p.Time{Sec: uint64(s.Atime)}, Mtime: mtime, Ctime: mtime,
		Uid: p.ids.uid(s.Uid), Gid: p.ids.gid(s.Gid),
	}
	if s.Mode&plan9.DMDIR != 0 {
		a.Mode = a.Mode&^lib9p.ModeFmt | lib9p.ModeDir
	}
	if p.u {
		p.attrU(a, s)
	}
	return a
}

func (p *plain) attrU(a *lib9p.Rgetattr, s *lib9p.Stat) {
	kind := uint32(0)
	switch {
	case s.Mode&plan9.DMSYMLINK != 0:
		kind = lib9p.ModeSymlink
		a.Size = uint64(len(s.Extension))
	case s.Mode&plan9.DMNAMEDPIPE != 0:
		kind = lib9p.ModePipe
	case s.Mode&plan9.DMSOCKET != 0:
		kind = lib9p.ModeSocket
	case s.Mode&plan9.DMDEVICE != 0:
		var letter rune
		var major, minor uint64
		fmt.Sscanf(s.Extension, "%c %d %d", &letter, &major, &minor)
		kind = lib9p.ModeBlock
		if letter == 'c' {
			kind = lib9p.ModeChar
		}
		a.Rdev = minor&0xff | major&0xfff<<8 | minor&^0xff<<12
	}
	if kind != 0 {
		a.Mode = a.Mode&^lib9p.ModeFmt | kind
	}
	if s.Mode&dmSetuid != 0 {
		a.Mode |= 0o4000
	}
	if s.Mode&dmSetgid != 0 {
		a.Mode |= 0o2000
	}
	if s.Nuid != lib9p.StatNo32 {
		a.Uid = s.Nuid
	}
	if s.Ngid != lib9p.StatNo32 {
		a.Gid = s.Ngid
	}
}

// ids turns names of users and groups into numbers. A name that this machine does not know is whoever has mounted.
type ids struct {
	mu     sync.Mutex
	users  map[string]uint32
	groups map[string]uint32
}

func newIDs() *ids { return &ids{users: make(map[string]uint32), groups: make(map[string]uint32)} }

func (i *ids) uid(name string) uint32 {
	return i.find(i.users, name, os.Getuid(), func(name string) (string, error) {
		u, err := user.Lookup(name)
		if err != nil {
			return "", err
		}
		return u.Uid, nil
	})
}

func (i *ids) gid(name string) uint32 {
	return i.find(i.groups, name, os.Getgid(), func(name string) (string, error) {
		g, err := user.LookupGroup(name)
		if err != nil {
			return "", err
		}
		return g.Gid, nil
	})
}

// maxIDs bounds the names remembered, lest a server invents ever new ones.
const maxIDs = 10000

func (i *ids) find(known map[string]uint32, name string, other int, look func(string) (string, error)) uint32 {
	i.mu.Lock()
	defer i.mu.Unlock()
	if id, ok := known[name]; ok {
		return id
	}
	id := uint32(other)
	if n, err := strconv.ParseUint(name, 10, 32); err == nil {
		id = uint32(n)
	} else if s, err := look(name); err == nil {
		if n, err := strconv.ParseUint(s, 10, 32); err == nil {
			id = uint32(n)
		}
	}
	if len(known) < maxIDs {
		known[name] = id
	}
	return id
}

// groupName is the inverse of gid as far as this machine knows.
func (i *ids) groupName(gid uint32) string {
	s := strconv.FormatUint(uint64(gid), 10)
	if g, err := user.LookupGroupId(s); err == nil {
		return g.Name
	}
	return s
}
