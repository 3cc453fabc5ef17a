//go:build unix

package styxpersist

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/styxkit/styxkit/lib9p"
	"github.com/styxkit/styxkit/lib9p/hidden"
)

// dirData returns what a directory read gives: entries name:cookie.
func (p *play) dirData(entries []string) []byte {
	var data []byte
	for _, e := range entries {
		name, cookie, _ := strings.Cut(spell(e), ":")
		n, _ := strconv.ParseUint(cookie, 10, 64)
		switch name { // others' hidden names
		case "HIDDEN":
			name = hidden.New().Name()
		case "OLD":
			name = oldHidden
		}
		if p.d == lib9p.L {
			data = lib9p.AppendDirent(data, &lib9p.Dirent{Qid: lib9p.Qid{Path: 100}, Offset: n, Name: name})
			continue
		}
		st := lib9p.Stat{}
		st.Name = name
		var err error
		if data, err = lib9p.AppendStat(data, p.d, &st); err != nil {
			p.fatalf("%v", err)
		}
	}
	return data
}

func (p *play) dirReply(tag string, data []byte) string {
	name := "Rread"
	if p.d == lib9p.L {
		name = "Rreaddir"
	}
	return fmt.Sprintf("%s %s count %d data %q", name, tag, len(data), data)
}

// readDir plays a directory read that the server answers. The end of what the client
// has had, as 9P2000 counts, is $dirend.
func (p *play) readDir(fid, offset string, entries []string) {
	data := p.dirData(entries)
	ask := "Treaddir"
	if p.d != lib9p.L {
		ask = "Tread"
		if offset != "0" {
			offset = p.vars["dirend"]
		}
	}
	p.rpc(fmt.Sprintf("%s fid %s offset %s count 200 => %s", ask, fid, offset, strings.Replace(p.dirReply("tag", data), " tag", "", 1)))
	n, _ := strconv.Atoi(offset)
	p.dirEnd = n + len(data)
	p.setDirEnds()
}

// setDirEnds makes the ends known to the script: the client's, and the server's on this connection.
func (p *play) setDirEnds() {
	p.vars["dirend"], p.vars["srvend"] = strconv.Itoa(p.dirEnd), strconv.Itoa(p.srvEnd)
}

func (p *play) sayDir(w []string) {
	tag := "tag $tag"
	if len(w) > 0 && w[0][0] == '$' {
		tag = "tag " + w[0]
		w = w[1:]
	}
	data := p.dirData(w)
	p.srvEnd += len(data)
	p.setDirEnds()
	p.server.say(p.dirReply(tag, data))
}
