//go:build linux

package main

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"9fans.net/go/plan9"
)

// ls prints what is in the directory f, or the name of the file f.
func (c *command) ls(ctx context.Context, f file) error {
	d, err := f.stat(ctx)
	if err != nil {
		return err
	}
	list := []plan9.Dir{d}
	if d.Mode&plan9.DMDIR != 0 && !c.itself {
		if list, err = f.list(ctx, !c.long); err != nil {
			return err
		}
	}
	slices.SortFunc(list, func(a, b plan9.Dir) int { return cmp.Compare(a.Name, b.Name) })
	_, err = c.stdout.Write([]byte(c.table(list)))
	return err
}

// table is a line for each entry; in the long form with columns as wide as they must be.
func (c *command) table(list []plan9.Dir) string {
	var b strings.Builder
	var uid, gid, length int
	for _, d := range list {
		uid, gid = max(uid, len(d.Uid)), max(gid, len(d.Gid))
		length = max(length, len(fmt.Sprint(d.Length)))
	}
	now := time.Now()
	for _, d := range list {
		if c.long {
			fmt.Fprintf(&b, "%v M 0 %-*s %-*s %*d %s ", d.Mode, uid, d.Uid, gid, d.Gid, length, d.Length, date(d.Mtime, now))
		}
		b.WriteString(quote(d.Name) + "\n")
	}
	return b.String()
}

// date is short; the time of day is for the last six months, and for what the server's clock puts ahead of ours.
func date(sec uint32, now time.Time) string {
	t := time.Unix(int64(sec), 0)
	if now.Sub(t) < 6*30*24*time.Hour {
		return t.Format("Jan _2 15:04")
	}
	return t.Format("Jan _2  2006")
}

// quote writes a name as rc takes it.
func quote(name string) string {
	plain := func(r rune) bool { return r <= ' ' || r == 0x7f || strings.ContainsRune("'`^#*[]=|\\?${}()<>&;\"", r) }
	if name != "" && !strings.ContainsFunc(name, plain) {
		return name
	}
	return "'" + strings.ReplaceAll(name, "'", "''") + "'"
}
