package lib9p

import "fmt"

func (*Tversion) typ() uint8     { return TypeTversion }
func (*Rversion) typ() uint8     { return TypeRversion }
func (*Tauth) typ() uint8        { return TypeTauth }
func (*Rauth) typ() uint8        { return TypeRauth }
func (*Tattach) typ() uint8      { return TypeTattach }
func (*Rattach) typ() uint8      { return TypeRattach }
func (*Rerror) typ() uint8       { return TypeRerror }
func (*Tflush) typ() uint8       { return TypeTflush }
func (*Rflush) typ() uint8       { return TypeRflush }
func (*Twalk) typ() uint8        { return TypeTwalk }
func (*Rwalk) typ() uint8        { return TypeRwalk }
func (*Topen) typ() uint8        { return TypeTopen }
func (*Ropen) typ() uint8        { return TypeRopen }
func (*Tcreate) typ() uint8      { return TypeTcreate }
func (*Rcreate) typ() uint8      { return TypeRcreate }
func (*Tread) typ() uint8        { return TypeTread }
func (*Rread) typ() uint8        { return TypeRread }
func (*Twrite) typ() uint8       { return TypeTwrite }
func (*Rwrite) typ() uint8       { return TypeRwrite }
func (*Tclunk) typ() uint8       { return TypeTclunk }
func (*Rclunk) typ() uint8       { return TypeRclunk }
func (*Tremove) typ() uint8      { return TypeTremove }
func (*Rremove) typ() uint8      { return TypeRremove }
func (*Tstat) typ() uint8        { return TypeTstat }
func (*Rstat) typ() uint8        { return TypeRstat }
func (*Twstat) typ() uint8       { return TypeTwstat }
func (*Rwstat) typ() uint8       { return TypeRwstat }
func (*Rlerror) typ() uint8      { return TypeRlerror }
func (*Tstatfs) typ() uint8      { return TypeTstatfs }
func (*Rstatfs) typ() uint8      { return TypeRstatfs }
func (*Tlopen) typ() uint8       { return TypeTlopen }
func (*Rlopen) typ() uint8       { return TypeRlopen }
func (*Tlcreate) typ() uint8     { return TypeTlcreate }
func (*Rlcreate) typ() uint8     { return TypeRlcreate }
func (*Tsymlink) typ() uint8     { return TypeTsymlink }
func (*Rsymlink) typ() uint8     { return TypeRsymlink }
func (*Tmknod) typ() uint8       { return TypeTmknod }
func (*Rmknod) typ() uint8       { return TypeRmknod }
func (*Trename) typ() uint8      { return TypeTrename }
func (*Rrename) typ() uint8      { return TypeRrename }
func (*Treadlink) typ() uint8    { return TypeTreadlink }
func (*Rreadlink) typ() uint8    { return TypeRreadlink }
func (*Tgetattr) typ() uint8     { return TypeTgetattr }
func (*Rgetattr) typ() uint8     { return TypeRgetattr }
func (*Tsetattr) typ() uint8     { return TypeTsetattr }
func (*Rsetattr) typ() uint8     { return TypeRsetattr }
func (*Txattrwalk) typ() uint8   { return TypeTxattrwalk }
func (*Rxattrwalk) typ() uint8   { return TypeRxattrwalk }
func (*Txattrcreate) typ() uint8 { return TypeTxattrcreate }
func (*Rxattrcreate) typ() uint8 { return TypeRxattrcreate }
func (*Treaddir) typ() uint8     { return TypeTreaddir }
func (*Rreaddir) typ() uint8     { return TypeRreaddir }
func (*Tfsync) typ() uint8       { return TypeTfsync }
func (*Rfsync) typ() uint8       { return TypeRfsync }
func (*Tlock) typ() uint8        { return TypeTlock }
func (*Rlock) typ() uint8        { return TypeRlock }
func (*Tgetlock) typ() uint8     { return TypeTgetlock }
func (*Rgetlock) typ() uint8     { return TypeRgetlock }
func (*Tlink) typ() uint8        { return TypeTlink }
func (*Rlink) typ() uint8        { return TypeRlink }
func (*Tmkdir) typ() uint8       { return TypeTmkdir }
func (*Rmkdir) typ() uint8       { return TypeRmkdir }
func (*Trenameat) typ() uint8    { return TypeTrenameat }
func (*Rrenameat) typ() uint8    { return TypeRrenameat }
func (*Tunlinkat) typ() uint8    { return TypeTunlinkat }
func (*Runlinkat) typ() uint8    { return TypeRunlinkat }

