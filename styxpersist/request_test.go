package styxpersist

import (
	"bytes"
	"log/slog"
	"testing"

	"github.com/styxkit/styxkit/lib9p"
)

// A request that names one fid twice, as a Trenameat within a directory, leaves its queue once.
func TestUnsentCountsAFidOnce(t *testing.T) {
	f := &fid{unsent: 2}
	r := &request{fid: f, fid2: f}
	if r.unsentLess(); f.unsent != 1 || f.idle() {
		t.Errorf("%d requests are left to send, not 1", f.unsent)
	}
}

// A client has no more fids than are bounded.
func TestFidsAreBounded(t *testing.T) {
	s := newSession(&link{cfg: Config{Counters: new(Counters)}, log: slog.New(slog.DiscardHandler)}, lib9p.P2000, 8192)
	f := &fid{state: fidLive, node: newTop(&root{contents: newContents()}, lib9p.Qid{}).hold()}
	for i := range uint32(maxFids) {
		s.fids[i] = f
	}
	ask, err := lib9p.Pack(lib9p.P2000, 7, &lib9p.Twalk{Fid: 0, Newfid: maxFids})
	if err != nil {
		t.Fatal(err)
	}
	if r, err := s.note(ask); r != nil || err != nil {
		t.Fatalf("note: %v, %v", r, err)
	}
	want, err := lib9p.Pack(lib9p.P2000, 7, lib9p.ErrorMsg(lib9p.P2000, errManyFids))
	if err != nil || !bytes.Equal(s.local, want) || len(s.fids) != maxFids {
		t.Errorf("the answer is %q, and there are %d fids", s.local, len(s.fids))
	}
}
