package client

import (
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/styxkit/styxkit/lib9p"
)

// negotiate settles dialect and msize with the server, and returns the reader to go on with.
func (c *Conn) negotiate(opt Options) (*lib9p.Reader, error) {
	offers := opt.Dialects
	if len(offers) == 0 {
		offers = []lib9p.Dialect{lib9p.L, lib9p.U, lib9p.P2000}
	}
	msize := opt.Msize
	if msize == 0 {
		msize = DefaultMsize
	}
	if msize < lib9p.MinMsize {
		return nil, fmt.Errorf("negotiate version: msize %d is too small; the least is %d", msize, lib9p.MinMsize)
	}
	r := lib9p.NewReader(c.t, msize)
	var refused error
	for _, d := range offers {
		v, err := offer(c.t, r, d, msize)
		if refusal, ok := errors.AsType[*lib9p.Error](err); ok {
			refused = refusal
			continue
		}
		if err != nil {
			return nil, &ConnError{Op: "negotiate version", Err: fmt.Errorf("%w: is it a 9P server", err)}
		}
		got, ok := lib9p.ParseDialect(v.Version)
		if !ok || !slices.Contains(offers, got) {
			refused = fmt.Errorf("server answers %q to %s", v.Version, d)
			continue
		}
		if v.Msize > msize || v.Msize < lib9p.MinMsize {
			return nil, &ConnError{Op: "negotiate version", Err: fmt.Errorf("server answers msize %d to %d", v.Msize, msize)}
		}
		c.dialect, c.msize = got, v.Msize
		r.SetMax(c.msize)
		return r, nil
	}
	return nil, fmt.Errorf("negotiate version: no dialect in common: %w", refused)
}

// offer sends one Tversion and returns what answers it. An error message is returned as a *lib9p.Error.
func offer(t lib9p.Transport, r *lib9p.Reader, d lib9p.Dialect, msize uint32) (*lib9p.Rversion, error) {
	f, err := lib9p.Pack(d, lib9p.NoTag, &lib9p.Tversion{Msize: msize, Version: d.String()})
	if err != nil {
		return nil, err
	}
	if _, err := t.Write(f); err != nil {
		return nil, err
	}
	f, err = r.Next()
	if err == io.EOF {
		err = errors.New("server hung up")
	}
	if err != nil {
		return nil, err
	}
	for _, d := range []lib9p.Dialect{lib9p.P2000, lib9p.U, lib9p.L} {
		tag, m, err := lib9p.Unpack(d, f)
		if err != nil {
			continue
		}
		if v, ok := m.(*lib9p.Rversion); ok && tag == lib9p.NoTag {
			return v, nil
		}
		if e := lib9p.ErrorOf(m); e != nil {
			return nil, e
		}
	}
	return nil, fmt.Errorf("server answers Tversion with %s tag %d", lib9p.TypeName(f.Type()), f.Tag())
}
