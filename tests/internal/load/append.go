package load

import (
	"fmt"
	"io"
	"os"
	"time"
)

// LineSize is the length of the appender's lines, newline included.
const LineSize = 64

// Line returns the appender's line number n.
func Line(n int64) []byte {
	return fmt.Appendf(nil, "%012d %050d\n", n, n*n)
}

// Append creates the file name and holds it open for writing only. Every ten milliseconds
// it writes the next line at the offset that is that line's own.
func Append(name string, in io.Reader, out io.Writer) *Report {
	r := start("append", in, out)
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		r.fault("create: %v", err)
		return r.end()
	}
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for n := int64(0); !r.over(); n++ {
		<-tick.C
		line, start := Line(n), time.Now()
		if w, err := f.WriteAt(line, n*LineSize); err != nil {
			r.fault("write line %d: %d bytes written, then %v", n, w, err)
			return r.end()
		}
		r.did(start)
	}
	if err := f.Sync(); err != nil {
		r.fault("sync: %v", err)
	}
	r.closed(f)
	return r.end()
}

// CheckLines reports how the bytes of an appended file differ from n whole lines in order.
func CheckLines(b []byte, n int64) error {
	if int64(len(b)) != n*LineSize {
		return fmt.Errorf("%d lines of %d bytes were written and the file has %d bytes", n, LineSize, len(b))
	}
	for i := range n {
		got, want := b[i*LineSize:(i+1)*LineSize], Line(i)
		if string(got) != string(want) {
			return fmt.Errorf("line %d is %q, not %q", i, got, want)
		}
	}
	return nil
}
