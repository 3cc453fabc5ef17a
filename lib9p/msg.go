package lib9p

import "9fans.net/go/plan9"

// Qid is a server's name for a file: type, version and path, see intro(5).
type Qid = plan9.Qid

// A Msg is a 9P message without its tag: one of the pointer types of this package
// whose names begin with T (requests) and R (replies).
// Data, names and stats of an unpacked message may alias the frame that it came from;
// who owns the frame owns them.
type Msg interface {
	typ() uint8
}

// Requests and replies of all dialects, in the manual's order.
type (
	// Tversion starts a session: size[4] Tversion tag[2] msize[4] version[s]
	Tversion struct {
		Msize   uint32 // largest message in bytes, header included
		Version string
	}
	// Rversion: size[4] Rversion tag[2] msize[4] version[s]
	Rversion struct {
		Msize   uint32
		Version string
	}
	// Tauth: size[4] Tauth tag[2] afid[4] uname[s] aname[s] (n_uname[4] in .u and .L)
	Tauth struct {
		Afid         uint32
		Uname, Aname string
		Nuname       uint32
	}
	// Rauth: size[4] Rauth tag[2] aqid[13]
	Rauth struct{ Aqid Qid }
	// Tattach: size[4] Tattach tag[2] fid[4] afid[4] uname[s] aname[s] (n_uname[4] in .u and .L)
	Tattach struct {
		Fid, Afid    uint32
		Uname, Aname string
		Nuname       uint32
	}
	// Rattach: size[4] Rattach tag[2] qid[13]
	Rattach struct{ Qid Qid }
	// Rerror answers any request but Tflush and Tversion in 9P2000 and .u:
	// size[4] Rerror tag[2] ename[s] (errno[4] in .u)
	Rerror struct {
		Ename string
		Errno Errno
	}
	// Rlerror is Rerror in .L: size[4] Rlerror tag[2] ecode[4]
	Rlerror struct{ Ecode Errno }
	// Tflush: size[4] Tflush tag[2] oldtag[2]
	Tflush struct{ Oldtag uint16 }
	// Rflush: size[4] Rflush tag[2]
	Rflush struct{}
	// Twalk: size[4] Twalk tag[2] fid[4] newfid[4] nwname[2] nwname*(wname[s])
	Twalk struct {
		Fid, Newfid uint32
		Wname       []string
	}
	// Rwalk: size[4] Rwalk tag[2] nwqid[2] nwqid*(wqid[13])
	Rwalk struct{ Wqid []Qid }
	// Topen: size[4] Topen tag[2] fid[4] mode[1]
	Topen struct {
		Fid  uint32
		Mode uint8
	}
	// Ropen: size[4] Ropen tag[2] qid[13] iounit[4]
	Ropen struct {
		Qid    Qid
		Iounit uint32
	}
	// Tcreate: size[4] Tcreate tag[2] fid[4] name[s] perm[4] mode[1] (extension[s] in .u)
	Tcreate struct {
		Fid       uint32
		Name      string
		Perm      uint32
		Mode      uint8
		Extension string
	}
	// Rcreate: size[4] Rcreate tag[2] qid[13] iounit[4]
	Rcreate struct {
		Qid    Qid
		Iounit uint32
	}
	// Tread: size[4] Tread tag[2] fid[4] offset[8] count[4]
	Tread struct {
		Fid    uint32
		Offset uint64
		Count  uint32
	}
	// Rread: size[4] Rread tag[2] count[4] data[count]
	Rread struct{ Data []byte }
	// Twrite: size[4] Twrite tag[2] fid[4] offset[8] count[4] data[count]
	Twrite struct {
		Fid    uint32
		Offset uint64
		Data   []byte
	}
	// Rwrite: size[4] Rwrite tag[2] count[4]
	Rwrite struct{ Count uint32 }
	// Tclunk: size[4] Tclunk tag[2] fid[4]
	Tclunk struct{ Fid uint32 }
	// Rclunk: size[4] Rclunk tag[2]
	Rclunk struct{}
	// Tremove: size[4] Tremove tag[2] fid[4]
	Tremove struct{ Fid uint32 }
	// Rremove: size[4] Rremove tag[2]
	Rremove struct{}
	// Tstat: size[4] Tstat tag[2] fid[4]
	Tstat struct{ Fid uint32 }
	// Rstat: size[4] Rstat tag[2] n[2] stat[n], where stat begins with a size[2] of its own
	Rstat struct{ Stat Stat }
	// Twstat: size[4] Twstat tag[2] fid[4] n[2] stat[n]
	Twstat struct {
		Fid  uint32
		Stat Stat
	}
	// Rwstat: size[4] Rwstat tag[2]
	Rwstat struct{}
)

