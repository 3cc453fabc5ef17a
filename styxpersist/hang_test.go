//go:build unix

package styxpersist

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
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
	client.Write(packed(t, lib9p.P2000, "Tversion tag 65535 msize 8192 version 9P2000"))
	mine, server := newWires()
	c := <-redial
	c <- mine
	says(t, server, "Rversion tag 65535 msize 8192 version 9P2000")
	says(t, client, "")
	client.Write(packed(t, lib9p.P2000, `Tattach tag 1 fid 0 afid 4294967295 uname a aname ""`))
	says(t, server, "Rattach tag 0 qid (1 0 d)")
	says(t, client, "")
	return client, server, done
}

// TestClientEndsWithoutReading: a client that has ended what it says, and reads no answers, holds up nobody.
func TestClientEndsWithoutReading(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, server, done := begun(t, t.Context())
		stuck := client.fill()
		client.Write(packed(t, lib9p.P2000, "Tread tag 1 fid 0 offset 0 count 10"))
		synctest.Wait()
		server.Write(packed(t, lib9p.P2000, `Rread tag 1 count 1 data x`))
		<-stuck
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
		stuck := server.fill()
		client.Write(packed(t, lib9p.P2000, "Tread tag 1 fid 0 offset 0 count 10"))
		<-stuck
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

// TestContextEndsStuckRemoval: nor does a file that is to be removed on close, which the server cannot be asked for.
// It is not in a bubble, whose time would not pass while a writer waits for another.
func TestContextEndsStuckRemoval(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	client, server, done := begun(t, ctx)
	client.Write(packed(t, lib9p.P2000, "Topen tag 1 fid 0 mode 64"))
	says(t, server, "Ropen tag 1 qid (1 0 d) iounit 0")
	says(t, client, "")
	stuck := server.fill()
	client.Write(packed(t, lib9p.P2000, "Tread tag 1 fid 0 offset 0 count 10"))
	<-stuck
	cancel()
	ends(t, done, context.Canceled)
	client.Close()
	server.Close()
}

// says waits for a message at an end, and answers it with line.
func says(t *testing.T, who io.ReadWriter, line string) {
	t.Helper()
	if _, err := lib9p.NewReader(who, 1<<20).Next(); err != nil {
		t.Fatal(err)
	}
	if line != "" {
		who.Write(packed(t, lib9p.P2000, line))
	}
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

// TestServerTakesNothing: a server on a real socket that is full is no reason not to hear the client, who hangs up, or cancels.
func TestServerTakesNothing(t *testing.T) {
	for _, after := range []string{"hang-up", "flush"} {
		t.Run(after, func(t *testing.T) {
			near, client := socketPair(t)
			mine, server := socketPair(t)
			defer client.Close()
			defer server.Close()
			redial := make(chan chan<- io.ReadWriteCloser)
			done := make(chan error, 1)
			go func() { done <- Serve(t.Context(), near, Config{Redial: redial}) }()
			client.Write(packed(t, lib9p.L, "Tversion tag 65535 msize 1048576 version 9P2000.L"))
			(<-redial) <- mine
			says(t, server, "Rversion tag 65535 msize 1048576 version 9P2000.L")
			in := lib9p.NewReader(client, 1<<20)
			in.Next()
			client.Write(packed(t, lib9p.L, `Tattach tag 1 fid 0 afid 4294967295 uname a aname "" nuname 0`))
			says(t, server, "Rattach tag 0 qid (1 0 d)")
			in.Next()
			data := strings.Repeat("x", 1<<19)
			for tag := range 100 { // 50 MiB: more than the sockets take, and than is held without a thought
				client.Write(packed(t, lib9p.L, fmt.Sprintf("Twrite tag %d fid 0 offset 0 count %d data %s", tag+10, len(data), data)))
			}
			began := time.Now()
			if after == "flush" {
				client.Write(packed(t, lib9p.L, "Tflush tag 1 oldtag 10"))
				client.Write(packed(t, lib9p.L, "Tflush tag 2 oldtag 109"))
				for _, want := range []string{"Rlerror tag 10 ecode 5", "Rflush tag 1", "Rflush tag 2"} {
					f, err := in.Next()
					if err != nil {
						t.Fatal(err)
					}
					tag, m, _ := lib9p.Unpack(lib9p.L, f)
					if got := lib9p.Format(lib9p.L, tag, m); got != want {
						t.Errorf("client hears %s, not %s", got, want)
					}
				}
			}
			if d := time.Since(began); d > 2*time.Second {
				t.Errorf("the flushes are answered after %v", d)
			}
			began = time.Now()
			client.Close()
			ends(t, done, nil)
			if d := time.Since(began); d > 3*time.Second {
				t.Errorf("the hang-up is seen after %v", d)
			}
		})
	}
}
