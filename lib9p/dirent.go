package lib9p

import "fmt"

// A Dirent is an entry of Rreaddir: qid[13] offset[8] type[1] name[s].
type Dirent struct {
	Qid    Qid
	Offset uint64 // where the next Treaddir goes on, opaque to the client
	Type   uint8  // DT_ value of readdir(3), 0 where unknown
	Name   string
}

// Size returns the entry's size on the wire in bytes.
func (e *Dirent) Size() int { return QidSize + 8 + 1 + 2 + len(e.Name) }

// AppendDirent appends e; a name over 65535 bytes is cut.
func AppendDirent(b []byte, e *Dirent) []byte {
	name := e.Name[:min(len(e.Name), 0xffff)]
	b = AppendQid(b, e.Qid)
	b = le.AppendUint64(b, e.Offset)
	b = append(b, e.Type)
	b = le.AppendUint16(b, uint16(len(name)))
	return append(b, name...)
}

// NextDirent unpacks the first entry of b and returns what follows it.
func NextDirent(b []byte) (e Dirent, rest []byte, err error) {
	const fixed = QidSize + 8 + 1 + 2
	if len(b) < fixed || len(b)-fixed < int(le.Uint16(b[fixed-2:])) {
		return e, nil, fmt.Errorf("unpack directory entry: %d bytes are not a whole entry", len(b))
	}
	n := fixed + int(le.Uint16(b[fixed-2:]))
	e = Dirent{Qid: GetQid(b), Offset: le.Uint64(b[QidSize:]), Type: b[QidSize+8], Name: string(b[fixed:n])}
	return e, b[n:], nil
}
