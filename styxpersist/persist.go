package styxpersist

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"time"

	"github.com/styxkit/styxkit/lib9p"
)

// A Config says what a connection works with. Only Redial is needed.
type Config struct {
	// Redial is how the session asks for a connection to the server: it sends a channel, of which it
	// takes one connection, or nil where there is none at present; then it asks again later.
	// The connection is the session's to close. See [Dialer].
	Redial chan<- chan<- io.ReadWriteCloser

	// Auth proves to the server who a user is, on the authentication file that t has made: t has the user and the tree of
	// the attach that follows, as the client has them, and no number in 9P2000. Read and Write are a Tread and Twrites, at one offset that both
	// move; Read returns what one message has, and io.EOF at the end; one of each may go on at the same time. Their
	// errors wrap the [lib9p.Error] of a server that refuses, and should be wrapped in what Auth returns: then the proof
	// was refused; else it could not be given, and will be tried again. [errors.ErrUnsupported] is that there is none for
	// this user, who is then attached without.
	// Auth must return when ctx ends, at the latest a minute after it was called; what it reads or writes after that fails.
	// It may be called for several users at once. Nil: the client authenticates itself, or nobody does.
	Auth func(ctx context.Context, afid io.ReadWriter, t *lib9p.Tauth) error

	// Silly keeps a file that is removed, or replaced by a rename, while fids are open on it, under a hidden name until
	// the last of them is clunked: without a name nobody finds it when the server has died.
	Silly bool

	// Sole says that nobody else makes or removes names in the trees that the client attaches, on this machine or another: what
	// makes a name that was free, and has no answer, was done if the name is there.
	Sole bool

	// Soft is after what absence or silence of the server what waits for it is answered with an error (EIO), and
	// what comes is at once, until it is back. 0 is never: the client waits for as long as it takes.
	Soft time.Duration

	// Logger is told, at level Info, when the server goes away and when it is back with
	// what was restored; at Warn, what could not be; at Debug, how. Nil for silence.
	Logger *slog.Logger

	// Observer is told what Logger is told, as values. It is called in the order of the events, one call at a time,
	// and neither holds up the session nor is called with anything of it locked; Serve returns after the last call has.
	// Nil for nobody.
	Observer func(Event)

	// Counters are counted on. They are of one Serve. Nil where nobody wants to read them.
	Counters *Counters

	// Qids is what to make of a server that comes back with other qids.
	Qids QidPolicy

	// Rand gives numbers in [0, 1) that spread the attempts to connect again, so that many sessions
	// do not come all at once. Nil for math/rand.
	Rand func() float64

	watch  func(*link) // of the simulation
	window int         // of benchmarks: the most that fids come back at a time, 0 for windowMost
}

// Init serves 9P on client, and keeps the conversation alive on connections that it asks for on the
// channel that it returns: who receives from it dials the server and sends the connection, or nil where the server
// is away at present, on the channel received. The channel is closed when the client has hung up.
//
// It is the Init of Inferno's styxpersist(2). With usefac, connections are to be authenticated with
// the key that keyspec describes; this package has no authentication yet and returns an error.
func Init(client io.ReadWriteCloser, usefac bool, keyspec string) (redial <-chan chan<- io.ReadWriteCloser, err error) {
	if usefac {
		return nil, errors.New("styxpersist: authentication by factotum is not available; leave usefac false")
	}
	c := make(chan chan<- io.ReadWriteCloser)
	go func() {
		defer close(c)
		Serve(context.Background(), client, Config{Redial: c})
	}()
	return c, nil
}

// Serve relays the 9P conversation on client to the connections that it asks for on cfg.Redial. It returns
// nil when the client hangs up between messages, ctx's cause when ctx ends, or what was wrong with
// the client; client is closed then, and nothing is left running.
//
// A lost connection is no error: Serve asks for another for as long as the client is there.
func Serve(ctx context.Context, client lib9p.Transport, cfg Config) error {
	if cfg.Redial == nil {
		return errors.New("styxpersist: Config has no Redial channel to ask for connections")
	}
	log := cfg.Logger
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	l := &link{cfg: cfg, log: log, conn: client, wall: wallClock}
	if cfg.watch != nil {
		cfg.watch(l)
	}
	return l.serve(ctx)
}

// wallClock goes on while the machine sleeps, which Go's time does not.
func wallClock() time.Time { return time.Now().Round(0) }

// Dialer answers requests for connections with dial, one at a time, until redial is closed or,
// where it never is, for ever. The session learns dial's error.
func Dialer(redial <-chan chan<- io.ReadWriteCloser, dial func() (io.ReadWriteCloser, error)) {
	for c := range redial {
		conn, err := dial()
		if err != nil {
			conn = failed{err}
		}
		c <- conn
	}
}

// failed carries the error of a dial where a connection should be.
type failed struct{ err error }

func (f failed) Read([]byte) (int, error)  { return 0, f.err }
func (f failed) Write([]byte) (int, error) { return 0, f.err }
func (f failed) Close() error              { return nil }

// ask asks for a connection. The error is why there is none, or ctx's.
func (l *link) ask(ctx context.Context) (lib9p.Transport, error) {
	c := make(chan io.ReadWriteCloser, 1)
	select {
	case l.cfg.Redial <- c:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	select {
	case conn := <-c:
		switch conn := conn.(type) {
		case nil:
			return nil, errNoConn
		case failed:
			return nil, conn.err
		}
		return conn, nil
	case <-ctx.Done():
		go func() { // the answer still comes
			if conn := <-c; conn != nil {
				conn.Close()
			}
		}()
		return nil, ctx.Err()
	}
}

var errNoConn = errors.New("no connection to be had")

// A backoff is the pause between attempts to reach the server: none before the
// first, then from least to most, doubling, a quarter more or less.
type backoff struct {
	least, most time.Duration
	rand        func() float64 // in [0, 1)
	next        time.Duration
}

func (b *backoff) pause() time.Duration {
	d := b.next
	b.next = min(max(2*d, b.least), b.most)
	return d - d/4 + time.Duration(float64(d)*b.rand()/2)
}

// spread is a backoff's rand for the n-th of many that begin at the same time: they come one after the other, and do so
// in the same order each time.
func spread(n uint64) func() float64 {
	return func() float64 { return float64(n%1021) / 1021 }
}
