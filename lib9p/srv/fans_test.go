//go:build !plan9

package srv_test

import (
	"io"
	"testing"

	"9fans.net/go/plan9"
	fans "9fans.net/go/plan9/client"

	"github.com/styxkit/styxkit/lib9p/srv"
)

// Another client of 9P2000 gets along with the server.
func TestFansClient(t *testing.T) {
	onTrees(t, func(t *testing.T, tree srv.Tree) {
		c, err := fans.NewConn(serve(t, tree))
		must(t, err)
		fs, err := c.Attach(nil, "glenda", "")
		must(t, err)
		d, err := fs.Create("dir", plan9.OREAD, plan9.DMDIR|0o755)
		must(t, err)
		must(t, d.Close())
		f, err := fs.Create("dir/file", plan9.ORDWR, 0o644)
		must(t, err)
		text := make([]byte, 100000)
		for i := range text {
			text[i] = byte(i % 251)
		}
		if n, err := f.Write(text); n != len(text) || err != nil {
			t.Fatal(n, err)
		}
		_, err = f.Seek(0, 0)
		must(t, err)
		b, err := io.ReadAll(f)
		must(t, err)
		if string(b) != string(text) {
			t.Errorf("read %d bytes that are not what was written", len(b))
		}
		must(t, f.Close())
		d, err = fs.Open("dir", plan9.OREAD)
		must(t, err)
		dirs, err := d.Dirreadall()
		must(t, err)
		if len(dirs) != 1 || dirs[0].Name != "file" || dirs[0].Length != uint64(len(text)) {
			t.Errorf("got %v", dirs)
		}
		var w plan9.Dir
		w.Null()
		w.Name = "renamed"
		must(t, fs.Wstat("dir/file", &w))
		if _, err := fs.Stat("dir/file"); err == nil {
			t.Error("the old name is still there")
		}
		must(t, fs.Remove("dir/renamed"))
		must(t, fs.Remove("dir"))
	})
}
