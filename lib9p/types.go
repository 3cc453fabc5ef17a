package lib9p

// Types of messages. A reply's type is its request's plus one.
// Terror and Tlerror are numbers that no message uses.
const (
	TypeTlerror      uint8 = 6
	TypeRlerror      uint8 = 7
	TypeTstatfs      uint8 = 8
	TypeRstatfs      uint8 = 9
	TypeTlopen       uint8 = 12
	TypeRlopen       uint8 = 13
	TypeTlcreate     uint8 = 14
	TypeRlcreate     uint8 = 15
	TypeTsymlink     uint8 = 16
	TypeRsymlink     uint8 = 17
	TypeTmknod       uint8 = 18
	TypeRmknod       uint8 = 19
	TypeTrename      uint8 = 20
	TypeRrename      uint8 = 21
	TypeTreadlink    uint8 = 22
	TypeRreadlink    uint8 = 23
	TypeTgetattr     uint8 = 24
	TypeRgetattr     uint8 = 25
	TypeTsetattr     uint8 = 26
	TypeRsetattr     uint8 = 27
	TypeTxattrwalk   uint8 = 30
	TypeRxattrwalk   uint8 = 31
	TypeTxattrcreate uint8 = 32
	TypeRxattrcreate uint8 = 33
	TypeTreaddir     uint8 = 40
	TypeRreaddir     uint8 = 41
	TypeTfsync       uint8 = 50
	TypeRfsync       uint8 = 51
	TypeTlock        uint8 = 52
	TypeRlock        uint8 = 53
	TypeTgetlock     uint8 = 54
	TypeRgetlock     uint8 = 55
	TypeTlink        uint8 = 70
	TypeRlink        uint8 = 71
	TypeTmkdir       uint8 = 72
	TypeRmkdir       uint8 = 73
	TypeTrenameat    uint8 = 74
	TypeRrenameat    uint8 = 75
	TypeTunlinkat    uint8 = 76
	TypeRunlinkat    uint8 = 77
	TypeTversion     uint8 = 100
	TypeRversion     uint8 = 101
	TypeTauth        uint8 = 102
	TypeRauth        uint8 = 103
	TypeTattach      uint8 = 104
	TypeRattach      uint8 = 105
	TypeTerror       uint8 = 106
	TypeRerror       uint8 = 107
	TypeTflush       uint8 = 108
	TypeRflush       uint8 = 109
	TypeTwalk        uint8 = 110
	TypeRwalk        uint8 = 111
	TypeTopen        uint8 = 112
	TypeRopen        uint8 = 113
	TypeTcreate      uint8 = 114
	TypeRcreate      uint8 = 115
	TypeTread        uint8 = 116
	TypeRread        uint8 = 117
	TypeTwrite       uint8 = 118
	TypeRwrite       uint8 = 119
	TypeTclunk       uint8 = 120
	TypeRclunk       uint8 = 121
	TypeTremove      uint8 = 122
	TypeRremove      uint8 = 123
	TypeTstat        uint8 = 124
	TypeRstat        uint8 = 125
	TypeTwstat       uint8 = 126
	TypeRwstat       uint8 = 127
)

// Limits and reserved numbers of the protocol.
const (
	HeaderSize  = 7          // size[4] type[1] tag[2]
	IOHeader    = 24         // what Twrite and Rread may take beside their data, IOHDRSZ
	MaxWalk     = 16         // names in one Twalk, MAXWELEM
	NoTag       = 0xffff     // the tag of Tversion
	NoFid       = 0xffffffff // no fid, for Tattach's afid
	NoUid       = 0xffffffff // no numeric user, for n_uname
	MinMsize    = 256        // the smallest msize that is worth talking
	DefaultPort = "564"      // the service 9fs
)

// Bits of perm and qid.type that 9fans.net/go/plan9 does not name.
const (
	DMLINK    = 0x01000000 // .u: Tcreate's extension holds the fid of the link's source as text
	QTLINK    = 0x01       // .u: hard link
	OAPPENDU  = 0x80       // .u: append, in Topen's mode; v9fs sends it
	StatNoLen = ^uint64(0) // Twstat: do not change the length
	StatNo32  = ^uint32(0) // Twstat: do not change this field
)

// Flags of Tlopen and Tlcreate: Linux's open(2) flags for x86, whatever the machine.
const (
	LRDONLY    = 0
	LWRONLY    = 1
	LRDWR      = 2
	LACCMODE   = 3
	LCREATE    = 0o100
	LEXCL      = 0o200
	LNOCTTY    = 0o400
	LTRUNC     = 0o1000
	LAPPEND    = 0o2000
	LNONBLOCK  = 0o4000
	LDSYNC     = 0o10000
	LFASYNC    = 0o20000
	LDIRECT    = 0o40000
	LLARGEFILE = 0o100000
	LDIRECTORY = 0o200000
	LNOFOLLOW  = 0o400000
	LNOATIME   = 0o1000000
	LCLOEXEC   = 0o2000000
	LSYNC      = 0o4000000
)

// Bits of Tgetattr's request_mask and Rgetattr's valid.
const (
	GetMode    = 0x1
	GetNlink   = 0x2
	GetUid     = 0x4
	GetGid     = 0x8
	GetRdev    = 0x10
	GetAtime   = 0x20
	GetMtime   = 0x40
	GetCtime   = 0x80
	GetIno     = 0x100
	GetSize    = 0x200
	GetBlocks  = 0x400
	GetBasic   = 0x7ff // all above
	GetBtime   = 0x800
	GetGen     = 0x1000
	GetDataVer = 0x2000
	GetAll     = 0x3fff
)

// Bits of Tsetattr's valid. A time without its SET bit means the server's present time.
const (
	SetMode     = 0x1
	SetUid      = 0x2
	SetGid      = 0x4
	SetSize     = 0x8
	SetAtime    = 0x10
	SetMtime    = 0x20
	SetCtime    = 0x40
	SetAtimeSet = 0x80
	SetMtimeSet = 0x100
)

// Tlock's type and flags, Rlock's status.
const (
	LockRead    = 0
	LockWrite   = 1
	LockUnlock  = 2
	LockBlock   = 1 // flag: the client waits
	LockReclaim = 2 // flag: diod and QEMU refuse it
	LockSuccess = 0
	LockBlocked = 1
	LockError   = 2
	LockGrace   = 3
)

// UnlinkDir is Tunlinkat's flag to remove a directory (AT_REMOVEDIR).
const UnlinkDir = 0x200

// File types in a Linux mode, S_IFMT and its values.
const (
	ModeFmt     = 0o170000
	ModeSocket  = 0o140000
	ModeSymlink = 0o120000
	ModeRegular = 0o100000
	ModeBlock   = 0o060000
	ModeDir     = 0o040000
	ModeChar    = 0o020000
	ModePipe    = 0o010000
)

// Flags of Txattrcreate, as setxattr(2) has them.
const (
	XattrCreate  = 1
	XattrReplace = 2
)
