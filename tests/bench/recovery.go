package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"sync/atomic"
	"text/tabwriter"
	"time"

	"github.com/styxkit/styxkit/lib9p"
	"github.com/styxkit/styxkit/styxpersist"
	"github.com/styxkit/styxkit/tests/internal/lab"
)

// A recovery is how long it takes until a client of styxpersist goes on when its server, u9fs, was killed and is back.
// The line to the server has a round trip of its own. The client has files open, and reads one of them while
// the server is away; it has other fids, which it does not use. It has asked what kind of files they are, as Linux does.

const trip = 10 * time.Millisecond // a round trip of the line

// A scene is a client, its session and its server, for one line of the table.
type scene struct {
	name          string
	files, cached int
	serial        bool // one fid after the other

	bed    *bed
	socket string
	server *exec.Cmd
	up     chan struct{} // holds a token when the session may dial
	came   time.Time     // when it got its present connection
	conn   net.Conn      // the client's
	in     *lib9p.Reader
	events chan styxpersist.Event

	line       atomic.Pointer[line]
	trip       []float64 // seconds that a read takes when all is quiet
	turns      []float64 // messages that waited for one another, up to the first answer
	first, all []float64 // seconds from the connection to the first answer, and until everything is back
}

func recoveries(out io.Writer, rounds, files, cached int) error {
	dir, err := os.MkdirTemp("", "styxbench")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if err := lab.Build(dir, nil, []string{"u9fs"}, nil); err != nil {
		return err
	}
	b := &bed{dir: dir}
	defer b.stop()
	export := filepath.Join(dir, "export")
	if err := os.Mkdir(export, 0o755); err != nil {
		return err
	}
	for i := range files {
		if err := os.WriteFile(filepath.Join(export, fmt.Sprint(i)), []byte{'x'}, 0o644); err != nil {
			return err
		}
	}
	scenes := []*scene{
		{name: "one file", files: 1},
		{name: fmt.Sprintf("%d files", files), files: files},
		{name: fmt.Sprintf("and %d fids more", cached), files: files, cached: cached},
	}
	if canNarrow {
		scenes = append(scenes, &scene{name: "one after the other", files: files, serial: true})
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	for i, s := range scenes {
		s.bed, s.socket = b, filepath.Join(dir, fmt.Sprint("s", i))
		if err := s.begin(ctx, export); err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
	}
	for range rounds {
		for _, s := range scenes {
			if err := s.round(export); err != nil {
				return fmt.Errorf("%s: %w", s.name, err)
			}
		}
	}
	fmt.Fprintf(out, "recovery of open files of u9fs, on a line with a round trip of %v, medians of %d rounds\n\n", trip, rounds)
	t := tabwriter.NewWriter(out, 0, 8, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(t, "\ta round trip\tmessages\tfirst request\tround trips\teverything\t\n")
	for _, s := range scenes {
		fmt.Fprintf(t, "%s\t%.1f ms\t%.0f\t%.1f ms\t%.1f\t%.2f s\t\n",
			s.name, 1000*median(s.trip), median(s.turns), 1000*median(s.first), median(s.first)/median(s.trip), median(s.all))
	}
	return t.Flush()
}

// begin starts all, and opens the files.
func (s *scene) begin(ctx context.Context, export string) error {
	s.up, s.events = make(chan struct{}, 1), make(chan styxpersist.Event, 1000)
	if err := s.serve(export); err != nil {
		return err
	}
	near, far, err := pair()
	if err != nil {
		return err
	}
	s.conn, s.in = far, lib9p.NewReader(far, 64<<10)
	redial := make(chan chan<- io.ReadWriteCloser)
	cfg := styxpersist.Config{Redial: redial, Observer: func(e styxpersist.Event) { s.events <- e }}
	if s.serial {
		cfg = narrowed(cfg)
	}
	go styxpersist.Dialer(redial, s.dial)
	go styxpersist.Serve(ctx, near, cfg)
	requests := []lib9p.Msg{&lib9p.Tversion{Msize: 64 << 10, Version: "9P2000.L"}}
	err = s.each(lib9p.NoTag, requests)
	for _, r := range [][]lib9p.Msg{{&lib9p.Tattach{Fid: 0, Afid: lib9p.NoFid, Uname: "root"}}, s.walks(1, s.files), s.looks(), s.opens(), s.walks(s.files+1, s.cached)} {
		if err == nil {
			err = s.each(0, r)
		}
	}
	if err != nil {
		return err
	}
	return s.kill()
}

func (s *scene) walks(from, n int) (l []lib9p.Msg) {
	for i := range n {
		l = append(l, &lib9p.Twalk{Fid: 0, Newfid: uint32(from + i), Wname: []string{fmt.Sprint((from + i) % s.files)}})
	}
	return l
}

func (s *scene) looks() (l []lib9p.Msg) {
	for i := range s.files {
		l = append(l, &lib9p.Tgetattr{Fid: uint32(1 + i), Mask: lib9p.GetBasic})
	}
	return l
}

func (s *scene) opens() (l []lib9p.Msg) {
	for i := range s.files {
		l = append(l, &lib9p.Tlopen{Fid: uint32(1 + i), Flags: lib9p.LRDWR})
	}
	return l
}

// each makes requests, many at a time, with the tags from first on.
func (s *scene) each(first uint16, l []lib9p.Msg) error {
	const many = 500
	for ; len(l) > 0; l = l[min(many, len(l)):] {
		some := l[:min(many, len(l))]
		var b lib9p.Frame
		for i, m := range some {
			f, err := lib9p.Pack(lib9p.L, first+uint16(i), m)
			if err != nil {
				return err
			}
			b = append(b, f...)
		}
		if _, err := s.conn.Write(b); err != nil {
			return err
		}
		for range some {
			f, err := s.in.Next()
			if err != nil {
				return err
			}
			if f.Type() != lib9p.TypeOf(l[0])+1 {
				return fmt.Errorf("%s is answered with %s", lib9p.TypeName(lib9p.TypeOf(l[0])), lib9p.TypeName(f.Type()))
			}
		}
	}
	return nil
}

// serve starts the server, and has the session dial when it takes calls.
func (s *scene) serve(export string) error {
	os.Remove(s.socket)
	s.server = exec.Command(lab.Bin("u9fs"), "-l", "unix!"+s.socket, export)
	if err := s.bed.run(s.server); err != nil {
		return err
	}
	c, err := call(s.socket)
	if err != nil {
		return err
	}
	c.Close()
	s.up <- struct{}{}
	return nil
}

// dial gives the session the slow line to the server, when there is one.
func (s *scene) dial() (io.ReadWriteCloser, error) {
	<-s.up
	conn, err := net.Dial("unix", s.socket)
	if err != nil {
		return nil, err
	}
	near, far, err := pair()
	if err != nil {
		return nil, err
	}
	way := new(line)
	s.line.Store(way)
	go late(conn, far, &way.said, &way.asked, 1)
	go late(far, conn, &way.asked, &way.said, 0)
	s.came = time.Now()
	return near, nil
}

// pair returns the two ends of a socket.
func pair() (a, b net.Conn, err error) {
	dir, err := os.MkdirTemp("", "styxbench")
	if err != nil {
		return nil, nil, err
	}
	defer os.RemoveAll(dir)
	l, err := net.Listen("unix", filepath.Join(dir, "s"))
	if err != nil {
		return nil, nil, err
	}
	defer l.Close()
	if a, err = net.Dial("unix", l.Addr().String()); err != nil {
		return nil, nil, err
	}
	b, err = l.Accept()
	return a, b, err
}

// A line counts how many messages have gone over it one after the other, each when there was an answer to the one before.
type line struct {
	asked, said atomic.Int64 // what has come to the server, and what answers to the session
}

// late passes on what from says, half a round trip later, and then closes both. It is nth messages more than
// what has come to the other end before, and is counted where it comes.
func late(to, from net.Conn, before, count *atomic.Int64, nth int64) {
	type piece struct {
		b   []byte
		at  time.Time
		nth int64
	}
	way := make(chan piece, 1<<16)
	var all sync.WaitGroup
	all.Go(func() {
		for p := range way {
			time.Sleep(time.Until(p.at))
			count.Store(p.nth)
			if _, err := to.Write(p.b); err != nil {
				break
			}
		}
		to.Close()
		from.Close()
		for range way {
		}
	})
	for {
		b := make([]byte, 32<<10)
		n, err := from.Read(b)
		if n > 0 {
			way <- piece{b[:n], time.Now().Add(trip / 2), before.Load() + nth}
		}
		if err != nil {
			break
		}
	}
	close(way)
	all.Wait()
}

// kill kills the server. Until its next round the scene is quiet then.
func (s *scene) kill() error {
	s.server.Process.Kill()
	s.server.Wait()
	_, err := wait[styxpersist.Lost](s)
	return err
}

// round reads a file, starts the server again, waits until everything is back and can be read, and kills it.
func (s *scene) round(export string) error {
	read, err := lib9p.Pack(lib9p.L, 1, &lib9p.Tread{Fid: uint32(s.files), Count: 1})
	if err != nil {
		return err
	}
	if _, err := s.conn.Write(read); err != nil {
		return err
	}
	if err := s.serve(export); err != nil {
		return err
	}
	f, err := s.in.Next()
	if err != nil {
		return err
	}
	s.first = append(s.first, time.Since(s.came).Seconds())
	s.turns = append(s.turns, float64(s.line.Load().said.Load()))
	if f.Type() != lib9p.TypeRread {
		return fmt.Errorf("the read is answered with %s", lib9p.TypeName(f.Type()))
	}
	back, err := wait[styxpersist.Back](s)
	if err != nil {
		return err
	}
	s.all = append(s.all, time.Since(s.came).Seconds())
	if back.Files != s.files || back.Dead != 0 {
		return fmt.Errorf("%d files are back, and %d fids dead", back.Files, back.Dead)
	}
	var reads []lib9p.Msg
	for i := range s.files {
		reads = append(reads, &lib9p.Tread{Fid: uint32(1 + i), Count: 1})
	}
	if err := s.each(0, reads); err != nil {
		return err
	}
	if err := s.quiet(reads[:1]); err != nil {
		return err
	}
	return s.kill()
}

// quiet measures what a round trip is: the line's, and what it takes to get through here and there.
func (s *scene) quiet(read []lib9p.Msg) error {
	for range 5 {
		start := time.Now()
		if err := s.each(0, read); err != nil {
			return err
		}
		s.trip = append(s.trip, time.Since(start).Seconds())
	}
	return nil
}

// wait waits for an event of a kind.
func wait[E styxpersist.Event](s *scene) (E, error) {
	limit := time.After(10 * time.Minute)
	for {
		select {
		case e := <-s.events:
			if e, ok := e.(E); ok {
				return e, nil
			}
		case <-limit:
			var none E
			return none, errors.New("nothing comes back")
		}
	}
}
