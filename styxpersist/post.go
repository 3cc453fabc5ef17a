package styxpersist

import "github.com/styxkit/styxkit/lib9p"

// post puts r, which is m, into the outbox. The mutex is held.
func (srv *server) post(r *request, m lib9p.Msg) error {
	if r.typ == lib9p.TypeTversion {
		r.stag, srv.version = lib9p.NoTag, r
	} else if !srv.newTag(r) {
		return errNoTag
	}
	at := len(srv.outbox.run)
	b, err := lib9p.Append(srv.outbox.run, srv.s.d, r.stag, m)
	if err == nil && len(b)-at > int(srv.msize) {
		err = errTooLong
	}
	if err != nil {
		srv.freeTag(r)
		return err
	}
	srv.outbox.run, srv.outbox.ends = b, append(srv.outbox.ends, burstEnd{r, r.seq, len(b)})
	srv.window.asked++
	select {
	case srv.posted <- struct{}{}:
		go func() {}() // runs before the poster, which so comes behind those who have just got their answers, too
	default:
	}
	return nil
}

// poster writes what is in the outbox, all of it at a time: a recovery is many small messages.
// It is a goroutine of its own, because those who ask must not wait for a server that does not read.
func (srv *server) poster() {
	b := burst{srv: srv}
	for {
		select {
		case <-srv.posted:
		case <-srv.gone:
			return
		}
		if closed(srv.gone) {
			return
		}
		srv.s.mu.Lock()
		b.run, b.ends, srv.outbox.run, srv.outbox.ends = srv.outbox.run, srv.outbox.ends, b.run[:0], b.ends[:0]
		for _, e := range b.ends {
			e.r.state = sent
		}
		srv.s.mu.Unlock()
		srv.write(&b)
	}
}
