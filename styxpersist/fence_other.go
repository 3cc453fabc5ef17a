//go:build !unix

package styxpersist

// Without error numbers to tell them apart, no failure is taken for the server's own doing.

func isReset(error) bool   { return false }
func isRefused(error) bool { return false }
