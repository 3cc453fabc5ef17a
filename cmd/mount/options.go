//go:build linux

package main

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/styxkit/styxkit/lib9p"
	"github.com/styxkit/styxkit/mount/fuse"
	"github.com/styxkit/styxkit/styxpersist"
)

// options is what -o says.
type options struct {
	readOnly, allowOther bool
	noSilly              bool
	sole                 bool   // with -p: nobody else makes or removes names
	log                  string // file for what there is to say, empty for standard error
	noExec               bool
	cache                *fuse.Cache // nil: the backend's default
	uid, gid             *uint32
	msize                uint32         // 0: the default
	soft                 time.Duration  // with -p: when those who wait get an error, 0 for never
	dialect              *lib9p.Dialect // nil: the best that the server speaks
	qids                 styxpersist.QidPolicy
}

// parseOptions takes a list of options, set apart by commas.
func parseOptions(list string) (o options, err error) {
	for opt := range strings.SplitSeq(list, ",") {
		name, value, hasValue := strings.Cut(opt, "=")
		switch name {
		case "":
		case "ro":
			o.readOnly = true
		case "rw":
			o.readOnly = false
		case "cache":
			var c fuse.Cache
			if c, err = fuse.ParseCache(value); err != nil {
				err = fmt.Errorf("-o %s: the caches are none, open and loose", opt)
			}
			o.cache = &c
		case "exec":
			o.noExec = false
		case "noexec":
			o.noExec = true
		case "allow_other":
			o.allowOther = true
		case "silly":
			o.noSilly = false
		case "nosilly":
			o.noSilly = true
		case "sole":
			o.sole = true
		case "uid":
			o.uid, err = number(opt, value, 0, math.MaxUint32-1)
		case "gid":
			o.gid, err = number(opt, value, 0, math.MaxUint32-1)
		case "log":
			if o.log = value; value == "" {
				err = fmt.Errorf("-o %s: a file is wanted", opt)
			}
		case "msize":
			var n *uint32
			if n, err = number(opt, value, minMsize, maxMsize); err == nil {
				o.msize = *n
			}
		case "dialect", "version":
			d, ok := dialect(value)
			if !ok {
				err = fmt.Errorf("-o %s: the dialects are 9P2000, 9P2000.u and 9P2000.L", opt)
			}
			o.dialect = &d
		case "qids":
			var ok bool
			if o.qids, ok = styxpersist.ParseQidPolicy(value); !ok {
				err = fmt.Errorf("-o %s: the policies are auto, strict and name", opt)
			}
		case "soft":
			var n *uint32
			if n, err = number(opt, value, 1, 86400); err == nil {
				o.soft = time.Duration(*n) * time.Second
			}
		default:
			err = fmt.Errorf("-o %s: no such option; there are ro, rw, exec, noexec, uid=, gid=, allow_other, silly, nosilly, log=, msize=, dialect=, cache=, qids=, soft= and sole", opt)
		}
		if err == nil && hasValue && slices.Contains([]string{"ro", "rw", "exec", "noexec", "allow_other", "silly", "nosilly", "sole"}, name) {
			err = fmt.Errorf("-o %s: %s takes no value", opt, name)
		}
		if err != nil {
			return o, err
		}
	}
	return o, nil
}

const (
	minMsize = 4096 // less is not worth a mount
	maxMsize = 16 << 20
)

func number(opt, value string, least, most uint64) (*uint32, error) {
	n, err := strconv.ParseUint(value, 10, 32)
	if err != nil || n < least || n > most {
		return nil, fmt.Errorf("-o %s: a number from %d to %d is wanted", opt, least, most)
	}
	u := uint32(n)
	return &u, nil
}

// dialect takes a dialect's name without regard to case: the kernel's option is version=9p2000.L.
func dialect(name string) (lib9p.Dialect, bool) {
	for d := lib9p.P2000; d <= lib9p.L; d++ {
		if strings.EqualFold(name, d.String()) {
			return d, true
		}
	}
	return 0, false
}
