package client_test

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/styxkit/styxkit/lib9p"
	"github.com/styxkit/styxkit/lib9p/client"
)

func TestNegotiate(t *testing.T) {
	const all = "9P2000.L 9P2000.u 9P2000"
	for _, tt := range []struct {
		name     string
		dialects string
		script   []string // what is offered, what is answered, in turn
		want     string   // the dialect, or a part of the error
		msize    uint32
	}{
		{"first", "", []string{"msize 131096 version 9P2000.L", "msize 65536 version 9P2000.L"}, "9P2000.L", 65536},
		{"fallback", all, []string{"msize 131096 version 9P2000.L", "msize 8192 version 9P2000"}, "9P2000", 8192},
		{"fallback that is not listed", "9P2000.L 9P2000.u",
			[]string{"msize 131096 version 9P2000.L", "msize 8192 version 9P2000", "msize 131096 version 9P2000.u", "msize 8192 version 9P2000.u"}, "9P2000.u", 8192},
		{"unknown", all, []string{"msize 131096 version 9P2000.L", "msize 8192 version unknown", "msize 131096 version 9P2000.u", "msize 8192 version unknown",
			"msize 131096 version 9P2000", "msize 8192 version 9P2000"}, "9P2000", 8192},
		{"error", all, []string{"msize 131096 version 9P2000.L", "Rlerror tag 65535 ecode 22", "msize 131096 version 9P2000.u", `Rerror tag 65535 ename what`,
			"msize 131096 version 9P2000", "msize 8192 version 9P2000"}, "9P2000", 8192},
		{"nothing", "9P2000", []string{"msize 131096 version 9P2000", "msize 8192 version unknown"}, `server answers "unknown" to 9P2000`, 0},
		{"refused", "9P2000", []string{"msize 131096 version 9P2000", "Rerror tag 65535 ename \"go away\""}, "go away", 0},
		{"more than offered", "9P2000", []string{"msize 131096 version 9P2000", "msize 131097 version 9P2000"}, "msize 131097", 0},
		{"too little", "9P2000", []string{"msize 131096 version 9P2000", "msize 23 version 9P2000"}, "msize 23", 0},
		{"wrong type", "9P2000", []string{"msize 131096 version 9P2000", "Rclunk tag 65535"}, "answers Tversion with Rclunk tag 65535", 0},
		{"wrong tag", "9P2000", []string{"msize 131096 version 9P2000", "Rversion tag 1 msize 8192 version 9P2000"}, "answers Tversion with Rversion tag 1", 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				var opt client.Options
				for _, name := range strings.Fields(tt.dialects) {
					d, _ := lib9p.ParseDialect(name)
					opt.Dialects = append(opt.Dialects, d)
				}
				p, ours := newPeer(t, lib9p.P2000)
				conn := start(func() (*client.Conn, error) { return client.New(t.Context(), ours, opt) })
				for i := 0; i < len(tt.script); i += 2 {
					p.want("Tversion tag 65535 " + tt.script[i])
					answer := tt.script[i+1]
					if strings.HasPrefix(answer, "msize") {
						answer = "Rversion tag 65535 " + answer
					}
					if strings.HasPrefix(answer, "Rlerror") {
						p.d = lib9p.L
					}
					p.send(answer)
					p.d = lib9p.P2000
				}
				r := <-conn
				if tt.msize == 0 {
					if r.err == nil || !strings.Contains(r.err.Error(), tt.want) {
						t.Fatalf("error is %v and does not say %q", r.err, tt.want)
					}
					return
				}
				if r.err != nil {
					t.Fatal(r.err)
				}
				if got := r.v.Dialect().String(); got != tt.want || r.v.Msize() != tt.msize {
					t.Fatalf("agreed on %s and %d", got, r.v.Msize())
				}
				r.v.Close()
			})
		})
	}
}

func TestNewIsCancelled(t *testing.T) {
	bubble(t, func(t *testing.T) {
		p, ours := newPeer(t, lib9p.L)
		ctx, cancel := context.WithCancel(t.Context())
		conn := start(func() (*client.Conn, error) { return client.New(ctx, ours, client.Options{}) })
		p.next()
		cancel()
		cancelled(t, conn)
		// The end of the context that New had is nothing to a connection that is there.
		p, ours = newPeer(t, lib9p.L)
		ctx, cancel = context.WithCancel(t.Context())
		conn = start(func() (*client.Conn, error) { return client.New(ctx, ours, client.Options{}) })
		p.next()
		p.send("Rversion tag 65535 msize 8192 version 9P2000.L")
		c := good(t, conn)
		cancel()
		synctest.Wait()
		if err := c.Err(); err != nil {
			t.Fatal(err)
		}
		c.Close()
	})
}

func TestServerHangsUpInNew(t *testing.T) {
	bubble(t, func(t *testing.T) {
		p, ours := newPeer(t, lib9p.L)
		conn := start(func() (*client.Conn, error) { return client.New(t.Context(), ours, client.Options{}) })
		p.next()
		p.conn.Close()
		broken(t, (<-conn).err)
	})
}
