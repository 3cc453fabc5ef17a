package hostfs

import (
	"errors"

	"golang.org/x/sys/unix"

	"github.com/styxkit/styxkit/lib9p"
)

// A cache holds the nodes that have a descriptor and are not using it, the one
// that was used last at the end. Guarded by the tree's mutex.
type cache struct {
	first, last *node
	open        int // descriptors of nodes, used or not
	max         int
}

// cacheSize is a quarter of the descriptors that the process can have, which
// the Go runtime has raised to the hard limit. The others are for open files and connections.
func cacheSize() int {
	var lim unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &lim); err != nil {
		return 64
	}
	return int(max(16, min(lim.Cur/4, 32768)))
}

// add takes a node whose fd has just been set and that nobody uses.
func (c *cache) add(n *node) {
	c.open++
	c.append(n)
	c.shrink(c.max)
}

func (c *cache) append(n *node) {
	n.prev, n.next = c.last, nil
	if c.last != nil {
		c.last.next = n
	} else {
		c.first = n
	}
	c.last = n
}

func (c *cache) unlink(n *node) {
	if n.prev != nil {
		n.prev.next = n.next
	} else {
		c.first = n.next
	}
	if n.next != nil {
		n.next.prev = n.prev
	} else {
		c.last = n.prev
	}
	n.prev, n.next = nil, nil
}

// remove takes a node out for good; the caller closes its descriptor.
func (c *cache) remove(n *node) {
	c.unlink(n)
	c.open--
}

// shrink closes descriptors that nobody uses until there are at most max, the one used last as the last.
func (c *cache) shrink(max int) {
	for c.open > max && c.first != nil {
		n := c.first
		c.remove(n)
		unix.Close(n.fd)
		n.fd = -1
	}
}

// use returns the node's O_PATH descriptor, which is good until done is called.
func (n *node) use() (fd int, err error) {
	t := n.t
	t.mu.Lock()
	defer t.mu.Unlock()
	for n.opening {
		t.change.Wait()
	}
	if n.fd >= 0 {
		n.pin()
		return n.fd, nil
	}
	if err := n.reopen(); err != nil {
		return -1, err
	}
	return n.fd, nil
}

// pin keeps the descriptor that n has. t.mu is held.
func (n *node) pin() {
	if n.pins == 0 {
		n.t.cache.unlink(n)
	}
	n.pins++
}

func (n *node) done() {
	n.t.mu.Lock()
	defer n.t.mu.Unlock()
	n.unpin()
}

// unpin ends what pin began. t.mu is held.
func (n *node) unpin() {
	if n.pins--; n.pins == 0 {
		n.t.cache.append(n)
		n.t.cache.shrink(n.t.cache.max)
	}
}

// reopen gives n a descriptor again, pinned, from the nearest ancestor that has one.
// t.mu is held, but not while the kernel works.
func (n *node) reopen() error {
	t := n.t
	var names []string
	from := n
	for ; from.fd < 0; from = from.parent {
		names = append(names, from.name)
	}
	n.opening = true
	from.pin()
	t.mu.Unlock()
	fd, st, err := t.descend(from.fd, names)
	if err == nil && (identOf(st) != n.id || typeOf(st) != n.mode) {
		unix.Close(fd)
		err = lib9p.ESTALE
	}
	t.mu.Lock()
	from.unpin()
	n.opening = false
	t.change.Broadcast()
	if n.fd >= 0 { // a walk has come by
		if err == nil {
			unix.Close(fd)
		}
		n.pin()
		return nil
	}
	if err != nil {
		if e := toErrno(err); e == lib9p.ENOENT || e == lib9p.ENOTDIR {
			return lib9p.ESTALE
		}
		return err
	}
	n.seen(st)
	n.fd, n.pins = fd, 1
	t.cache.open++
	t.cache.shrink(t.cache.max)
	return nil
}

// descend opens names, the last of which is the first step.
func (t *Tree) descend(fd int, names []string) (int, *unix.Statx_t, error) {
	from := fd
	for i := len(names) - 1; i >= 0; i-- {
		next, err := t.openat(fd, names[i], unix.O_PATH|unix.O_NOFOLLOW, 0)
		if fd != from {
			unix.Close(fd)
		}
		if err != nil {
			return -1, nil, err
		}
		fd = next
	}
	st, err := statFd(fd)
	if err != nil {
		unix.Close(fd)
		return -1, nil, err
	}
	return fd, st, nil
}

// openat opens one name. Where the process is out of descriptors it closes half of the cache and tries again.
func (t *Tree) openat(dir int, name string, flags int, mode uint32) (int, error) {
	for try := 0; ; try++ {
		fd, err := unix.Openat(dir, name, flags|unix.O_CLOEXEC, mode)
		switch {
		case err == unix.EINTR:
			continue
		case (err == unix.EMFILE || err == unix.ENFILE) && try < 2:
			t.mu.Lock()
			t.cache.shrink(t.cache.open / 2)
			t.mu.Unlock()
			continue
		}
		return fd, sysError(err)
	}
}

// sysError is err with Linux's numbers as the protocol has them.
func sysError(err error) error {
	if err == nil {
		return nil
	}
	if e, ok := errors.AsType[unix.Errno](err); ok {
		return fromErrno(e)
	}
	return err
}
