//go:build !race

package client_test

import (
	"testing"

	"github.com/styxkit/styxkit/lib9p"
)

// With the race detector sync.Pool drops some of what it is given, so this is for a run without.

// The calls that carry a mount's load take no memory of their own; Getattr takes what it returns.
func TestAllocs(t *testing.T) {
	f := dialAnswerer(t)
	ctx := t.Context()
	buf := make([]byte, 8192)
	for _, tt := range []struct {
		name string
		most float64
		call func() error
	}{
		{"ReadAt", 0, func() error { _, err := f.ReadAt(ctx, buf, 0); return err }},
		{"WriteAt", 0, func() error { _, err := f.WriteAt(ctx, buf, 0); return err }},
		{"Getattr", 1, func() error { _, err := f.Getattr(ctx, lib9p.GetBasic); return err }},
	} {
		n := testing.AllocsPerRun(1000, func() {
			if err := tt.call(); err != nil {
				t.Fatal(err)
			}
		})
		if n > tt.most {
			t.Errorf("%s: %v allocations", tt.name, n)
		}
	}
}
