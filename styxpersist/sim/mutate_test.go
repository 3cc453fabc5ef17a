//go:build mutate

package sim

import (
	"fmt"
	"strings"
	"testing"

	"github.com/styxkit/styxkit/styxpersist/internal/mutate"
)

// TestMutations puts the original's defects back, one at a time, and wants each found:
//
//	go test -tags mutate -run TestMutations -v ./styxpersist/sim
func TestMutations(t *testing.T) {
	const most = 4000 // histories
	var found []string
	t.Cleanup(func() {
		fmt.Printf("sim: %d of %d defects found, after histories: %s\n", len(found), len(mutate.All()), strings.Join(found, " "))
	})
	for _, d := range mutate.All() {
		t.Run(d.String(), func(t *testing.T) {
			defer func() { mutate.Now = mutate.None }()
			for i := range uint64(most) {
				h := History{Seed: 1 + i/3, Dialect: dialects[i%3].d, Slots: *slots}
				mutate.Now = d
				w := play(t, h)
				mutate.Now = mutate.None
				if w.err == nil || play(t, h).err != nil {
					continue // what fails without the defect shows nothing
				}
				found = append(found, fmt.Sprint(d, " ", i+1))
				t.Logf("%d histories: %s seed %d: %v", i+1, h.Dialect, h.Seed, w.err)
				return
			}
			t.Errorf("not found in %d histories", most)
		})
	}
}
