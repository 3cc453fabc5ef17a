//go:build (sim || mutate) && race

package sim

const (
	manyHistories = 300 // of each dialect, when nothing else is said
	how           = " with the race detector"
)
