package styxpersist

import "github.com/styxkit/styxkit/lib9p"

// post puts r, which is m, into the outbox. The mutex is held.
func (srv *server) post(r *request, m lib9p.Msg) error {
	if r.typ == lib9p.TypeTversion {
		r.stag, srv.version = lib9p.NoTag, r
	} else if !srv.newTag(r) {
		return errNoTag
	}
	at := len(srv.outbox)
	b, err := lib9p.Append(srv.outbox, srv.s.d, r.stag, m)
	if err == nil && len(b)-at > int(srv.msize) {
		err = errTooLong
	}
	if err != nil {
		srv.freeTag(r)
		return err
	}
	srv.outbox = b
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
	var run []byte
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
		run, srv.outbox = srv.outbox, run[:0]
		srv.s.mu.Unlock()
		srv.write(run)
	}
}
