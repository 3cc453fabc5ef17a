//go:build mutate

package mutate

// Now is the defect that styxpersist has.
var Now Defect

// Has reports whether styxpersist has defect d.
func Has(d Defect) bool { return Now == d }
