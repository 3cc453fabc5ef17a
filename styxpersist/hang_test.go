package styxpersist

import (
	"context"
	"errors"
	"io"
	"testing"
	"testing/synctest"
	"time"

	"github.com/styxkit/styxkit/lib9p"
)

// begun starts Serve with a client that has a session and its root, and a server end to play.
func begun(t *testing.T, ctx context.Context) (client, server *wire, done chan error) {
	near, client := newWires()
	redial := make(chan chan<- io.ReadWriteCloser)
	done = make(chan error, 1)
	go func() { done <- Serve(ctx, near, Config{Redial: redial}) }()
	client.Write(packed(t, lib9p.L, "Tversion tag 65535 msize 8192 version 9P2000.L"))
	mine, server := newWires()
	c := <-redial
	c <- mine
	says := func(who *wire, line string) {
		if _, err := lib9p.NewReader(who, 1<<20).Next(); err != nil {
			t.Fatal(err)
		}
		if line != "" {
			who.Write(packed(t, lib9p.L, line))
		}
	}
	says(server, "Rversion tag 65535 msize 8192 version 9P2000.L")
	says(client, "")
	client.Write(packed(t, lib9p.L, `Tattach tag 1 fid 0 afid 4294967295 uname a aname "" nuname 0`))
	says(server, "Rattach tag 0 qid (1 0 d)")
	says(client, "")
	return client, server, done
}

// TestClientEndsWithoutReading: a client that has ended what it says, and reads no answers, holds up nobody.
func TestClientEndsWithoutReading(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, server, done := begun(t, t.Context())
		client.in.mu.Lock()
		client.in.full = true // what the session tells the client blocks
		client.in.mu.Unlock()
		client.Write(packed(t, lib9p.L, "Tread tag 1 fid 0 offset 0 count 10"))
		synctest.Wait()
		server.Write(packed(t, lib9p.L, `Rread tag 1 count 1 data x`))
		synctest.Wait()
		client.CloseWrite()
		ends(t, done, nil)
		client.Close()
		server.Close()
	})
}

// TestContextEndsStuckWrite: a server that takes nothing more does not keep Serve from ending with its context.
func TestContextEndsStuckWrite(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(context.Background())
		client, server, done := begun(t, ctx)
		server.in.mu.Lock()
		server.in.full = true
		server.in.mu.Unlock()
		client.Write(packed(t, lib9p.L, "Tread tag 1 fid 0 offset 0 count 10"))
		synctest.Wait()
		cancel()
		ends(t, done, context.Canceled)
		client.Close()
		server.Close()
	})
}

// TestContextEndsWhileAway: so does Serve where there is no server.
func TestContextEndsWhileAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(context.Background())
		client, server, done := begun(t, ctx)
		server.Close()
		synctest.Wait()
		cancel()
		ends(t, done, context.Canceled)
		client.Close()
	})
}

func ends(t *testing.T, done chan error, want error) {
	t.Helper()
	select {
	case err := <-done:
		if !errors.Is(err, want) {
			t.Errorf("Serve returned %v, not %v", err, want)
		}
	case <-time.After(time.Minute):
		t.Error("Serve does not return")
	}
}
