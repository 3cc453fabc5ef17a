//go:build sim || mutate

package styxpersist

// Narrowed returns cfg so that at most n fids come back at a time: with 1, what a recovery is that does one thing after the other.
func Narrowed(cfg Config, n int) Config {
	cfg.window = n
	return cfg
}
