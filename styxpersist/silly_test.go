//go:build unix

package styxpersist

import (
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"
	"testing/synctest"

	"github.com/styxkit/styxkit/lib9p"
	"github.com/styxkit/styxkit/lib9p/hidden"
)

// oldHidden is a name that somebody has left behind.
const oldHidden = ".styx00000000.aaaaaaaaaaaa.1"

// unlessHidden returns what is wrong with the session's giving a file a name.
func (p *play) unlessHidden(name string) string {
	if p.link.cfg.Silly && hidden.Is(name) {
		return ""
	}
	return "a change"
}

// asks reports whether the client waits for the answer to a Tsetattr that is m but for the fid.
func (w *peer) asks(m *lib9p.Tsetattr) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, a := range w.asked {
		if t, ok := a.(*lib9p.Tsetattr); ok {
			same := *t
			same.Fid = m.Fid
			return same == *m
		}
	}
	return false
}

// hides waits for the request that gives name a hidden name.
func (p *play) hides(name string) {
	f := p.here().next()
	tag, m, err := p.server.unpack(f)
	if err != nil {
		p.fatalf("%v", err)
	}
	old, as := name, ""
	switch m := m.(type) {
	case *lib9p.Trenameat:
		old, as = m.Oldname, m.Newname
	case *lib9p.Trename:
		as = m.Name
	case *lib9p.Twstat:
		as = m.Stat.Name
	case *lib9p.Tlink:
		as = m.Name
	case *lib9p.Tcreate:
		as = m.Name
	}
	if old != name || !hidden.Is(as) {
		p.fatalf("the server hears %s", p.server.show(f))
	}
	p.vars["h"], p.vars["tag"] = as, strconv.Itoa(int(tag))
}

// files compares what the tree holds.
func (p *play) files(want []string) {
	synctest.Wait()
	p.mu.Lock()
	defer p.mu.Unlock()
	var got []string
	for _, name := range slices.Sorted(maps.Keys(p.model.files)) {
		if hidden.Is(path.Base(name)) {
			name = path.Join(path.Dir(name), "HIDDEN")
		}
		if name != "" {
			got = append(got, name)
		}
	}
	slices.Sort(want)
	if !slices.Equal(got, want) {
		p.fatalf("the tree holds %q", got)
	}
}

// change does what the session asks to be changed, and returns the answer.
func (mo *model) change(d lib9p.Dialect, m lib9p.Msg) lib9p.Msg {
	switch m := m.(type) {
	case *lib9p.Trenameat:
		mo.rename(path.Join(mo.where[m.Olddirfid], m.Oldname), path.Join(mo.where[m.Newdirfid], m.Newname))
		return &lib9p.Rrenameat{}
	case *lib9p.Trename:
		mo.rename(mo.where[m.Fid], path.Join(mo.where[m.Dfid], m.Name))
		return &lib9p.Rrename{}
	case *lib9p.Twstat:
		at := mo.where[m.Fid]
		mo.rename(at, path.Join(path.Dir(at), m.Stat.Name))
		return &lib9p.Rwstat{}
	case *lib9p.Tlink:
		mo.files[path.Join(mo.where[m.Dfid], m.Name)] = mo.at(m.Fid)
		return &lib9p.Rlink{}
	case *lib9p.Tcreate: // DMLINK
		source, _ := strconv.Atoi(strings.TrimSpace(m.Extension))
		f := mo.at(uint32(source))
		mo.files[path.Join(mo.where[m.Fid], m.Name)] = f
		return &lib9p.Rcreate{Qid: f.qid}
	case *lib9p.Tremove:
		at := mo.where[m.Fid]
		if mo.files[at] == nil {
			return lib9p.ErrorMsg(d, errNotFound)
		}
		delete(mo.files, at)
		return &lib9p.Rremove{}
	}
	return nil
}

// rename renames a file; fids follow.
func (mo *model) rename(from, to string) {
	for fid, at := range mo.where {
		if at == from {
			mo.where[fid] = to
		}
	}
	mo.files[to] = mo.files[from]
	delete(mo.files, from)
}

// list returns the entries of a directory behind offset, all at once.
func (p *play) list(dir string, offset uint64) []byte {
	if offset > 0 {
		return nil
	}
	var entries []string
	for i, name := range slices.Sorted(maps.Keys(p.model.files)) {
		if name == "" || strings.TrimPrefix(path.Join("/", dir), "/") != strings.TrimPrefix(path.Dir("/"+name), "/") {
			continue
		}
		entries = append(entries, path.Base(name)+":"+strconv.Itoa(i+1))
	}
	return p.dirData(entries)
}
