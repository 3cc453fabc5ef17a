package client

// Sizes of what is gathered and pooled, in bytes.
const (
	smallBuffer = 256      // holds most requests
	largeBuffer = 4 << 10  // from here on a buffer is kept for large requests
	gatherSize  = 64 << 10 // requests are put together into writes of this size
)

// A buffer is a packed request. It belongs to the queue, and then to the writer, until it is written.
type buffer struct {
	b    []byte
	call *call // nil where it is a Tflush, or the writer has it
}

// buffer returns an empty buffer, one that will not have to grow for size bytes.
func (c *Conn) buffer(size int) *buffer {
	if size <= smallBuffer {
		return c.small.Get().(*buffer)
	}
	return c.large.Get().(*buffer)
}

func (c *Conn) recycle(b *buffer) {
	b.call = nil
	if cap(b.b) < largeBuffer {
		c.small.Put(b)
	} else {
		c.large.Put(b)
	}
}

// enqueue leaves b to the writer. c.mu is held.
func (c *Conn) enqueue(b *buffer) {
	c.queue = append(c.queue, b)
	c.wake.Signal()
}

// write is the goroutine that sends requests, until the connection is over.
func (c *Conn) write() {
	var batch []*buffer
	var gathered []byte
	for {
		c.mu.Lock()
		for len(c.queue) == 0 && c.err == nil {
			c.wake.Wait()
		}
		if c.err != nil {
			c.mu.Unlock()
			return
		}
		batch, c.queue = c.queue, batch[:0]
		for _, b := range batch {
			if b.call != nil {
				b.call.queued = false
				b.call = nil
			}
		}
		c.mu.Unlock()
		var err error
		if gathered, err = c.writeAll(batch, gathered[:0]); err != nil {
			c.fail("write", err)
			return
		}
		clear(batch)
	}
}

// writeAll writes batch and recycles it. Requests that fit into scratch together go with one write.
func (c *Conn) writeAll(batch []*buffer, scratch []byte) ([]byte, error) {
	for i, b := range batch {
		alone := len(scratch) == 0 && (i == len(batch)-1 || len(b.b) >= gatherSize/2)
		if !alone {
			scratch = append(scratch, b.b...)
		}
		out := scratch
		if alone {
			out = b.b
		}
		if alone || i == len(batch)-1 || len(scratch)+len(batch[i+1].b) > gatherSize {
			if _, err := c.t.Write(out); err != nil {
				return scratch, err
			}
			scratch = scratch[:0]
		}
		c.recycle(b)
	}
	return scratch, nil
}
