//go:build unix

package styxpersist

import (
	"fmt"
	"testing"
	"testing/synctest"

	"github.com/styxkit/styxkit/lib9p"
)

// TestAheadIsBounded: of many reads that wait those that are the first in line go with the opens of their files, up to so many bytes.
// The others go behind, and all are answered.
func TestAheadIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newFarm(t, 0)
		defer h.end()
		const files, count = 1000, 8192 - ioHeader
		h.openMany(files)
		for fid := uint32(1); fid <= files; fid++ {
			h.call(&lib9p.Tgetattr{Fid: fid, Mask: lib9p.GetBasic})
		}
		h.die()
		for fid := uint32(1); fid <= files; fid++ {
			h.say(uint16(fid), &lib9p.Tread{Fid: fid, Count: count})
		}
		synctest.Wait()
		h.connect()
		for range files {
			f := h.reply()
			if want := fmt.Sprint(f.Tag()); f.Type() != lib9p.TypeRread || string(f[lib9p.OffBody+4:]) != want {
				t.Fatalf("fid %s was answered with %q", want, f[lib9p.OffBody+4:])
			}
		}
		if n := h.aheads(); n != maxAhead/count {
			t.Errorf("%d reads went ahead, not %d", n, maxAhead/count)
		}
		h.back()
	})
}

// aheads returns how many reads came with the open of their file.
func (f *farm) aheads() (n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	opened := make(map[string]asked)
	for _, a := range f.sent {
		switch a.msg.(type) {
		case *lib9p.Tlopen:
			opened[a.name] = a
		case *lib9p.Tread:
			if a.at == opened[a.name].at {
				n++
			}
		}
	}
	return n
}
