package srv

import (
	"errors"
	"sync"

	"github.com/styxkit/styxkit/lib9p"
)

// Locks is a table of the record locks of a tree, with the rules of POSIX: a
// process has at most one kind of lock on each byte, and what it sets replaces
// what it had. A process is a connection, a client_id and a proc_id: the same
// numbers on another connection are another process, so that a lock is not had
// twice while the end of an old connection has not been noticed. The lock goes
// with the fid that set it last. Nobody waits in the table: who does not get a
// lock is told so and asks again.
//
// The zero Locks is empty and ready for use.
type Locks struct {
	mu    sync.Mutex
	files map[uint64]*fileLocks // by qid.path
	users map[uint64]bool       // exclusive-use files that are open
}

// A fileLocks is what is locked of one file.
type fileLocks struct {
	held []held // no two of one owner overlap
	host HostLock
}

// held is a lock that an owner has.
type held struct {
	owner owner
	fid   *fid
	write bool
	span
}

// An owner is a process, as far as a server can tell processes.
type owner struct {
	s      *session
	client string
	proc   uint32
}

// maxLocks bounds the ranges that are held of one file, and maxClient the length of a client_id.
const (
	maxLocks  = 1 << 12
	maxClient = 1 << 10
)

// A HostLocker is a handle whose file can also be locked by who does not come
// through the server. The table asks it as well, and tells it of what it grants.
type HostLocker interface {
	// HostLock opens the file for locking; the result is used for all handles of it.
	HostLock() (HostLock, error)
}

// A HostLock locks ranges of a file for the whole server against others.
// Set makes the range from start to end, which it contains, locked as kind
// says (lib9p.LockRead, LockWrite or LockUnlock), and says false where another has it.
// Test returns a lock of another that stands against one.
type HostLock interface {
	Set(kind uint8, start, end uint64) (bool, error)
	Test(kind uint8, start, end uint64) (found HostLocked, ok bool, err error)
	Close() error
}

// HostLocked is a lock that somebody beside the server has.
type HostLocked struct {
	Kind       uint8
	Start, End uint64
	Proc       uint32
}

// errBlocked says that another has the lock.
var errBlocked = errors.New("lock is held by another")

func (r *request) lock(m *lib9p.Tlock) (lib9p.Msg, error) {
	w, err := r.lockRange(m.LockType, m.Start, m.Length, m.ClientID)
	if err != nil {
		return nil, err
	}
	if m.Flags&^lib9p.LockBlock != 0 {
		return nil, lib9p.EINVAL // nothing is reclaimed: a lock ends with its connection
	}
	h, _, err := r.opened()
	if err != nil {
		return nil, err
	}
	r.fid.mu.Lock()
	r.fid.locked = true
	r.fid.mu.Unlock()
	who := owner{r.s, m.ClientID, m.ProcID}
	err = r.s.locks.set(r.fid, h, who, m.LockType, w)
	switch {
	case err == errBlocked:
		return &lib9p.Rlock{Status: lib9p.LockBlocked}, nil
	case err != nil:
		return nil, err
	}
	return &lib9p.Rlock{Status: lib9p.LockSuccess}, nil
}

func (r *request) getlock(m *lib9p.Tgetlock) (lib9p.Msg, error) {
	w, err := r.lockRange(m.LockType, m.Start, m.Length, m.ClientID)
	if err != nil {
		return nil, err
	}
	if m.LockType == lib9p.LockUnlock {
		return nil, lib9p.EINVAL
	}
	h, _, err := r.opened()
	if err != nil {
		return nil, err
	}
	return r.s.locks.test(r.fid, h, owner{r.s, m.ClientID, m.ProcID}, m, w)
}

// lockRange checks what Tlock and Tgetlock have in common and returns the bytes meant.
func (r *request) lockRange(kind uint8, start, length uint64, client string) (w span, err error) {
	switch {
	case r.s.locks == nil:
		return w, lib9p.EOPNOTSUPP
	case r.fid.qid().Type&qtDir != 0:
		return w, lib9p.EISDIR
	case kind > lib9p.LockUnlock || len(client) > maxClient || start > maxOffset:
		return w, lib9p.EINVAL
	case length == 0 || length-1 > maxOffset-start:
		return span{start, maxOffset}, nil
	}
	return span{start, start + length - 1}, nil
}

// set gives who the lock, takes it away, or returns errBlocked.
func (l *Locks) set(f *fid, h Handle, who owner, kind uint8, w span) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	path := f.qid().Path
	fl := l.files[path]
	if fl == nil {
		if kind == lib9p.LockUnlock {
			return nil
		}
		fl = new(fileLocks)
		if err := fl.openHost(h); err != nil {
			return err
		}
		if l.files == nil {
			l.files = make(map[uint64]*fileLocks)
		}
		l.files[path] = fl
	}
	err := fl.set(f, who, kind, w)
	l.tidy(path, fl)
	return err
}

func (fl *fileLocks) openHost(h Handle) (err error) {
	if hl, ok := h.(HostLocker); ok {
		fl.host, err = hl.HostLock()
	}
	return err
}

// tidy forgets a file of which nothing is locked.
func (l *Locks) tidy(path uint64, fl *fileLocks) {
	if len(fl.held) > 0 {
		return
	}
	if fl.host != nil {
		fl.host.Close()
	}
	delete(l.files, path)
}

