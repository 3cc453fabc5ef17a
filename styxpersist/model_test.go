//go:build unix

package styxpersist

import (
	"fmt"
	"path"
	"strconv"
	"strings"

	"9fans.net/go/plan9"

	"github.com/styxkit/styxkit/lib9p"
	"github.com/styxkit/styxkit/lib9p/hidden"
)

// A model is the tree from which a server answers what the session asks of its own accord, so that a
// script need not spell out every walk. Lines "tree path qid [len=n] [data=abc] [mode=0100644] [mtime=n] [gen=n] [target=x] [rdev=n]" fill it.
type model struct {
	files  map[string]*modelFile
	manual []string // what messages contain that the script answers all the same
	where  map[uint32]string
	opened int
}

type modelFile struct {
	qid    lib9p.Qid
	mode   uint32
	length uint64
	mtime  uint64
	gen    uint64 // 0: unknown
	data   string
	target string
	rdev   uint64
}

// modelLine plays a line that begins with tree: "tree -" empties it.
func (p *play) modelLine(rest string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for name, value := range p.vars {
		rest = strings.ReplaceAll(rest, "/$"+name, "/"+value)
	}
	w := words(rest)
	if p.model == nil || w[0] == "-" {
		p.model = &model{files: make(map[string]*modelFile), where: make(map[uint32]string)}
		p.model.files[""] = &modelFile{qid: lib9p.Qid{Type: plan9.QTDIR, Path: 1}, mode: lib9p.ModeDir | 0755}
	}
	if len(w) < 2 {
		if w[0] != "-" {
			delete(p.model.files, w[0])
		}
		return
	}
	f := &modelFile{mode: lib9p.ModeRegular | 0644}
	if _, err := fmt.Sscanf(qids(w[1])[0], "(%x", &f.qid.Path); err != nil {
		p.fatalf("%v", err)
	}
	switch {
	case strings.HasSuffix(w[1], "d"):
		f.qid.Type, f.mode = plan9.QTDIR, lib9p.ModeDir|0755
	case strings.HasSuffix(w[1], "L"):
		f.qid.Type, f.mode = plan9.QTSYMLINK, lib9p.ModeSymlink|0777
	case strings.HasSuffix(w[1], "a"):
		f.qid.Type = plan9.QTAPPEND
	}
	for _, opt := range w[2:] {
		key, value, _ := strings.Cut(opt, "=")
		n, _ := strconv.ParseUint(value, 0, 64)
		switch key {
		case "len":
			f.length = n
		case "data":
			f.data, f.length = value, uint64(len(value))
		case "mode":
			f.mode = uint32(n)
		case "mtime":
			f.mtime = n
		case "gen":
			f.gen = n
		case "rdev":
			f.rdev = n
		case "target":
			f.target = value
		default:
			p.fatalf("no option %q of a file", key)
		}
	}
	p.model.files[w[0]] = f
}

// modelManual leaves messages that contain rest to the script; all, where rest is empty.
func (p *play) modelManual(rest string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if rest == "" {
		p.model = nil
		return
	}
	p.model.manual = append(p.model.manual, rest)
}

// serve answers m, which the session asks of its own accord, or returns nil where the script does.
func (p *play) serve(m lib9p.Msg) lib9p.Msg {
	p.mu.Lock()
	defer p.mu.Unlock()
	mo := p.model
	if mo == nil {
		return nil
	}
	text := lib9p.Format(p.d, 0, m)
	for _, part := range mo.manual {
		if strings.Contains(text, part) {
			return nil
		}
	}
	switch m := m.(type) {
	case *lib9p.Tattach:
		if p.link.cfg.Silly && !p.again { // afterwards the script does it
			return &lib9p.Rattach{Qid: mo.files[""].qid}
		}
	case *lib9p.Twalk:
		return mo.walk(p.d, m)
	case *lib9p.Topen:
		mo.opened++
		return &lib9p.Ropen{Qid: mo.at(m.Fid).qid}
	case *lib9p.Tlopen:
		mo.opened++
		return &lib9p.Rlopen{Qid: mo.at(m.Fid).qid}
	case *lib9p.Tstat:
		f := mo.at(m.Fid)
		st := lib9p.Stat{}
		st.Qid, st.Length, st.Mode, st.Name = f.qid, f.length, plan9.Perm(f.mode&0777), "x"
		st.Mtime = uint32(f.mtime)
		switch st.Extension = f.target; f.mode & lib9p.ModeFmt {
		case lib9p.ModeSymlink:
			st.Mode |= plan9.DMSYMLINK
		case lib9p.ModeChar:
			st.Mode |= plan9.DMDEVICE
		case lib9p.ModePipe:
			st.Mode |= plan9.DMNAMEDPIPE
		}
		return &lib9p.Rstat{Stat: st}
	case *lib9p.Tgetattr:
		f := mo.at(m.Fid)
		a := &lib9p.Rgetattr{Valid: lib9p.GetBasic, Qid: f.qid, Mode: f.mode, Size: f.length, Nlink: 1, Gen: f.gen, Rdev: f.rdev}
		a.Mtime.Sec = f.mtime
		if f.gen > 0 {
			a.Valid |= lib9p.GetGen
		}
		return a
	case *lib9p.Tread:
		f := mo.at(m.Fid)
		if isDir(f.qid) && (p.link.cfg.Silly || p.link.cfg.Sole) {
			return &lib9p.Rread{Data: p.list(mo.where[m.Fid], m.Offset)}
		} else if isDir(f.qid) {
			return nil
		}
		from := min(int(m.Offset), len(f.data))
		return &lib9p.Rread{Data: []byte(f.data[from:min(from+int(m.Count), len(f.data))])}
	case *lib9p.Treaddir:
		if p.link.cfg.Silly || p.link.cfg.Sole {
			return &lib9p.Rreaddir{Data: p.list(mo.where[m.Fid], m.Offset)}
		}
	case *lib9p.Treadlink:
		return &lib9p.Rreadlink{Target: mo.at(m.Fid).target}
	case *lib9p.Tlock:
		return &lib9p.Rlock{Status: lib9p.LockSuccess}
	}
	if p.link.cfg.Silly {
		return mo.change(p.d, m)
	}
	return nil
}