// TypeOf returns the message's number on the wire.
func TypeOf(m Msg) uint8 { return m.typ() }

// New returns a new zero message of type typ, or nil where no message has that number.
func New(typ uint8) Msg {
	switch typ {
	case TypeTversion:
		return new(Tversion)
	case TypeRversion:
		return new(Rversion)
	case TypeTauth:
		return new(Tauth)
	case TypeRauth:
		return new(Rauth)
	case TypeTattach:
		return new(Tattach)
	case TypeRattach:
		return new(Rattach)
	case TypeRerror:
		return new(Rerror)
	case TypeTflush:
		return new(Tflush)
	case TypeRflush:
		return new(Rflush)
	case TypeTwalk:
		return new(Twalk)
	case TypeRwalk:
		return new(Rwalk)
	case TypeTopen:
		return new(Topen)
	case TypeRopen:
		return new(Ropen)
	case TypeTcreate:
		return new(Tcreate)
	case TypeRcreate:
		return new(Rcreate)
	case TypeTread:
		return new(Tread)
	case TypeRread:
		return new(Rread)
	case TypeTwrite:
		return new(Twrite)
	case TypeRwrite:
		return new(Rwrite)
	case TypeTclunk:
		return new(Tclunk)
	case TypeRclunk:
		return new(Rclunk)
	case TypeTremove:
		return new(Tremove)
	case TypeRremove:
		return new(Rremove)
	case TypeTstat:
		return new(Tstat)
	case TypeRstat:
		return new(Rstat)
	case TypeTwstat:
		return new(Twstat)
	case TypeRwstat:
		return new(Rwstat)
	case TypeRlerror:
		return new(Rlerror)
	case TypeTstatfs:
		return new(Tstatfs)
	case TypeRstatfs:
		return new(Rstatfs)
	case TypeTlopen:
		return new(Tlopen)
	case TypeRlopen:
		return new(Rlopen)
	case TypeTlcreate:
		return new(Tlcreate)
	case TypeRlcreate:
		return new(Rlcreate)
	case TypeTsymlink:
		return new(Tsymlink)
	case TypeRsymlink:
		return new(Rsymlink)
	case TypeTmknod:
		return new(Tmknod)
	case TypeRmknod:
		return new(Rmknod)
	case TypeTrename:
		return new(Trename)
	case TypeRrename:
		return new(Rrename)
	case TypeTreadlink:
		return new(Treadlink)
	case TypeRreadlink:
		return new(Rreadlink)
	case TypeTgetattr:
		return new(Tgetattr)
	case TypeRgetattr:
		return new(Rgetattr)
	case TypeTsetattr:
		return new(Tsetattr)
	case TypeRsetattr:
		return new(Rsetattr)
	case TypeTxattrwalk:
		return new(Txattrwalk)
	case TypeRxattrwalk:
		return new(Rxattrwalk)
	case TypeTxattrcreate:
		return new(Txattrcreate)
	case TypeRxattrcreate:
		return new(Rxattrcreate)
	case TypeTreaddir:
		return new(Treaddir)
	case TypeRreaddir:
		return new(Rreaddir)
	case TypeTfsync:
		return new(Tfsync)
	case TypeRfsync:
		return new(Rfsync)
	case TypeTlock:
		return new(Tlock)
	case TypeRlock:
		return new(Rlock)
	case TypeTgetlock:
		return new(Tgetlock)
	case TypeRgetlock:
		return new(Rgetlock)
	case TypeTlink:
		return new(Tlink)
	case TypeRlink:
		return new(Rlink)
	case TypeTmkdir:
		return new(Tmkdir)
	case TypeRmkdir:
		return new(Rmkdir)
	case TypeTrenameat:
		return new(Trenameat)
	case TypeRrenameat:
		return new(Rrenameat)
	case TypeTunlinkat:
		return new(Tunlinkat)
	case TypeRunlinkat:
		return new(Runlinkat)
	}
	return nil
}

// TypeName returns a message type's name, such as Twalk.
func TypeName(typ uint8) string {
	if m := New(typ); m != nil {
		return fmt.Sprintf("%T", m)[len("*lib9p."):]
	}
	return fmt.Sprintf("type %d", typ)
}
