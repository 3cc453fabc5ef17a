//go:build (sim || mutate) && !race

package sim

const (
	manyHistories = 5000 // of each dialect, when nothing else is said
	how           = ""
)
