package load

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// Keep creates the file name, removes it while it is open, and goes on with it as with a scratch file: every ten
// milliseconds it writes a line and reads all that there is. Beside what it has written it looks at what others see.
func Keep(name string, in io.Reader, out io.Writer) *Report {
	r := start("keep", in, out)
	f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err == nil {
		err = os.Remove(name)
	}
	if err != nil {
		r.fault("%v", err)
		return r.end()
	}
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	var want []byte
	for n := int64(0); !r.over(); n++ {
		<-tick.C
		start := time.Now()
		if n%keptLines == 0 {
			want = nil
		}
		want = append(want, Line(n)...)
		if err := rewrite(f, want); err != nil {
			r.fault("%s, which is removed and open: %v", name, err)
		}
		if err := gone(name); err != nil {
			r.fault("%v", err)
		}
		r.did(start)
	}
	r.closed(f)
	return r.end()
}

// keptLines is how long the scratch file becomes before it is emptied.
const keptLines = 20

// rewrite gives f a last line, and reports how it then differs from want.
func rewrite(f *os.File, want []byte) error {
	if len(want) == LineSize {
		if err := f.Truncate(0); err != nil {
			return err
		}
	}
	at := len(want) - LineSize
	if _, err := f.WriteAt(want[at:], int64(at)); err != nil {
		return err
	}
	got := make([]byte, len(want)+1)
	n, err := f.ReadAt(got, 0)
	if err != io.EOF || !bytes.Equal(got[:n], want) {
		return fmt.Errorf("it holds %s, not %s: %v", summary(got[:n]), summary(want), err)
	}
	return nil
}

// gone reports an error if name can be found.
func gone(name string) error {
	if _, err := os.Lstat(name); !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("stat %s, which is removed: %v", name, err)
	}
	list, err := os.ReadDir(filepath.Dir(name))
	if err != nil || len(list) > 0 {
		return fmt.Errorf("the directory of %s, which is removed, has %v: %v", name, list, err)
	}
	return nil
}
