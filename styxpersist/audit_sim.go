//go:build sim || mutate

package styxpersist

import "fmt"

// Watched returns cfg so that what Serve does with it can be looked into: audit tells what is wrong with the table of the
// present session at a moment when nothing is under way and the client has no fids any more. fids are those that
// its connection to the server has.
func Watched(cfg Config) (watched Config, audit func(fids map[uint32]bool) error) {
	var l *link
	cfg.watch = func(made *link) { l = made }
	return cfg, func(fids map[uint32]bool) error {
		l.wmu.Lock()
		s := l.session
		l.wmu.Unlock()
		s.mu.Lock()
		defer s.mu.Unlock()
		if err := s.audit(true); err != nil {
			return err
		}
		for _, r := range s.reqs {
			if r != nil {
				return fmt.Errorf("request %d is left", r.ctag)
			}
		}
		switch {
		case len(s.fids) > 0:
			return fmt.Errorf("%d fids are left", len(s.fids))
		case len(s.ready) > 0 || len(s.local) > 0:
			return fmt.Errorf("%d requests and %d bytes wait to be sent", len(s.ready), len(s.local))
		case s.srv == nil:
			return nil
		case s.srv.urgent > 0 || s.srv.sweeping > 0 || s.srv.window.busy > 0 || len(s.srv.discards) > 0:
			return fmt.Errorf("%d fids are on their way back, %d to be clunked", s.srv.urgent+s.srv.sweeping, len(s.srv.discards))
		}
		for _, r := range s.srv.tags {
			if r != nil {
				return fmt.Errorf("stag %d is under way", r.stag)
			}
		}
		return s.auditFids(fids)
	}
}