func (fl *fileLocks) set(f *fid, who owner, kind uint8, w span) error {
	write := kind == lib9p.LockWrite
	if kind != lib9p.LockUnlock && fl.conflict(who, write, w) != nil {
		return errBlocked
	}
	was := fl.held
	fl.held = make([]held, 0, len(was)+2)
	for _, h := range was {
		if h.owner != who {
			fl.held = append(fl.held, h)
			continue
		}
		for _, rest := range h.span.minus(w) {
			fl.held = append(fl.held, held{h.owner, h.fid, h.write, rest})
		}
	}
	if kind != lib9p.LockUnlock {
		fl.held = append(fl.held, held{who, f, write, w})
		fl.join(len(fl.held) - 1)
	}
	if len(fl.held) > maxLocks && len(fl.held) > len(was) {
		fl.held = was
		return lib9p.ENOLCK
	}
	if err := fl.tellHost(w); err != nil {
		fl.held = was
		fl.tellHost(w) // what was there before can be had again: it is less, or the same
		return err
	}
	return nil
}

// join makes one of the lock at i and those of the same owner, fid and kind that touch it.
func (fl *fileLocks) join(i int) {
	n := fl.held[i]
	rest := fl.held[:0:len(fl.held)]
	for _, h := range fl.held[:i] {
		if h.owner == n.owner && h.fid == n.fid && h.write == n.write && h.touches(n.span) {
			n.span = span{min(h.start, n.start), max(h.end, n.end)}
		} else {
			rest = append(rest, h)
		}
	}
	fl.held = append(rest, n)
}

// conflict returns a lock of another owner that stands against one.
func (fl *fileLocks) conflict(who owner, write bool, w span) *held {
	for i := range fl.held {
		if h := &fl.held[i]; h.owner != who && (write || h.write) && h.overlaps(w) {
			return h
		}
	}
	return nil
}

// tellHost brings the host's locks of a range to what the table holds there.
func (fl *fileLocks) tellHost(w span) error {
	if fl.host == nil {
		return nil
	}
	for at := w.start; ; {
		kind, end := fl.kindAt(at)
		end = min(end, w.end)
		ok, err := fl.host.Set(kind, at, end)
		if err != nil {
			return err
		}
		if !ok {
			return errBlocked
		}
		if end == w.end {
			return nil
		}
		at = end + 1
	}
}

// kindAt says how the byte at is locked by all owners together, and up to where that holds.
func (fl *fileLocks) kindAt(at uint64) (kind uint8, end uint64) {
	kind, end = lib9p.LockUnlock, maxOffset
	for _, h := range fl.held {
		switch {
		case h.end < at:
		case h.start > at:
			end = min(end, h.start-1)
		default:
			end = min(end, h.end)
			if h.write {
				kind = lib9p.LockWrite
			} else if kind == lib9p.LockUnlock {
				kind = lib9p.LockRead
			}
		}
	}
	return kind, end
}

// test answers Tgetlock: with a lock that stands in the way, or with the type LockUnlock.
func (l *Locks) test(f *fid, h Handle, who owner, m *lib9p.Tgetlock, w span) (*lib9p.Rgetlock, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	r := &lib9p.Rgetlock{LockType: lib9p.LockUnlock, Start: m.Start, Length: m.Length, ProcID: m.ProcID, ClientID: m.ClientID}
	fl := l.files[f.qid().Path]
	if fl == nil {
		fl = new(fileLocks)
		if err := fl.openHost(h); err != nil {
			return nil, err
		}
		if fl.host != nil {
			defer fl.host.Close()
		}
	}
	if c := fl.conflict(who, m.LockType == lib9p.LockWrite, w); c != nil {
		r.LockType, r.ProcID, r.ClientID = lib9p.LockRead, c.owner.proc, c.owner.client
		if c.write {
			r.LockType = lib9p.LockWrite
		}
		r.Start, r.Length = c.start, c.length()
		return r, nil
	}
	if fl.host == nil {
		return r, nil
	}
	c, ok, err := fl.host.Test(m.LockType, w.start, w.end)
	if err == nil && ok {
		r.LockType, r.ProcID, r.ClientID = c.Kind, c.Proc, ""
		r.Start, r.Length = c.Start, span{c.Start, c.End}.length()
	}
	return r, err
}

// drop takes away what was locked through f.
func (l *Locks) drop(f *fid) {
	l.mu.Lock()
	defer l.mu.Unlock()
	path := f.qid().Path
	fl := l.files[path]
	if fl == nil {
		return
	}
	var gone []span
	rest := fl.held[:0]
	for _, h := range fl.held {
		if h.fid == f {
			gone = append(gone, h.span)
		} else {
			rest = append(rest, h)
		}
	}
	clear(fl.held[len(rest):])
	fl.held = rest
	if len(rest) > 0 {
		for _, w := range gone {
			fl.tellHost(w)
		}
	}
	l.tidy(path, fl)
}

// use makes the caller the one user of an exclusive-use file, or says that there is one.
func (l *Locks) use(path uint64) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.users[path] {
		return false
	}
	if l.users == nil {
		l.users = make(map[uint64]bool)
	}
	l.users[path] = true
	return true
}

func (l *Locks) unuse(path uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.users, path)
}
