//go:build linux

package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/styxkit/styxkit/cmd/internal/status"
	"github.com/styxkit/styxkit/mount"
)

// list writes a line for each mount of the toolkit's. It touches none of them.
func list(w io.Writer) error {
	points, err := mount.Points()
	if err != nil {
		return err
	}
	points = slices.DeleteFunc(points, func(p mount.Point) bool { return !p.Styx() })
	known, err := status.List(func(s status.Status) bool { return slices.ContainsFunc(points, s.IsOn) })
	if err != nil {
		return err
	}
	for _, p := range points {
		// Of two mounts on one folder the upper is the later.
		if i := slices.IndexFunc(known, func(s status.Status) bool { return s.IsOn(p) }); i >= 0 {
			fmt.Fprintln(w, line(known[i], p))
			known = slices.Delete(known, i, i+1)
		} else {
			fmt.Fprintf(w, "%s on %s type %s: no process of yours serves it\n", p.Source, p.Dir, p.Type)
		}
	}
	for _, s := range known { // out of the name space, or in another
		fmt.Fprintln(w, line(s, mount.Point{}))
	}
	return nil
}

// line is what list says of a mount.
func line(s status.Status, p mount.Point) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s on %s", s.Addr, s.Dir)
	if p.Type != "" {
		fmt.Fprintf(&b, " type %s", p.Type)
	}
	var how []string
	if s.Persist {
		how = append(how, "persist")
	}
	if s.Dialect != "" {
		how = append(how, s.Dialect)
	}
	how = append(how, fmt.Sprintf("pid %d", s.Pid))
	if s.Spec != "" {
		how = append(how, "spec "+s.Spec)
	}
	fmt.Fprintf(&b, " (%s): ", strings.Join(how, ", "))
	if s.State == status.Dead {
		b.WriteString("its process has died: unmount it")
		return b.String()
	}
	fmt.Fprintf(&b, "%s since %s", s.State, s.Since.Local().Format(time.DateTime))
	if s.Cause != "" {
		fmt.Fprintf(&b, " (%s)", s.Cause)
	}
	switch {
	case s.Pending():
		b.WriteString(", not mounted yet")
		return b.String()
	case p.Type == "":
		b.WriteString(", unmounted while programs use it")
	}
	if s.Persist {
		fmt.Fprintf(&b, ", restored %d, lost %d, undecided %d", s.Restored, s.Lost+s.LocksLost, s.Undecided)
	}
	return b.String()
}
