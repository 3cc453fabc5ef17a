package load

import (
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// runFor calls a program with an input that ends after d.
func runFor(d time.Duration, program func(in io.Reader) *Report) *Report {
	r, w := io.Pipe()
	time.AfterFunc(d, func() { w.Close() })
	return program(r)
}

func check(t *testing.T, r *Report) {
	t.Helper()
	if len(r.Faults) > 0 || r.Honest > 0 || r.Ops == 0 {
		t.Errorf("on a local directory: %+v", r)
	}
}

func TestAppendLocally(t *testing.T) {
	name := filepath.Join(t.TempDir(), "log")
	r := runFor(200*time.Millisecond, func(in io.Reader) *Report { return Append(name, in, io.Discard) })
	check(t, r)
	b, err := os.ReadFile(name)
	if err == nil {
		err = CheckLines(b, r.Ops)
	}
	if err != nil {
		t.Error(err)
	}
	b[LineSize+3] ^= 1
	if CheckLines(b, r.Ops) == nil || CheckLines(b[1:], r.Ops) == nil {
		t.Error("a damaged file passes for a good one")
	}
}

func TestReadLocally(t *testing.T) {
	name := filepath.Join(t.TempDir(), "data")
	sum, err := MakeData(name, 1<<20+8)
	if err != nil {
		t.Fatal(err)
	}
	check(t, runFor(200*time.Millisecond, func(in io.Reader) *Report { return Read(name, sum, in, io.Discard) }))

	f, err := os.OpenFile(name, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteAt([]byte{1}, 1<<19); err != nil {
		t.Fatal(err)
	}
	f.Close()
	if r := Read(name, sum, new(never), io.Discard); len(r.Faults) == 0 {
		t.Error("a damaged file passes for a good one")
	}
}

func TestKeepLocally(t *testing.T) {
	dir := t.TempDir()
	name := filepath.Join(dir, "scratch")
	check(t, runFor(500*time.Millisecond, func(in io.Reader) *Report { return Keep(name, in, io.Discard) }))
	if err := os.WriteFile(filepath.Join(dir, ".hidden"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if r := Keep(name, new(never), io.Discard); len(r.Faults) == 0 {
		t.Error("a file that is left goes unnoticed")
	}
}

// never is an input that does not end.
type never struct{}

func (*never) Read([]byte) (int, error) { select {} }

func TestChurnLocally(t *testing.T) {
	for name, plain := range map[string]bool{"full": false, "plain": true} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			r := runFor(2*time.Second, func(in io.Reader) *Report { return Churn(dir, 1, plain, in, io.Discard) })
			check(t, r)
			got, err := Scan(dir)
			if err == nil {
				err = Differ(got, r.Tree)
			}
			if err != nil {
				t.Error(err)
			}
			if err := os.Mkdir(filepath.Join(dir, "more"), 0o700); err != nil {
				t.Fatal(err)
			}
			if got, err = Scan(dir); err != nil || Differ(got, r.Tree) == nil {
				t.Error("one directory more goes unnoticed")
			}
		})
	}
}
