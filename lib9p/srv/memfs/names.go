package memfs

import (
	"strconv"
	"sync"

	"github.com/styxkit/styxkit/lib9p"
	"github.com/styxkit/styxkit/lib9p/srv"
)

// names gives users of 9P2000, who are names, numbers that users of the other
// dialects see, and the other way about. Groups are users, as in Plan 9.
type names struct {
	mu     sync.Mutex
	byName map[string]uint32
	byID   map[uint32]string
	last   uint32
}

const (
	firstUser = 100000 // the first number for somebody who came without one
	maxUsers  = 10000
	nobody    = 65534 // who comes beyond that
)

func (ns *names) init() {
	ns.byName = make(map[string]uint32)
	ns.byID = make(map[uint32]string)
	ns.last = firstUser - 1
}

// learn remembers who attaches with a name and a number.
func (ns *names) learn(u srv.User) {
	ns.mu.Lock()
	defer ns.mu.Unlock()
	if u.Name == "" || u.UID == lib9p.NoUid || len(ns.byName) >= maxUsers {
		return
	}
	if _, ok := ns.byName[u.Name]; ok || ns.byID[u.UID] != "" {
		return
	}
	ns.byName[u.Name], ns.byID[u.UID] = u.UID, u.Name
}

// owner returns the number of who makes a file.
func (ns *names) owner(u srv.User) uint32 {
	if u.UID != lib9p.NoUid {
		return u.UID
	}
	if u.Name == "" {
		return 0
	}
	uid, _ := ns.UserID(u.Name)
	return uid
}

// UserID returns the number of a name, a new one where there is none.
func (ns *names) UserID(name string) (uint32, bool) {
	ns.mu.Lock()
	defer ns.mu.Unlock()
	if uid, ok := ns.byName[name]; ok {
		return uid, true
	}
	if n, err := strconv.ParseUint(name, 10, 32); err == nil {
		return uint32(n), true
	}
	if len(ns.byName) >= maxUsers || len(name) > maxName {
		return nobody, true
	}
	for ns.last++; ns.byID[ns.last] != ""; ns.last++ {
	}
	ns.byName[name], ns.byID[ns.last] = ns.last, name
	return ns.last, true
}

// UserName returns the name of a number, or the number.
func (ns *names) UserName(uid uint32) string {
	ns.mu.Lock()
	defer ns.mu.Unlock()
	if name := ns.byID[uid]; name != "" {
		return name
	}
	return strconv.FormatUint(uint64(uid), 10)
}

func (ns *names) GroupID(name string) (uint32, bool) { return ns.UserID(name) }
func (ns *names) GroupName(gid uint32) string        { return ns.UserName(gid) }