// Messages of 9P2000.L, in the order of their numbers.
type (
	// Tstatfs: size[4] Tstatfs tag[2] fid[4]
	Tstatfs struct{ Fid uint32 }
	// Rstatfs: size[4] Rstatfs tag[2] type[4] bsize[4] blocks[8] bfree[8] bavail[8] files[8] ffree[8] fsid[8] namelen[4]
	Rstatfs struct {
		FSType, Bsize                             uint32
		Blocks, Bfree, Bavail, Files, Ffree, Fsid uint64
		Namelen                                   uint32
	}
	// Tlopen: size[4] Tlopen tag[2] fid[4] flags[4]
	Tlopen struct{ Fid, Flags uint32 }
	// Rlopen: size[4] Rlopen tag[2] qid[13] iounit[4]
	Rlopen struct {
		Qid    Qid
		Iounit uint32
	}
	// Tlcreate: size[4] Tlcreate tag[2] fid[4] name[s] flags[4] mode[4] gid[4]
	Tlcreate struct {
		Fid              uint32
		Name             string
		Flags, Mode, Gid uint32
	}
	// Rlcreate: size[4] Rlcreate tag[2] qid[13] iounit[4]
	Rlcreate struct {
		Qid    Qid
		Iounit uint32
	}
	// Tsymlink: size[4] Tsymlink tag[2] fid[4] name[s] symtgt[s] gid[4]
	Tsymlink struct {
		Fid          uint32
		Name, Target string
		Gid          uint32
	}
	// Rsymlink: size[4] Rsymlink tag[2] qid[13]
	Rsymlink struct{ Qid Qid }
	// Tmknod: size[4] Tmknod tag[2] dfid[4] name[s] mode[4] major[4] minor[4] gid[4]
	Tmknod struct {
		Dfid                    uint32
		Name                    string
		Mode, Major, Minor, Gid uint32
	}
	// Rmknod: size[4] Rmknod tag[2] qid[13]
	Rmknod struct{ Qid Qid }
	// Trename: size[4] Trename tag[2] fid[4] dfid[4] name[s]
	Trename struct {
		Fid, Dfid uint32
		Name      string
	}
	// Rrename: size[4] Rrename tag[2]
	Rrename struct{}
	// Treadlink: size[4] Treadlink tag[2] fid[4]
	Treadlink struct{ Fid uint32 }
	// Rreadlink: size[4] Rreadlink tag[2] target[s]
	Rreadlink struct{ Target string }
	// Tgetattr: size[4] Tgetattr tag[2] fid[4] request_mask[8]
	Tgetattr struct {
		Fid  uint32
		Mask uint64
	}
	// Rgetattr: size[4] Rgetattr tag[2] valid[8] qid[13] mode[4] uid[4] gid[4] nlink[8] rdev[8] size[8] blksize[8]
	// blocks[8] atime[8+8] mtime[8+8] ctime[8+8] btime[8+8] gen[8] data_version[8]; times are seconds and nanoseconds
	Rgetattr struct {
		Valid                              uint64
		Qid                                Qid
		Mode, Uid, Gid                     uint32
		Nlink, Rdev, Size, Blksize, Blocks uint64
		Atime, Mtime, Ctime, Btime         Time
		Gen, DataVersion                   uint64
	}
	// Tsetattr: size[4] Tsetattr tag[2] fid[4] valid[4] mode[4] uid[4] gid[4] size[8] atime[8+8] mtime[8+8]
	Tsetattr struct {
		Fid, Valid, Mode, Uid, Gid uint32
		Size                       uint64
		Atime, Mtime               Time
	}
	// Rsetattr: size[4] Rsetattr tag[2]
	Rsetattr struct{}
	// Txattrwalk: size[4] Txattrwalk tag[2] fid[4] newfid[4] name[s]; the empty name lists the names
	Txattrwalk struct {
		Fid, Newfid uint32
		Name        string
	}
	// Rxattrwalk: size[4] Rxattrwalk tag[2] size[8]
	Rxattrwalk struct{ Size uint64 }
	// Txattrcreate: size[4] Txattrcreate tag[2] fid[4] name[s] attr_size[8] flags[4]
	Txattrcreate struct {
		Fid   uint32
		Name  string
		Size  uint64
		Flags uint32
	}
	// Rxattrcreate: size[4] Rxattrcreate tag[2]
	Rxattrcreate struct{}
	// Treaddir: size[4] Treaddir tag[2] fid[4] offset[8] count[4]
	Treaddir struct {
		Fid    uint32
		Offset uint64 // 0 or the offset of an entry delivered before
		Count  uint32
	}
	// Rreaddir: size[4] Rreaddir tag[2] count[4] data[count]; data is whole entries, see [Dirent]
	Rreaddir struct{ Data []byte }
	// Tfsync: size[4] Tfsync tag[2] fid[4] datasync[4]; some clients leave datasync out
	Tfsync struct{ Fid, Datasync uint32 }
	// Rfsync: size[4] Rfsync tag[2]
	Rfsync struct{}
	// Tlock: size[4] Tlock tag[2] fid[4] type[1] flags[4] start[8] length[8] proc_id[4] client_id[s]
	Tlock struct {
		Fid           uint32
		LockType      uint8
		Flags         uint32
		Start, Length uint64 // length 0 reaches to the end of the file
		ProcID        uint32
		ClientID      string
	}
	// Rlock: size[4] Rlock tag[2] status[1]
	Rlock struct{ Status uint8 }
	// Tgetlock: size[4] Tgetlock tag[2] fid[4] type[1] start[8] length[8] proc_id[4] client_id[s]
	Tgetlock struct {
		Fid           uint32
		LockType      uint8
		Start, Length uint64
		ProcID        uint32
		ClientID      string
	}
	// Rgetlock: size[4] Rgetlock tag[2] type[1] start[8] length[8] proc_id[4] client_id[s]
	Rgetlock struct {
		LockType      uint8
		Start, Length uint64
		ProcID        uint32
		ClientID      string
	}
	// Tlink: size[4] Tlink tag[2] dfid[4] fid[4] name[s]
	Tlink struct {
		Dfid, Fid uint32
		Name      string
	}
	// Rlink: size[4] Rlink tag[2]
	Rlink struct{}
	// Tmkdir: size[4] Tmkdir tag[2] dfid[4] name[s] mode[4] gid[4]
	Tmkdir struct {
		Dfid      uint32
		Name      string
		Mode, Gid uint32
	}
	// Rmkdir: size[4] Rmkdir tag[2] qid[13]
	Rmkdir struct{ Qid Qid }
	// Trenameat: size[4] Trenameat tag[2] olddirfid[4] oldname[s] newdirfid[4] newname[s]
	Trenameat struct {
		Olddirfid uint32
		Oldname   string
		Newdirfid uint32
		Newname   string
	}
	// Rrenameat: size[4] Rrenameat tag[2]
	Rrenameat struct{}
	// Tunlinkat: size[4] Tunlinkat tag[2] dirfd[4] name[s] flags[4]
	Tunlinkat struct {
		Dirfd uint32
		Name  string
		Flags uint32
	}
	// Runlinkat: size[4] Runlinkat tag[2]
	Runlinkat struct{}
)

// A Time is seconds and nanoseconds since 1970.
type Time struct{ Sec, Nsec uint64 }
