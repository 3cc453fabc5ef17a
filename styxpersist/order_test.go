//go:build unix

package styxpersist

import (
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/styxkit/styxkit/lib9p"
)

// TestOrder holds the order in which fids come back, one at a time: those of requests, in the order of these; those with
// a lock or of exclusive use; the open ones; the rest. A request that comes meanwhile has its fid brought back next.
func TestOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newFarm(t, 1)
		defer h.end()
		for fid := uint32(1); fid <= 12; fid++ {
			h.open(fid, fmt.Sprint(fid))
		}
		h.open(13, "excl")
		h.call(&lib9p.Tlock{Fid: 9, LockType: lib9p.LockWrite, ProcID: 1, ClientID: "c"})
		for fid := uint32(20); fid < 24; fid++ {
			h.walk(fid, fmt.Sprint(fid))
		}
		h.die()
		synctest.Wait()
		h.say(11, &lib9p.Tread{Fid: 8, Count: 10})
		h.say(12, &lib9p.Tgetattr{Fid: 22})
		h.say(13, &lib9p.Tread{Fid: 6, Count: 10})
		h.connect()
		time.Sleep(95 * time.Millisecond)
		h.say(14, &lib9p.Tread{Fid: 12, Count: 10}) // while 9 is walked to
		h.back()
		time.Sleep(time.Second)
		want := []string{"8", "22", "6", "excl", "9", "12", "1", "2", "3", "4", "5", "7", "10", "11", "20", "21", "23"}
		if got := h.walked(); !slices.Equal(got, want) {
			t.Errorf("the fids came back in the order %q, not %q", got, want)
		}
	})
}

// TestFirstWithinFiveTrips: the first request is answered when five round trips have passed since there is a
// server: for the version, the attach, the walk, the open, and itself, however many other fids there are. A read of what is known to be
// a file goes with the open, so that it takes four. A server that does one thing after the other has little to do before it.
func TestFirstWithinFiveTrips(t *testing.T) {
	t.Run("write", func(t *testing.T) { firstWithin(t, 5, &lib9p.Twrite{Data: []byte("x")}) })
	t.Run("read", func(t *testing.T) { firstWithin(t, 4, &lib9p.Tread{Count: 10}) })
}

func firstWithin(t *testing.T, trips time.Duration, first lib9p.Msg) {
	synctest.Test(t, func(t *testing.T) {
		h := newFarm(t, 0)
		defer h.end()
		const open, cached = 2000, 3000
		h.openMany(open)
		for fid := uint32(10001); fid <= 10000+cached; fid++ {
			h.say(uint16(fid), &lib9p.Twalk{Newfid: fid, Wname: []string{fmt.Sprint(fid)}})
			if fid%1000 == 0 {
				for range 1000 {
					h.reply()
				}
			}
		}
		h.call(&lib9p.Tgetattr{Fid: open, Mask: lib9p.GetBasic})
		h.die()
		synctest.Wait()
		switch m := first.(type) {
		case *lib9p.Tread:
			m.Fid = open
		case *lib9p.Twrite:
			m.Fid = open
		}
		h.say(1, first)
		h.connect()
		if f := h.reply(); f.Type() != lib9p.TypeOf(first)+1 {
			t.Errorf("the first request was answered with %s", lib9p.TypeName(f.Type()))
		}
		if took := h.since(); took != trips*h.rtt {
			t.Errorf("the first request was answered after %v, which is not %d round trips of %v", took, trips, h.rtt)
		}
		if n := h.before(lib9p.TypeOf(first)); n > 20 {
			t.Errorf("%d others were asked before the first request", n)
		}
		if b := h.back(); b.Files != open || b.Dead != 0 {
			t.Errorf("%d files are back, %d are dead", b.Files, b.Dead)
		}
		if took := h.since(); took > 20*h.rtt {
			t.Errorf("all was back after %v", took)
		}
	})
}

