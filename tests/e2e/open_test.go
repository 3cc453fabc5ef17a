package e2e

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/styxkit/styxkit/tests/internal/lab"
)

// What was open when the server died goes on after it: opened with truncation, just created,
// or below a directory that has another name since.
func TestOpenFiles(t *testing.T) {
	for name, start := range lab.Kinds {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			host := func(p string) string { return filepath.Join(dir, p) }
			must(t, os.WriteFile(host("truncated"), bytes.Repeat([]byte("old "), 1000), 0o644))
			must(t, os.MkdirAll(host("before/sub"), 0o755))
			must(t, os.WriteFile(host("before/sub/file"), []byte("0123456789"), 0o644))
			s := start(t, "tcp", dir)
			o := &openFiles{dir: lab.MountAt(t, s, "-p").Dir}

			lab.Within(t, lab.Patience, "open", o.open)
			s.Restart()
			lab.Within(t, 2*lab.Patience, "use after a restart", func() error { return o.use(1) })
			s.Restart()
			lab.Within(t, 2*lab.Patience, "use after another", func() error { return o.use(2) })
			lab.Within(t, lab.Patience, "close", o.close)

			holds(t, host("truncated"), "first after 1 after 2 ")
			holds(t, host("created"), "first after 1 after 2 ")
			holds(t, host("after/sub/file"), "0after 1 after 2 ")
			if _, err := os.Stat(host("before")); err == nil {
				t.Error("the directory's old name has come back")
			}
		})
	}
}

// openFiles are files that stay open over crashes of the server.
type openFiles struct {
	dir                         string
	truncated, created, beneath *os.File
	sub                         *os.File // a directory
}

func (o *openFiles) open() (err error) {
	at := func(p string) string { return filepath.Join(o.dir, p) }
	if o.truncated, err = os.OpenFile(at("truncated"), os.O_WRONLY|os.O_TRUNC, 0); err != nil {
		return err
	}
	if o.created, err = os.OpenFile(at("created"), os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600); err != nil {
		return err
	}
	for _, f := range []*os.File{o.truncated, o.created} {
		if _, err := f.WriteString("first "); err != nil {
			return err
		}
	}
	if o.beneath, err = os.OpenFile(at("before/sub/file"), os.O_RDWR, 0); err != nil {
		return err
	}
	if o.sub, err = os.Open(at("before/sub")); err != nil {
		return err
	}
	return os.Rename(at("before"), at("after"))
}

// use writes to and reads from what is open, after crash n.
func (o *openFiles) use(n int) error {
	text := fmt.Sprintf("after %d ", n)
	off := int64(len("first ") + (n-1)*len(text))
	for _, f := range []*os.File{o.truncated, o.created} {
		if _, err := f.WriteAt([]byte(text), off); err != nil {
			return err
		}
	}
	if _, err := o.beneath.WriteAt([]byte(text), int64(1+(n-1)*len(text))); err != nil {
		return err
	}
	for _, f := range []*os.File{o.created, o.beneath} {
		got := make([]byte, len(text))
		at := off
		if f == o.beneath {
			at = int64(1 + (n-1)*len(text))
		}
		if _, err := f.ReadAt(got, at); err != nil {
			return err
		}
		if string(got) != text {
			return fmt.Errorf("read %s: %q, not %q", f.Name(), got, text)
		}
	}
	return o.look(n)
}

// look asks for attributes and names through what is open, and by name.
func (o *openFiles) look(n int) error {
	st, err := o.created.Stat()
	if err != nil {
		return err
	}
	if want := int64(len("first ") + n*len("after 1 ")); st.Size() != want || st.Mode() != 0o600 {
		return fmt.Errorf("stat %s: %d bytes and mode %v, not %d and 0600", o.created.Name(), st.Size(), st.Mode(), want)
	}
	if _, err := o.sub.Seek(0, 0); err != nil {
		return err
	}
	names, err := o.sub.Readdirnames(-1)
	if err != nil {
		return err
	}
	if len(names) != 1 || names[0] != "file" {
		return fmt.Errorf("list the open directory: %q", names)
	}
	_, err = os.ReadFile(filepath.Join(o.dir, "after/sub/file"))
	return err
}

func (o *openFiles) close() error {
	for _, f := range []*os.File{o.truncated, o.created, o.beneath, o.sub} {
		if err := f.Close(); err != nil {
			return err
		}
	}
	return nil
}

func holds(t *testing.T, name, want string) {
	t.Helper()
	got, err := os.ReadFile(name)
	if err != nil || string(got) != want {
		t.Errorf("%s holds %q, not %q (%v)", name, got, want, err)
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
