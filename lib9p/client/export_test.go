package client

// Idle reports whether nothing is in flight: no request, no tag, no fid but n that the caller has.
func (c *Conn) Idle(n int) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.queue) == 0 && len(c.discards) == 0 && c.resting.n == len(c.slots) && int(c.nextFid)-len(c.freeFids) == n
}

// MaxTags is how many calls can be in flight.
const MaxTags = maxTags
