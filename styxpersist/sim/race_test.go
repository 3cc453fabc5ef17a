//go:build (sim || mutate) && race

package sim

// How many histories of each dialect are played when nothing else is said.
const manyHistories = 300
