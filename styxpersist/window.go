package styxpersist

// What the session does of its own accord on a connection it does beside each other: each fid that comes back and each
// request that is looked into has one request under way, but for a read that goes ahead, and goes on when that has its answer.

// A window says how many may be at it at a time. It begins small and grows with each answer. When the server lacks
// something for the moment, such as descriptors, it is halved, and grows with each round from then on.
// Where requests wait it begins with hardly more than what they need: whatever else is asked for at the same
// time, a server that does one thing after the other does before them.
type window struct {
	size, most int
	busy       int

	asked  uint64 // requests so far
	shrunk uint64 // of these, when it was halved last
	round  int    // answers since it grew, once it has been halved
}

const (
	windowLeast = 2
	windowFirst = 64
	windowMost  = 1024
)

// newWindow returns the window of a new connection. It grows to most where that is not 0.
func newWindow(most int) window {
	if most == 0 {
		most = windowMost
	}
	return window{size: min(windowFirst, most), most: most}
}

// narrow takes in that n requests wait for their fids.
func (w *window) narrow(n int) {
	if n > 0 {
		w.size = min(w.size, max(n, windowLeast))
	}
}

func (w *window) free() bool { return w.busy < w.size }

// grow takes in an answer.
func (w *window) grow() {
	if w.round++; w.shrunk == 0 || w.round >= w.size {
		w.size, w.round = min(w.size+1, w.most), 0
	}
}

// shrink takes in that the server lacked something for the n-th request. What was asked before
// the window was halved says the same once more.
func (w *window) shrink(n uint64) {
	if n > w.shrunk {
		w.size, w.shrunk, w.round = max(w.size/2, 1), w.asked, 0
	}
}
