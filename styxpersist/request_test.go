package styxpersist

import "testing"

// A request that names one fid twice, as a Trenameat within a directory, leaves its queue once.
func TestUnsentCountsAFidOnce(t *testing.T) {
	f := &fid{unsent: 2}
	r := &request{fid: f, fid2: f}
	if r.unsentLess(); f.unsent != 1 || f.idle() {
		t.Errorf("%d requests are left to send, not 1", f.unsent)
	}
}
