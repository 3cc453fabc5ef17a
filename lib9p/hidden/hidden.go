// Package hidden has the names of files that are removed, and that programs still have open.
//
// Who removes such a file, or gives its name to another, renames it to a hidden name instead, in the same directory, and
// removes that at the last close: a server that has died in between finds the file again by the name and by nothing
// else. Nobody is shown the names. They tell when they were given and by whom, so that what a process left that was killed can be
// told from what somebody uses: who uses one for long renews it.
package hidden

import (
	"bytes"
	"crypto/rand"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

// A name is prefix, the seconds since 1970 in eight digits to the base of 16, a dot, the namer in twelve letters and
// digits, a dot, and a number to the base of 36.
const (
	prefix   = ".styx"
	timeLen  = 8
	namerLen = 12
	maxNum   = 13
)

// Renew is the age at which a name that is in use should be given up for a new one.
const Renew = 6 * time.Hour

// Old is the age from which on a name is taken for left behind.
const Old = 24 * time.Hour

// A Namer makes names that no other makes. Make one with New.
type Namer struct {
	id   string
	last atomic.Uint64
}

// New returns a new Namer.
func New() *Namer { return &Namer{id: strings.ToLower(rand.Text()[:namerLen])} }

// Name returns a new name.
func (m *Namer) Name() string {
	now := strconv.FormatUint(uint64(uint32(time.Now().Unix())), 16)
	return prefix + strings.Repeat("0", timeLen-len(now)) + now + "." + m.id + "." + strconv.FormatUint(m.last.Add(1), 36)
}

// Is reports whether a name is hidden.
func Is[T string | []byte](name T) bool {
	const head = len(prefix) + timeLen + 1 + namerLen + 1
	if len(name) <= head || len(name) > head+maxNum || string(name[:len(prefix)]) != prefix {
		return false
	}
	for i := len(prefix); i < len(name); i++ {
		c := name[i]
		digit, letter := c >= '0' && c <= '9', c >= 'a' && c <= 'z'
		dot := i == len(prefix)+timeLen || i == head-1
		switch {
		case dot:
			if c != '.' {
				return false
			}
		case !digit && !letter, i < len(prefix)+timeLen && c > 'f':
			return false
		}
	}
	return true
}

// In reports whether there may be hidden names in b.
func In(b []byte) bool { return bytes.Contains(b, []byte(prefix)) }

// Age returns how long ago a hidden name was given. It is less than nothing where the clocks of two machines differ,
// and 0 for a name that is not hidden.
func Age(name string) time.Duration {
	if !Is(name) {
		return 0
	}
	at, err := strconv.ParseInt(name[len(prefix):len(prefix)+timeLen], 16, 64)
	if err != nil {
		return 0
	}
	return time.Since(time.Unix(at, 0))
}
