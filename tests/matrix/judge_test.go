package matrix

import (
	"fmt"
	"regexp"
	"slices"

	"github.com/styxkit/styxkit/lib9p"
)

// An outcome is what has come of a cell.
type outcome struct {
	row *row
	col *column
	ref *reference
	d   lib9p.Dialect

	reply     lib9p.Msg
	told      string
	success   bool
	pipelined lib9p.Msg // told of the request before
	then      []string
	last      lib9p.Msg // what was said last
	names     []string
	now       state
	count     int  // successful executions
	other     look // the other tree, as it was found
}

// judge gives an outcome its class.
func (o *outcome) judge() (class, string) {
	if o.col.tree == another {
		return o.judgeOther()
	}
	if o.row.pipes != nil {
		return o.judgeFlush()
	}
	if o.row.kind != again && o.row.kind != local && o.row.kind != fenced && o.count > 1 {
		return twice, fmt.Sprintf("the server has said %d times that it is done; told %s", o.count, o.told)
	}
	switch {
	case o.ref.refused && o.told == o.ref.told:
		return o.unchanged(refused)
	case isDoubt(o.d, o.reply):
		return o.judgeDoubt()
	case !o.success:
		if o.now.tree != o.ref.before.tree {
			return odd, fmt.Sprintf("told %s; %s", o.told, differ(o.now.tree, o.ref.before.tree))
		}
		return odd, "told " + o.told
	}
	return o.judgeSuccess()
}

func (o *outcome) judgeSuccess() (class, string) {
	if o.row.commits && len(o.then) > 0 && isDoubt(o.d, o.last) && noAttr(o.now.tree) == noAttr(o.ref.final.tree) {
		return later, ""
	}
	switch {
	case o.told != o.ref.told:
		return wrong, fmt.Sprintf("told %s, where it should be %s", o.told, o.ref.told)
	case o.now.tree == o.ref.final.tree:
	case o.now.tree == o.ref.before.tree:
		if o.d != lib9p.L && lib9p.TypeOf(o.reply) == lib9p.TypeRclunk {
			return left, "" // of a remove on close nobody asks how it went
		}
		return lost, fmt.Sprintf("told %s, and it is not done", o.told)
	default:
		return lost, differ(o.now.tree, o.ref.final.tree)
	}
	switch {
	case !slices.Equal(o.then, o.ref.then):
		return wrong, fmt.Sprintf("what follows is answered %q, where it should be %q", o.then, o.ref.then)
	case !slices.Equal(o.names, o.ref.names):
		return wrong, fmt.Sprintf("the directory's names are %q, where they should be %q", o.names, o.ref.names)
	case o.now.fids != o.ref.final.fids:
		return wrong, fmt.Sprintf("the fids are %q, where they should be %q", o.now.fids, o.ref.final.fids)
	}
	return ok, ""
}

var attr = regexp.MustCompile(" " + regexp.QuoteMeta(attrName) + "=.*")

// noAttr returns a tree without attributes: as long as it is in doubt, one may be anything.
func noAttr(tree string) string { return attr.ReplaceAllString(tree, "") }

// judgeDoubt is judge for one that was told that it may have been done.
func (o *outcome) judgeDoubt() (class, string) {
	if why := o.strayed(); why != "" {
		return wrong, why
	}
	switch o.now.tree {
	case o.ref.before.tree:
		return doubt, "told " + o.told
	case o.ref.after.tree:
		return doneDoubt, "told " + o.told
	}
	return wrong, fmt.Sprintf("told %s; %s", o.told, differ(o.now.tree, o.ref.after.tree))
}

// strayed says which fid is a file that it is neither with nor without the message. It may be none at all.
func (o *outcome) strayed() string {
	for fid, is := range o.now.fids {
		if is != "error" && is != o.ref.before.fids[fid] && is != o.ref.after.fids[fid] {
			return fmt.Sprintf("fid %d is %s, where it should be %s or %s", fid, is, o.ref.before.fids[fid], o.ref.after.fids[fid])
		}
	}
	return ""
}

// unchanged is c, if nothing has changed.
func (o *outcome) unchanged(c class) (class, string) {
	if o.now.tree != o.ref.before.tree {
		return wrong, differ(o.now.tree, o.ref.before.tree)
	}
	if why := o.strayed(); why != "" {
		return wrong, why
	}
	return c, ""
}

// judgeFlush is judge for a Tflush: what counts is what was told of the request that it was to cancel.
func (o *outcome) judgeFlush() (class, string) {
	made := o.now.tree == o.ref.after.tree
	switch m := o.pipelined; {
	case !o.success:
		return odd, "told " + o.told
	case m == nil && made:
		return lost, "the request is done, and nothing was told of it"
	case m == nil:
		return ok, ""
	case isDoubt(o.d, m) && made:
		return doneDoubt, ""
	case isDoubt(o.d, m):
		return doubt, ""
	case lib9p.ErrorOf(m) == nil && made:
		return ok, ""
	}
	return odd, fmt.Sprintf("told %+v of the request", o.pipelined)
}

// judgeOther is judge where the server has another tree, in which no file is the right one.
func (o *outcome) judgeOther() (class, string) {
	if o.now.tree != o.other.text {
		return wrong, "in the other tree, " + differ(o.now.tree, o.other.text)
	}
	if !o.row.untied {
		for fid, is := range o.now.fids {
			if is != "error" && is != "" {
				return wrong, fmt.Sprintf("fid %d is %s in the other tree", fid, is)
			}
		}
	}
	switch {
	case !o.success && o.ref.refused && o.row.untied:
		return refused, ""
	case !o.success:
		return right, ""
	case o.row.untied || o.row.kind == local:
		return ok, ""
	}
	return wrong, fmt.Sprintf("told %s by another tree", o.told)
}

// isDoubt reports whether m says that nobody knows what came of the request.
func isDoubt(d lib9p.Dialect, m lib9p.Msg) bool {
	e := lib9p.ErrorOf(m)
	switch {
	case e == nil:
		return false
	case d == lib9p.L:
		return e.Number() == lib9p.EIO
	}
	return e.Ename == "operation possibly not completed" || e.Ename == "attribute possibly not written"
}

func differ(got, want string) string {
	return fmt.Sprintf("there is\n%s\nwhere there should be\n%s", got, want)
}
