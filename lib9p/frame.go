package lib9p

import "fmt"

// A Frame is a message as it is on the wire: size[4] type[1] tag[2] and its fields.
// The relay looks at frames and patches them where they lie; it never builds the structs.
// The methods that take or give fields want a frame that [Frame.Check] or [Frame.Validate] has passed.
type Frame []byte

// Check reports whether f is one frame: a header and the size that it says.
func (f Frame) Check() error {
	if len(f) < HeaderSize {
		return fmt.Errorf("%d bytes are less than a header", len(f))
	}
	if uint64(f.Size()) != uint64(len(f)) {
		return fmt.Errorf("size is %d in a frame of %d bytes", f.Size(), len(f))
	}
	return nil
}

// Size returns the size that the frame says it has, in bytes, header included.
func (f Frame) Size() uint32 { return le.Uint32(f) }

// Type returns the type of the message.
func (f Frame) Type() uint8 { return f[4] }

// Tag returns the tag.
func (f Frame) Tag() uint16 { return le.Uint16(f[5:]) }

// SetTag sets the tag.
func (f Frame) SetTag(tag uint16) { le.PutUint16(f[5:], tag) }

// U16 returns the number at offset off.
func (f Frame) U16(off int) uint16 { return le.Uint16(f[off:]) }

// PutU16 sets the number at offset off.
func (f Frame) PutU16(off int, v uint16) { le.PutUint16(f[off:], v) }

// U32 returns the number at offset off.
func (f Frame) U32(off int) uint32 { return le.Uint32(f[off:]) }

// PutU32 sets the number at offset off.
func (f Frame) PutU32(off int, v uint32) { le.PutUint32(f[off:], v) }

// U64 returns the number at offset off.
func (f Frame) U64(off int) uint64 { return le.Uint64(f[off:]) }

// PutU64 sets the number at offset off.
func (f Frame) PutU64(off int, v uint64) { le.PutUint64(f[off:], v) }

// Qid returns the qid at offset off.
func (f Frame) Qid(off int) Qid { return GetQid(f[off:]) }

// Bytes returns the string at offset off, without copying it.
func (f Frame) Bytes(off int) []byte {
	n := int(le.Uint16(f[off:]))
	return f[off+2 : off+2+n : off+2+n]
}

// Offsets of the fields that a relay patches or looks at.
const (
	OffFid    = HeaderSize     // the first fid of every T-message that has one; oldtag of Tflush
	OffFid2   = HeaderSize + 4 // newfid of Twalk and Txattrwalk, afid of Tattach, dfid of Trename, fid of Tlink
	OffOffset = HeaderSize + 4 // offset[8] of Tread, Twrite, Treaddir
	OffCount  = HeaderSize + 12
	OffBody   = HeaderSize // the first field of an R-message
)

// FidOffsets returns where the fids of a T-message of dialect d stand. A zero stands for no fid.
// The source of a .u hard link, a number in the text of Tcreate's extension, is not among them.
func (f Frame) FidOffsets() (first, second int) {
	switch f.Type() {
	case TypeTversion, TypeTflush:
		return 0, 0
	case TypeTattach, TypeTwalk, TypeTxattrwalk, TypeTrename, TypeTlink:
		return OffFid, OffFid2
	case TypeTrenameat:
		return OffFid, OffFid + 4 + 2 + int(f.U16(OffFid+4))
	}
	return OffFid, 0
}
