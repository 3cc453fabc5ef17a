//go:build linux

package main

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/styxkit/styxkit/cmd/internal/auth"
	"github.com/styxkit/styxkit/lib9p"
	"github.com/styxkit/styxkit/mount/fuse"
	"github.com/styxkit/styxkit/styxpersist"
)

// options is what -o says.
type options struct {
	readOnly, allowOther bool
	noSilly              bool
	sole                 bool         // with -p: nobody else makes or removes names
	auth                 auth.Command // with -p: proves the user to the server; empty where nobody asks for that
	log                  string       // file for what there is to say, empty for standard error
	noExec               bool
	background           bool        // with -p: try again until the server is there
	cache                *fuse.Cache // nil: the backend's default
	uid, gid             *uint32
	msize                uint32         // 0: the default
	soft                 time.Duration  // with -p: when those who wait get an error, 0 for never
	dialect              *lib9p.Dialect // nil: the best that the server speaks
	qids                 styxpersist.QidPolicy
}

// An option is one that -o knows.
type option struct {
	name string // with = behind it if it has a value
	set  func(o *options, value string) error
}

// known are the options, in the manual's order.
var known = []option{
	{"ro", flag(func(o *options) { o.readOnly = true })},
	{"rw", flag(func(o *options) { o.readOnly = false })},
	{"exec", flag(func(o *options) { o.noExec = false })},
	{"noexec", flag(func(o *options) { o.noExec = true })},
	{"uid=", func(o *options, value string) (err error) {
		o.uid, err = number(value, 0, math.MaxUint32-1)
		return err
	}},
	{"gid=", func(o *options, value string) (err error) {
		o.gid, err = number(value, 0, math.MaxUint32-1)
		return err
	}},
	{"allow_other", flag(func(o *options) { o.allowOther = true })},
	{"silly", flag(func(o *options) { o.noSilly = false })},
	{"nosilly", flag(func(o *options) { o.noSilly = true })},
	{"sole", flag(func(o *options) { o.sole = true })},
	{"auth=", setAuth},
	{"bg", flag(func(o *options) { o.background = true })},
	{"cache=", setCache},
	{"log=", setLog},
	{"msize=", setMsize},
	{"dialect=", setDialect},
	{"version=", setDialect},
	{"qids=", setQids},
	{"soft=", setSoft},
}

// flag is what an option without a value does.
func flag(set func(o *options)) func(*options, string) error {
	return func(o *options, _ string) error {
		set(o)
		return nil
	}
}

func setCache(o *options, value string) error {
	c, err := fuse.ParseCache(value)
	if err != nil {
		return errors.New("the caches are none, open and loose")
	}
	o.cache = &c
	return nil
}

func setAuth(o *options, value string) (err error) {
	o.auth, err = auth.Parse(value)
	return err
}

func setLog(o *options, value string) error {
	if o.log = value; value == "" {
		return errors.New("a file is wanted")
	}
	return nil
}

func setMsize(o *options, value string) error {
	n, err := number(value, minMsize, maxMsize)
	if err == nil {
		o.msize = *n
	}
	return err
}

func setDialect(o *options, value string) error {
	d, ok := dialect(value)
	if !ok {
		return errors.New("the dialects are 9P2000, 9P2000.u and 9P2000.L")
	}
	o.dialect = &d
	return nil
}

func setQids(o *options, value string) (err error) {
	var ok bool
	if o.qids, ok = styxpersist.ParseQidPolicy(value); !ok {
		err = errors.New("the policies are auto, strict and name")
	}
	return err
}

func setSoft(o *options, value string) error {
	n, err := number(value, 1, 86400)
	if err == nil {
		o.soft = time.Duration(*n) * time.Second
	}
	return err
}

// parseOptions takes a list of options, set apart by commas.
func parseOptions(list string) (o options, err error) {
	for _, opt := range splitOptions(list) {
		if err := o.take(opt); err != nil {
			return o, fmt.Errorf("-o %s: %w", opt, err)
		}
	}
	return o, nil
}

// splitOptions splits a list at its commas outside { and }.
func splitOptions(list string) []string {
	deep := 0
	return strings.FieldsFunc(list, func(r rune) bool {
		switch r {
		case '{':
			deep++
		case '}':
			deep--
		}
		return r == ',' && deep == 0
	})
}

func (o *options) take(opt string) error {
	name, value, hasValue := strings.Cut(opt, "=")
	for _, k := range known {
		bare, wantsValue := strings.CutSuffix(k.name, "=")
		switch {
		case bare != name:
		case hasValue && !wantsValue:
			return fmt.Errorf("%s takes no value", name)
		default:
			return k.set(o, value)
		}
	}
	var names []string
	for _, k := range known {
		names = append(names, k.name)
	}
	last := len(names) - 1
	return fmt.Errorf("no such option; there are %s and %s", strings.Join(names[:last], ", "), names[last])
}

const (
	minMsize = 4096 // less is not worth a mount
	maxMsize = 16 << 20
)

func number(value string, least, most uint64) (*uint32, error) {
	n, err := strconv.ParseUint(value, 10, 32)
	if err != nil || n < least || n > most {
		return nil, fmt.Errorf("a number from %d to %d is wanted", least, most)
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
