package styxpersist

// What the session does of its own accord on a connection it does beside each other: each fid that comes back and each
// request that is looked into has one request under way, and goes on when that has its answer.

// A window says how many may be at it at a time. It begins small, grows with each answer, and is halved when the server
// lacks something for the moment, such as descriptors.
type window struct {
	size, most int
	busy       int

	asked  uint64 // requests so far
	shrunk uint64 // of these, when it was halved last
}

const (
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

func (w *window) free() bool { return w.busy < w.size }

func (w *window) grow() { w.size = min(w.size+1, w.most) }

// shrink takes in that the server lacked something for the n-th request. What was asked before
// the window was halved says the same once more.
func (w *window) shrink(n uint64) {
	if n > w.shrunk {
		w.size, w.shrunk = max(w.size/2, 1), w.asked
	}
}
