//go:build unix

package styxpersist

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/styxkit/styxkit/lib9p"
)

// setAuth has Config.Auth do steps when it is called next.
func (p *play) setAuth(steps []string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.auth == nil {
		p.link.cfg.Auth = p.prove // before there is a session
	}
	p.auth = steps
}

func (p *play) prove(ctx context.Context, afid io.ReadWriter, t *lib9p.Tauth) error {
	p.mu.Lock()
	steps := p.auth
	p.mu.Unlock()
	for _, step := range steps {
		if user, its, ok := strings.Cut(step, ":"); ok && user != t.Uname {
			continue
		} else if ok {
			step = its
		}
		if err := authStep(ctx, afid, step); err != nil {
			return fmt.Errorf("proving %s: %w", t.Uname, err)
		}
	}
	return nil
}

// authStep does one step, which "user:" before it makes one for this user only: ">text" writes it, "<text" reads and wants just that, "reads" has a read under way that
// nobody waits for, "wait" waits for the end, a duration passes, "fail" fails, and "none" is that there is no proof.
func authStep(ctx context.Context, afid io.ReadWriter, step string) error {
	text := strings.TrimLeft(step, "<>")
	switch {
	case step == "wait":
		<-ctx.Done()
		return ctx.Err()
	case step == "reads":
		go afid.Read(make([]byte, 100))
	case step == "fail":
		return errors.New("no key")
	case step == "none":
		return errors.ErrUnsupported
	case step[0] == '>':
		_, err := io.WriteString(afid, text)
		return err
	case step[0] == '<':
		b := make([]byte, 100)
		n, err := afid.Read(b)
		if err == nil && string(b[:n]) != text {
			err = fmt.Errorf("server says %q", b[:n])
		}
		return err
	default:
		d, err := time.ParseDuration(step)
		if err != nil {
			return err
		}
		time.Sleep(d)
	}
	return nil
}

// refuses takes proofs and refuses the attaches that come with them, for as long as the session asks, within d.
func (p *play) refuses(d time.Duration, answer string) {
	for end := time.Now().Add(d); time.Now().Before(end); {
		select {
		case f := <-p.server.inbox:
			p.answerProof(f, answer)
		case <-time.After(10 * time.Second):
			return
		}
	}
}

func (p *play) answerProof(f lib9p.Frame, answer string) {
	switch f.Type() {
	case lib9p.TypeTauth:
		p.server.send(f.Tag(), &lib9p.Rauth{Aqid: lib9p.Qid{Type: 0x08, Path: 9}})
	case lib9p.TypeTwrite:
		p.server.send(f.Tag(), &lib9p.Rwrite{Count: f.U32(lib9p.OffCount)})
	case lib9p.TypeTattach:
		p.server.send(f.Tag(), lib9p.ErrorMsg(p.d, errorNames[answer]))
	default:
		p.fatalf("the session asks for %s", p.server.show(f))
	}
}
