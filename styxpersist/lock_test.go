package styxpersist

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/styxkit/styxkit/lib9p"
)

// TestLockRanges holds the account of locks against a table of bytes, for several owners, with ranges that
// go to the end, by a length of 0 or by one that is too great.
func TestLockRanges(t *testing.T) {
	for seed := range uint64(2000) {
		r := rand.New(rand.NewPCG(seed, 1))
		table := &lockTable{bytes: make(map[uint64]lockedBy)}
		var held []lockRange
		for i := range 40 {
			m := randomLock(r)
			table.set(&m)
			held = setLock(held, lockOf(&m))
			if err := table.compare(held); err != nil {
				t.Fatalf("seed %d: after %d, %+v: %v", seed, i, m, err)
			}
		}
	}
}

// A lockTable is what each owner has, byte by byte: those at the beginning and those at the end of all offsets.
type lockTable struct{ bytes map[uint64]lockedBy }

// lockedBy is the type of lock by owner.
type lockedBy map[string]uint8

const tableBytes = 24

func eachByte(fn func(at uint64)) {
	for i := range uint64(tableBytes) {
		fn(i)
		fn(math.MaxUint64 - i)
	}
}

func ownerOf(proc uint32, client string) string { return fmt.Sprint(proc, client) }

func randomLock(r *rand.Rand) lib9p.Tlock {
	m := lib9p.Tlock{LockType: uint8(r.IntN(3)), ProcID: uint32(r.IntN(2)), ClientID: []string{"a", "b"}[r.IntN(2)]}
	m.Start, m.Length = uint64(r.IntN(tableBytes)), uint64(r.IntN(tableBytes/2))
	switch r.IntN(8) {
	case 0:
		m.Start = math.MaxUint64 - m.Start
	case 1:
		m.Length = math.MaxUint64 - m.Length
	case 2:
		m.Length = math.MaxUint64 - m.Start - uint64(r.IntN(3))
	}
	return m
}

func (b *lockTable) set(m *lib9p.Tlock) {
	eachByte(func(at uint64) {
		if at < m.Start || m.Length > 0 && at-m.Start >= m.Length {
			return
		}
		if b.bytes[at] == nil {
			b.bytes[at] = make(lockedBy)
		}
		if m.LockType == lib9p.LockUnlock {
			delete(b.bytes[at], ownerOf(m.ProcID, m.ClientID))
		} else {
			b.bytes[at][ownerOf(m.ProcID, m.ClientID)] = m.LockType
		}
	})
}

// compare returns where held is not what the table has, or says it in more ranges than needed.
func (b *lockTable) compare(held []lockRange) (err error) {
	eachByte(func(at uint64) {
		n := 0
		for _, h := range held {
			if h.first <= at && at <= h.last {
				n++
				if typ, ok := b.bytes[at][ownerOf(h.proc, h.client)]; !ok || typ != h.typ {
					err = fmt.Errorf("byte %d is in %+v and should be %v", at, h, b.bytes[at])
				}
			}
		}
		if n != len(b.bytes[at]) {
			err = fmt.Errorf("byte %d is in %d ranges and has %v", at, n, b.bytes[at])
		}
	})
	for i, h := range held {
		for j, g := range held {
			if i != j && h.sameOwner(&g) && h.typ == g.typ && h.last != math.MaxUint64 && h.last+1 == g.first {
				err = fmt.Errorf("%+v and %+v are one", h, g)
			}
		}
	}
	return err
}
