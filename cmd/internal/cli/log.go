package cli

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"sync"
)

// Log returns a logger that writes a line for people: prefix, the message, and
// the attributes as "name value".
func Log(stderr io.Writer, prefix string, level slog.Level) *slog.Logger {
	return slog.New(&handler{w: &writer{w: stderr}, prefix: prefix, level: level})
}

// A writer keeps lines whole.
type writer struct {
	mu sync.Mutex
	w  io.Writer
}

type handler struct {
	w      *writer
	prefix string
	level  slog.Level
	attrs  []slog.Attr
}

func (h *handler) Enabled(_ context.Context, l slog.Level) bool { return l >= h.level }

func (h *handler) Handle(_ context.Context, r slog.Record) error {
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s: %s", h.prefix, r.Message)
	sep := ": "
	add := func(a slog.Attr) bool {
		fmt.Fprintf(&b, "%s%s %v", sep, a.Key, a.Value.Resolve())
		sep = ", "
		return true
	}
	for _, a := range h.attrs {
		add(a)
	}
	r.Attrs(add)
	b.WriteByte('\n')
	h.w.mu.Lock()
	defer h.w.mu.Unlock()
	_, err := h.w.w.Write(b.Bytes())
	return err
}

func (h *handler) WithAttrs(attrs []slog.Attr) slog.Handler {
	n := *h
	n.attrs = append(h.attrs[:len(h.attrs):len(h.attrs)], attrs...)
	return &n
}

// WithGroup is not used by what logs here.
func (h *handler) WithGroup(string) slog.Handler { return h }
