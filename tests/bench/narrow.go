//go:build !sim

package main

import "github.com/styxkit/styxkit/styxpersist"

// canNarrow: with the tag sim a recovery can be made to do one thing after the other, for comparison.
const canNarrow = false

func narrowed(cfg styxpersist.Config) styxpersist.Config { return cfg }
