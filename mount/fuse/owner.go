package fuse

import "sync"

// owners knows who may have locks, so that they can be given up in time; which ranges are locked the server knows. The
// kernel names an owner by a number of its own. A server, and whoever asks who has a lock, wants a
// process: an owner goes by the process that locked first, unless another owner goes by that one already.
type owners struct {
	client string // names this mount to the server

	mu    sync.Mutex // guards what follows
	known map[uint64]*owner
	taken map[uint32]bool // process numbers in known
	spare uint32          // the last number that is of no process
}

// An owner is known while it may have a lock or is asking for one.
type owner struct {
	proc    uint32
	users   int              // calls under way
	through map[*handle]bool // where it has asked for locks
}

const firstSpare = 1 << 30 // above the numbers of processes

func newOwners() *owners {
	return &owners{client: clientID(), known: make(map[uint64]*owner), taken: make(map[uint32]bool), spare: firstSpare}
}

// use returns the process number of an owner, who is of process pid if that is not 0. It holds until done is called.
func (o *owners) use(id uint64, pid uint32) uint32 {
	o.mu.Lock()
	defer o.mu.Unlock()
	w := o.known[id]
	if w == nil {
		if pid == 0 || o.taken[pid] {
			o.spare++
			pid = o.spare
		}
		w = &owner{proc: pid, through: make(map[*handle]bool)}
		o.known[id], o.taken[pid] = w, true
	}
	w.users++
	return w.proc
}

func (o *owners) done(id uint64) {
	o.mu.Lock()
	defer o.mu.Unlock()
	w := o.known[id]
	w.users--
	o.reap(id, w)
}

// reap is done with mu held.
func (o *owners) reap(id uint64, w *owner) {
	if w.users == 0 && len(w.through) == 0 {
		delete(o.known, id)
		delete(o.taken, w.proc)
	}
}

// claim notes that an owner in use is about to ask for a lock through h.
func (o *owners) claim(id uint64, h *handle) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.known[id].through[h] = true
	h.locked = true
}

// through returns the handles of n's through which an owner may have locks.
func (o *owners) through(id uint64, n *node) (list []*handle) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if w := o.known[id]; w != nil {
		for h := range w.through {
			if h.node == n {
				list = append(list, h)
			}
		}
	}
	return list
}

// behind returns the owners that may have locks through h.
func (o *owners) behind(h *handle) (list []uint64) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if h.locked {
		for id, w := range o.known {
			if w.through[h] {
				list = append(list, id)
			}
		}
	}
	return list
}

// locked reports whether there have been locks through h.
func (o *owners) locked(h *handle) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return h.locked
}

// leave says that an owner in use has no more locks through h.
func (o *owners) leave(id uint64, h *handle) {
	o.mu.Lock()
	defer o.mu.Unlock()
	delete(o.known[id].through, h)
}
