//go:build sim || mutate

package sim

import "maps"

// shrink leaves out of h what it fails without: fails plays a history and tells how it failed, in
// words that do not depend on numbers, or "".
func shrink(h History, fails func(History) string) History {
	want := fails(h)
	if want == "" {
		return h
	}
	tries := 400
	for size := h.Slots / 2; size > 0; size /= 2 {
		for from := 0; from < h.Slots && tries > 0; from += size {
			less := h
			less.Skip = maps.Clone(h.Skip)
			if less.Skip == nil {
				less.Skip = make(map[int]bool)
			}
			before := len(less.Skip)
			for i := from; i < min(from+size, h.Slots); i++ {
				less.Skip[i] = true
			}
			if len(less.Skip) == before {
				continue
			}
			tries--
			if fails(less) == want {
				h = less
			}
		}
	}
	return h
}
