//go:build sim

package main

import "github.com/styxkit/styxkit/styxpersist"

const canNarrow = true

func narrowed(cfg styxpersist.Config) styxpersist.Config { return styxpersist.Narrowed(cfg, 1) }
