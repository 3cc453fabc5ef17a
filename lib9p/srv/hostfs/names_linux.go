package hostfs

import (
	"os/user"
	"strconv"
	"sync"
	"time"
)

// names knows the host's users and groups. What it has found out, also that
// there is nobody, it believes for a minute.
type names struct {
	mu    sync.Mutex
	users map[uint32]known
	grps  map[uint32]known
}

type known struct {
	name string
	till time.Time
}

const believe = time.Minute

func (ns *names) UserName(uid uint32) string {
	return ns.lookup(&ns.users, uid, func(id string) (string, error) {
		u, err := user.LookupId(id)
		if err != nil {
			return "", err
		}
		return u.Username, nil
	})
}

func (ns *names) GroupName(gid uint32) string {
	return ns.lookup(&ns.grps, gid, func(id string) (string, error) {
		g, err := user.LookupGroupId(id)
		if err != nil {
			return "", err
		}
		return g.Name, nil
	})
}

func (ns *names) lookup(m *map[uint32]known, id uint32, find func(id string) (string, error)) string {
	ns.mu.Lock()
	defer ns.mu.Unlock()
	now := time.Now()
	if k, ok := (*m)[id]; ok && now.Before(k.till) {
		return k.name
	}
	name := strconv.FormatUint(uint64(id), 10)
	if s, err := find(name); err == nil && s != "" {
		name = s
	}
	if *m == nil || len(*m) > 4096 {
		*m = make(map[uint32]known)
	}
	(*m)[id] = known{name, now.Add(believe)}
	return name
}

func (ns *names) UserID(name string) (uint32, bool) {
	if u, err := user.Lookup(name); err == nil {
		name = u.Uid
	}
	return number(name)
}

func (ns *names) GroupID(name string) (uint32, bool) {
	if g, err := user.LookupGroup(name); err == nil {
		name = g.Gid
	}
	return number(name)
}

func number(s string) (uint32, bool) {
	n, err := strconv.ParseUint(s, 10, 32)
	return uint32(n), err == nil
}
