package srv_test

import (
	"fmt"
	"net"
	"path/filepath"
	"sync"
	"testing"

	"github.com/styxkit/styxkit/lib9p"
	"github.com/styxkit/styxkit/lib9p/client"
	"github.com/styxkit/styxkit/lib9p/srv"
)

// socketPair returns the two ends of a Unix socket.
func socketPair(b *testing.B) (x, y net.Conn) {
	l, err := net.Listen("unix", filepath.Join(b.TempDir(), "s"))
	must(b, err)
	defer l.Close()
	x, err = net.Dial("unix", l.Addr().String())
	must(b, err)
	y, err = l.Accept()
	must(b, err)
	return x, y
}

func benchTree(b *testing.B) srv.Tree {
	if hostTree != nil {
		return hostTree(b)
	}
	return memTree()
}

// BenchmarkServe measures the server together with our client, over a Unix socket.
func BenchmarkServe(b *testing.B) {
	x, y := socketPair(b)
	start(b, y, benchTree(b))
	c, err := client.New(b.Context(), x, client.Options{})
	must(b, err)
	b.Cleanup(func() { c.Close() })
	root, err := c.Attach(b.Context(), nil, "glenda", "", lib9p.NoUid)
	must(b, err)
	f := put(b, root, "f", string(make([]byte, 1<<20)))
	const size = 64 << 10
	for _, depth := range []int{1, 16} {
		ops := map[string]func(p []byte) error{
			"stat":  func([]byte) error { _, err := f.Getattr(b.Context(), lib9p.GetBasic); return err },
			"read":  func(p []byte) error { _, err := f.ReadAt(b.Context(), p, 0); return err },
			"write": func(p []byte) error { _, err := f.WriteAt(b.Context(), p, 0); return err },
		}
		for _, name := range []string{"stat", "read", "write"} {
			b.Run(fmt.Sprintf("%s/%d", name, depth), func(b *testing.B) {
				if name != "stat" {
					b.SetBytes(size)
				}
				b.ReportAllocs()
				var wg sync.WaitGroup
				for i := range depth {
					wg.Go(func() {
						p := make([]byte, size)
						for range b.N/depth + min(1, b.N%depth/(i+1)) {
							if err := ops[name](p); err != nil {
								b.Error(err)
								return
							}
						}
					})
				}
				wg.Wait()
			})
		}
	}
}