// TestWindow holds how many requests of its own the session has under way: 64 and one more with each answer, of which
// those to the version and the attach are two; at most 1024.
func TestWindow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newFarm(t, 0)
		defer h.end()
		h.openMany(6000)
		h.die()
		h.most = 0
		h.connect()
		h.back()
		if h.most <= windowMost/2 || h.most > windowMost+1 {
			t.Errorf("%d requests were under way at a time", h.most)
		}
		trips := make(map[int]int)
		for _, a := range h.sent {
			trips[int(a.at/h.rtt)]++
		}
		for trip, most := range map[int]int{2: 66, 3: 132, 4: 264} {
			if n := trips[trip]; n != most {
				t.Errorf("%d requests came in round trip %d, not %d", n, trip, most)
			}
		}
	})
}

// TestWindowShrinks: a server that lacks something when much is under way is asked less at a time, and in the end everything is back.
func TestWindowShrinks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newFarm(t, 0)
		defer h.end()
		h.openMany(3000)
		h.die()
		refused := 0
		h.trouble = func(m lib9p.Msg, underWay int) lib9p.Msg {
			if _, ok := m.(*lib9p.Tlopen); ok && underWay > 200 {
				refused++
				return &lib9p.Rlerror{Ecode: lib9p.EMFILE}
			}
			return nil
		}
		h.connect()
		if b := h.back(); b.Files != 3000 || b.Dead != 0 {
			t.Errorf("%d files are back, %d are dead", b.Files, b.Dead)
		}
		if refused == 0 || refused > 600 {
			t.Errorf("%d opens were refused", refused)
		}
	})
	w := newWindow(0)
	for range 200 {
		w.asked++
		w.grow()
	}
	w.shrink(200)
	if w.size != 132 {
		t.Errorf("the half of 264 is %d", w.size)
	}
	w.shrink(150) // was asked before
	if w.size != 132 {
		t.Errorf("it was halved twice for one cause: %d", w.size)
	}
	for range 132 {
		w.grow()
	}
	if w.size != 133 {
		t.Errorf("after a round it is %d", w.size)
	}
	for range windowMost * windowMost {
		w.grow()
	}
	if w.size != windowMost {
		t.Errorf("it grew to %d", w.size)
	}
}

// TestDiesAgainAndAgain: a server that dies every 100 ms of a recovery lets every waiting request have its answer all the same, the
// oldest first but for the window's width.
func TestDiesAgainAndAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newFarm(t, 0)
		defer h.end()
		const n = 10000
		h.openMany(n)
		h.die()
		for fid := uint32(1); fid <= n; fid++ {
			h.say(uint16(fid), &lib9p.Tread{Fid: fid, Count: 10})
		}
		answered := make([]bool, n+1)
		oldest, deaths := 1, 0
		for left := n; left > 0; deaths++ {
			h.connect()
			before := left
			for life := time.After(100 * time.Millisecond); left > 0 && life != nil; {
				select {
				case f := <-h.heard:
					if int(f.Tag()) > oldest+2*windowMost || f.Type() != lib9p.TypeRread {
						t.Fatalf("request %d was answered before %d, with %s", f.Tag(), oldest, lib9p.TypeName(f.Type()))
					}
					answered[f.Tag()], left = true, left-1
					for oldest <= n && answered[oldest] {
						oldest++
					}
				case <-life:
					life = nil
				}
			}
			if left == before {
				t.Fatalf("no request of %d was answered in a life of the server", left)
			}
			h.die()
		}
		t.Logf("%d lives", deaths)
		h.connect()
	})
}

// TestDiesForAWhile: one that does so for 3 s and then stays has everything again.
func TestDiesForAWhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newFarm(t, 0)
		defer h.end()
		const n = 10000
		h.openMany(n)
		h.die()
		for start := time.Now(); time.Since(start) < 3*time.Second; {
			h.connect()
			time.Sleep(100 * time.Millisecond)
			h.die()
		}
		h.connect()
		h.back()
		if took := h.since(); took > 40*h.rtt {
			t.Errorf("all was back after %v", took)
		}
		for fid := uint32(1); fid <= n; fid++ {
			h.say(uint16(fid), &lib9p.Tread{Fid: fid, Count: 10})
		}
		for range n {
			f := h.reply()
			if want := fmt.Sprint(f.Tag()); f.Type() != lib9p.TypeRread || string(f[lib9p.OffBody+4:]) != want {
				t.Fatalf("fid %s was answered with %q", want, f[lib9p.OffBody+4:])
			}
		}
	})
}