func (mo *model) at(fid uint32) *modelFile {
	if f := mo.files[mo.where[fid]]; f != nil {
		return f
	}
	return &modelFile{}
}

func (mo *model) walk(d lib9p.Dialect, m *lib9p.Twalk) lib9p.Msg {
	path := mo.where[m.Fid]
	r := &lib9p.Rwalk{}
	for _, name := range m.Wname {
		if path != "" {
			path += "/"
		}
		path += name
		f := mo.files[path]
		if f == nil {
			break
		}
		r.Wqid = append(r.Wqid, f.qid)
	}
	if len(r.Wqid) == 0 && len(m.Wname) > 0 {
		return lib9p.ErrorMsg(d, errNotFound)
	}
	if len(r.Wqid) == len(m.Wname) {
		mo.where[m.Newfid] = path
	}
	return r
}

// harmful returns what the session may never ask of its own accord.
func (p *play) harmful(w *peer, m lib9p.Msg) string {
	switch m := m.(type) {
	case *lib9p.Topen:
		if m.Mode&(plan9.OTRUNC|plan9.ORCLOSE) != 0 {
			return "an open that changes the file"
		}
	case *lib9p.Tlopen:
		if m.Flags&(lib9p.LCREATE|lib9p.LEXCL|lib9p.LTRUNC) != 0 && !p.client.truncates(m.Flags) {
			return "an open that changes the file"
		}
	case *lib9p.Tsetattr:
		if p.link.cfg.Silly && p.client.asks(m) {
			return ""
		}
		if m.Valid != lib9p.SetMode {
			return "a change"
		}
	case *lib9p.Twstat:
		if p.link.cfg.Silly && hidden.Is(m.Stat.Name) {
			return ""
		}
		st := lib9p.NullStat()
		st.Mode = m.Stat.Mode
		st.Nuid, st.Ngid, st.Nmuid = m.Stat.Nuid, m.Stat.Ngid, m.Stat.Nmuid // which 9P2000 has not
		if m.Stat != st {
			return "a change"
		}
	case *lib9p.Twrite: // only an attribute, which is no file's yet, or a proof
		w.mu.Lock()
		defer w.mu.Unlock()
		if !w.attrs[m.Fid] {
			return "a change"
		}
	case *lib9p.Trenameat:
		return p.unlessHidden(m.Newname)
	case *lib9p.Trename:
		return p.unlessHidden(m.Name)
	case *lib9p.Tlink:
		return p.unlessHidden(m.Name)
	case *lib9p.Tcreate:
		return p.unlessHidden(m.Name)
	case *lib9p.Tlcreate, *lib9p.Tmkdir, *lib9p.Tsymlink,
		*lib9p.Tmknod, *lib9p.Tunlinkat:
		return "a change"
	case *lib9p.Tremove:
		if p.model != nil && hidden.Is(path.Base(p.model.where[m.Fid])) {
			return ""
		}
		if !p.gone {
			return "a removal"
		}
	}
	return ""
}

// truncates reports whether the client has asked to create a file so, and has no answer: then to open it so is no more.
func (w *peer) truncates(flags uint32) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, m := range w.asked {
		if t, ok := m.(*lib9p.Tlcreate); ok && t.Flags&lib9p.LEXCL == 0 && t.Flags&^lib9p.LCREATE == flags {
			return true
		}
	}
	return false
}

// newGeneration forgets the fids of the connection before.
func (p *play) newGeneration() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.model != nil {
		p.model.where, p.model.manual = make(map[uint32]string), nil
	}
}
