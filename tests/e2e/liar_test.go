package e2e

import (
	"encoding/binary"
	"io"
	"net"
	"path/filepath"
	"sync"
	"testing"

	"github.com/styxkit/styxkit/lib9p"
	"github.com/styxkit/styxkit/tests/internal/lab"
)

// A liar stands before a good server and passes everything on, until it is told to
// answer the next request of one connection with garbage.
type liar struct {
	socket string

	mu    sync.Mutex
	conns []*lyingConn // in the order in which they came
}

// A lie is written instead of a reply. It reports whether the connection is to be closed after it.
type lie func(w io.Writer, reply lib9p.Frame) (hangup bool)

// lies are the garbage that a server may answer.
var lies = map[string]lie{
	"size too small": func(w io.Writer, _ lib9p.Frame) bool {
		w.Write([]byte{3, 0, 0, 0, 0, 0, 0})
		return false
	},
	"size too large": func(w io.Writer, reply lib9p.Frame) bool {
		big := append([]byte(nil), reply...)
		binary.LittleEndian.PutUint32(big, 0xfffffff0)
		w.Write(big)
		return false
	},
	"wrong type": func(w io.Writer, reply lib9p.Frame) bool {
		wrong := append(lib9p.Frame(nil), reply...)
		wrong[4] = lib9p.TypeRwrite
		w.Write(wrong)
		return false
	},
	"a request for a reply": func(w io.Writer, reply lib9p.Frame) bool {
		wrong := append(lib9p.Frame(nil), reply...)
		wrong[4]--
		w.Write(wrong)
		return false
	},
	"shorter than its fields": func(w io.Writer, reply lib9p.Frame) bool {
		short := append(lib9p.Frame(nil), reply[:len(reply)-5]...)
		binary.LittleEndian.PutUint32(short, uint32(len(short)))
		w.Write(short)
		return false
	},
	"truncated": func(w io.Writer, reply lib9p.Frame) bool {
		w.Write(reply[:len(reply)/2])
		return true
	},
	"wrong tag, for ever": func(w io.Writer, reply lib9p.Frame) bool {
		wrong := append(lib9p.Frame(nil), reply...)
		wrong.SetTag(reply.Tag() ^ 0x4242)
		for {
			if _, err := w.Write(wrong); err != nil {
				return true
			}
		}
	},
	"zeros, for ever": func(w io.Writer, _ lib9p.Frame) bool {
		for zeros := make([]byte, 64<<10); ; {
			if _, err := w.Write(zeros); err != nil {
				return true
			}
		}
	},
}

// A lyingConn is one connection that the liar has taken.
type lyingConn struct {
	server net.Conn

	mu   sync.Mutex
	next lie // instead of the next reply
}

// lieFor puts a liar before s.
func lieFor(t *testing.T, s *lab.Server) *liar {
	t.Helper()
	l := &liar{socket: filepath.Join(lab.SocketDir(t), "liar")}
	listener, err := net.Listen("unix", l.socket)
	must(t, err)
	var all sync.WaitGroup
	all.Go(func() {
		for {
			c, err := listener.Accept()
			if err != nil {
				return
			}
			server, err := s.Dial()
			if err != nil {
				c.Close()
				continue
			}
			lc := &lyingConn{server: server}
			l.mu.Lock()
			l.conns = append(l.conns, lc)
			l.mu.Unlock()
			all.Go(func() { io.Copy(server, c); server.Close() })
			all.Go(func() { lc.reply(c, server); c.Close(); server.Close() })
		}
	})
	t.Cleanup(func() {
		listener.Close()
		lab.Within(t, lab.Patience, "the liar's connections end", func() error { all.Wait(); return nil })
	})
	return l
}

// reply passes the server's messages on to the client, but for the lie.
func (lc *lyingConn) reply(client io.Writer, server io.Reader) {
	r := lib9p.NewReader(server, 1<<20)
	for {
		f, err := r.Next()
		if err != nil {
			return
		}
		lc.mu.Lock()
		next := lc.next
		lc.next = nil
		lc.mu.Unlock()
		if next != nil {
			if next(client, f) {
				return
			}
			continue
		}
		if _, err := client.Write(f); err != nil {
			return
		}
	}
}

// last returns the connection that was taken last.
func (l *liar) last() *lyingConn {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.conns[len(l.conns)-1]
}

func (lc *lyingConn) tell(what lie) {
	lc.mu.Lock()
	lc.next = what
	lc.mu.Unlock()
}
