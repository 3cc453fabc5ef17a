package auth

import (
	"context"
	"errors"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/styxkit/styxkit/lib9p"
)

// A file is an authentication file that takes everything, and says what say gives, or blocks where that is nil, until the
// conversation is over.
type file struct {
	say    chan string
	refuse error // of writes

	mu     sync.Mutex
	taken  strings.Builder
	heard  chan struct{} // closed with the first read
	once   sync.Once
	closed chan struct{}
}

func newFile(say ...string) *file {
	f := &file{heard: make(chan struct{}), closed: make(chan struct{})}
	if len(say) > 0 {
		f.say = make(chan string, len(say))
		for _, s := range say {
			f.say <- s
		}
	}
	return f
}

func (f *file) Read(b []byte) (int, error) {
	f.once.Do(func() { close(f.heard) })
	select {
	case s := <-f.say:
		if s == "no" {
			return 0, &lib9p.Error{Ename: "permission denied"}
		}
		return copy(b, s), nil
	case <-f.closed:
		return 0, io.EOF
	}
}

func (f *file) Write(b []byte) (int, error) {
	if f.refuse != nil {
		return 0, f.refuse
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.taken.Write(b)
}

func (f *file) text() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.taken.String()
}

var glenda = &lib9p.Tauth{Uname: "glenda", Aname: "/x y", Nuname: 7}

func prove(t *testing.T, command string, f *file, who *lib9p.Tauth) error {
	t.Helper()
	c, err := Parse(command)
	if err != nil {
		t.Fatal(err)
	}
	defer close(f.closed)
	return c.Prove(t.Context(), f, who)
}

func TestProve(t *testing.T) {
	f := newFile()
	if err := prove(t, `{ echo "$uname,$aname,$n_uname" }`, f, glenda); err != nil || f.text() != "glenda,/x y,7\n" {
		t.Errorf("%v, and the server has %q", err, f.text())
	}
	f = newFile()
	if err := prove(t, `{echo "($n_uname)"}`, f, &lib9p.Tauth{Nuname: lib9p.NoUid}); err != nil || f.text() != "()\n" {
		t.Errorf("%v, and the server has %q", err, f.text())
	}
	f = newFile("what?\n", "who?\n")
	if err := prove(t, `{read a; echo "$a no"; read b; echo "$b me"}`, f, glenda); err != nil || f.text() != "what? no\nwho? me\n" {
		t.Errorf("%v, and the server has %q", err, f.text())
	}
}

// A command that asks for nothing has nothing read for it.
func TestNothingIsRead(t *testing.T) {
	f := newFile()
	if err := prove(t, `{echo me}`, f, glenda); err != nil {
		t.Fatal(err)
	}
	select {
	case <-f.heard:
		t.Error("the server was asked")
	default:
	}
}

func TestFailures(t *testing.T) {
	no := &lib9p.Error{Ename: "go away", Errno: lib9p.EPERM}
	for _, tt := range []struct {
		command string
		file    *file
		want    string
		refused bool
	}{
		{"{echo first >&2; echo '  what is wrong ' >&2; echo >&2; exit 3}", newFile(), "exit status 3: what is wrong", false},
		{"{exit 4}", newFile(), "{exit 4}: exit status 4", false},
		{"{echo me; sleep 60}", &file{refuse: no, heard: make(chan struct{}), closed: make(chan struct{})}, "go away", true},
		{"{read a || exit 1}", newFile("no"), "permission denied", true},
	} {
		begin := time.Now()
		err := prove(t, tt.command, tt.file, glenda)
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, want %s", tt.command, err, tt.want)
		}
		if _, refused := errors.AsType[*lib9p.Error](err); refused != tt.refused {
			t.Errorf("%s: %v is a refusal: %v", tt.command, err, refused)
		}
		if d := time.Since(begin); d > 20*time.Second {
			t.Errorf("%s took %v", tt.command, d)
		}
	}
}

// The end of the conversation ends the command and what it has started.
func TestContext(t *testing.T) {
	f := newFile()
	defer close(f.closed)
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-f.heard
		cancel()
	}()
	c, err := Parse("{sleep 600 | cat}")
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Prove(ctx, f, glenda); !errors.Is(err, context.Canceled) {
		t.Errorf("ended with %v", err)
	}
}

func TestParse(t *testing.T) {
	for _, text := range []string{"", "munge -n", "{munge -n", "{}", "{ }"} {
		if c, err := Parse(text); err == nil {
			t.Errorf("%q is taken for %v", text, c)
		}
	}
}
