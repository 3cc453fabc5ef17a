// Package posix tests whether a directory behaves as POSIX and Linux say that a file system does: a local one, or one on which
// something is mounted. It is a list of cases, each an exported function over an empty directory, which
// fails with what it saw, so that the same cases can be run against many file systems, also while
// one of them loses its server every second.
//
// What a file system cannot do by its nature is named in Lacks, with the error that it has to give instead; a case
// that comes to such a place checks the error.
package posix

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"runtime/debug"
	"strings"

	"golang.org/x/sys/unix"
)

// Lacks says what a file system cannot do: a feature's name, and the error number for those who try.
type Lacks map[string]unix.Errno

// A T is one run of a case.
type T struct {
	Dir   string // empty, and the case's own
	Lacks Lacks
}

// A Case is a test of one subject.
type Case func(t *T)

// Name is the name of the case's function.
func (c Case) Name() string {
	name := runtime.FuncForPC(reflect.ValueOf(c).Pointer()).Name()
	return name[strings.LastIndexByte(name, '.')+1:]
}

// All are the cases, in the order of their subjects.
func All() []Case {
	var all []Case
	for _, group := range [][]Case{opening, data, naming, linking, attributes, directories, extended, locking} {
		all = append(all, group...)
	}
	return all
}

// A Failure is why a case failed.
type Failure struct {
	Err   error
	Where string // file and line of the case
}

func (f *Failure) Error() string { return f.Where + ": " + f.Err.Error() }
func (f *Failure) Unwrap() error { return f.Err }

// Run runs a case in dir, which must be empty, and returns a *Failure, or nil.
func (c Case) Run(dir string, lacks Lacks) (err error) {
	defer func() {
		switch p := recover().(type) {
		case nil:
		case *Failure:
			err = p
		default:
			err = fmt.Errorf("%v\n%s", p, debug.Stack())
		}
	}()
	c(&T{Dir: dir, Lacks: lacks})
	return nil
}

func (t *T) fail(err error) {
	for skip := 2; ; skip++ {
		pc, file, line, ok := runtime.Caller(skip)
		name := runtime.FuncForPC(pc).Name()
		if ok && (strings.Contains(name, "(*T)") || strings.HasSuffix(name, ".got")) {
			continue
		}
		panic(&Failure{Err: err, Where: fmt.Sprintf("%s:%d", filepath.Base(file), line)})
	}
}

func (t *T) failf(format string, args ...any) { t.fail(fmt.Errorf(format, args...)) }

// ok fails the case unless err is nil.
func (t *T) ok(err error) {
	if err != nil {
		t.fail(err)
	}
}

// wants fails the case unless err is one of errnos.
func (t *T) wants(err error, errnos ...unix.Errno) {
	for _, e := range errnos {
		if errors.Is(err, e) {
			return
		}
	}
	if err == nil {
		err = errors.New("no error")
	}
	t.failf("%w, where %v is wanted", err, errnos)
}

// can reports whether err is nil. Where the file system lacks the feature err must be the error for that.
func (t *T) can(feature string, err error) bool {
	if errno, lacks := t.Lacks[feature]; lacks {
		t.wants(err, errno)
		return false
	}
	t.ok(err)
	return true
}

// got returns v, and fails the case where err says that there is none.
func got[V any](v V, err error) func(t *T) V {
	return func(t *T) V {
		if err != nil {
			t.fail(err)
		}
		return v
	}
}

func equal[V comparable](t *T, what string, is, want V) {
	if is != want {
		t.failf("%s is %v, want %v", what, is, want)
	}
}

// path returns a path in the case's directory.
func (t *T) path(elem ...string) string { return filepath.Join(append([]string{t.Dir}, elem...)...) }

// file makes a file with some content and returns its path.
func (t *T) file(name, content string) string {
	p := t.path(name)
	t.ok(os.WriteFile(p, []byte(content), 0o644))
	return p
}

// dir makes a directory and returns its path.
func (t *T) dir(name string) string {
	p := t.path(name)
	t.ok(unix.Mkdir(p, 0o755))
	return p
}

// open opens a file, which is closed when the case ends well or by close.
func (t *T) open(path string, flags int) int {
	return got(unix.Open(path, flags|unix.O_CLOEXEC, 0o644))(t)
}

func (t *T) close(fd int) { t.ok(unix.Close(fd)) }

func (t *T) stat(path string) (st unix.Stat_t) {
	t.ok(unix.Lstat(path, &st))
	return st
}

func (t *T) fstat(fd int) (st unix.Stat_t) {
	t.ok(unix.Fstat(fd, &st))
	return st
}

// holds fails the case unless the file's content is want.
func (t *T) holds(path, want string) {
	b := got(os.ReadFile(path))(t)
	if string(b) != want {
		t.failf("%s holds %q, want %q", filepath.Base(path), clip(b), clip([]byte(want)))
	}
}

func clip(b []byte) string {
	if len(b) > 80 {
		return fmt.Sprintf("%s ... (%d bytes)", b[:80], len(b))
	}
	return string(b)
}

// absent fails the case unless nothing has the name.
func (t *T) absent(path string) {
	var st unix.Stat_t
	t.wants(unix.Lstat(path, &st), unix.ENOENT)
}

// names returns what is in a directory.
func (t *T) names(path string) (names []string) {
	for _, e := range got(os.ReadDir(path))(t) {
		names = append(names, e.Name())
	}
	return names
}

// write writes all of s at the descriptor's offset.
func (t *T) write(fd int, s string) {
	if n := got(unix.Write(fd, []byte(s)))(t); n != len(s) {
		t.failf("wrote %d bytes of %d", n, len(s))
	}
}

// read reads up to n bytes from the descriptor's offset.
func (t *T) read(fd, n int) string {
	b := make([]byte, n)
	return string(b[:got(unix.Read(fd, b))(t)])
}
