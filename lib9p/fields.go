package lib9p

// fields is the protocol's one description: it shows c the fields of m in the order of the wire.
// c packs, unpacks, prints or parses them, so the four cannot disagree.
func fields(c *coder, m Msg) {
	ext := c.d != P2000 // .u and .L carry numeric users
	switch m := m.(type) {
	case *Tversion:
		c.u32("msize", &m.Msize)
		c.str("version", &m.Version)
	case *Rversion:
		c.u32("msize", &m.Msize)
		c.str("version", &m.Version)
	case *Tauth:
		c.u32("afid", &m.Afid)
		c.str("uname", &m.Uname)
		c.str("aname", &m.Aname)
		if ext {
			c.u32("nuname", &m.Nuname)
		}
	case *Rauth:
		c.qid("aqid", &m.Aqid)
	case *Tattach:
		c.u32("fid", &m.Fid)
		c.u32("afid", &m.Afid)
		c.str("uname", &m.Uname)
		c.str("aname", &m.Aname)
		if ext {
			c.u32("nuname", &m.Nuname)
		}
	case *Rattach:
		c.qid("qid", &m.Qid)
	case *Rerror:
		c.str("ename", &m.Ename)
		if c.d == U {
			c.u32("errno", (*uint32)(&m.Errno))
		}
	case *Rlerror:
		c.u32("ecode", (*uint32)(&m.Ecode))
	case *Tflush:
		c.u16("oldtag", &m.Oldtag)
	case *Twalk:
		c.u32("fid", &m.Fid)
		c.u32("newfid", &m.Newfid)
		c.names("nwname", &m.Wname)
	case *Rwalk:
		c.qids("nwqid", &m.Wqid)
	case *Topen:
		c.u32("fid", &m.Fid)
		c.u8("mode", &m.Mode)
	case *Ropen:
		c.qid("qid", &m.Qid)
		c.u32("iounit", &m.Iounit)
	case *Tcreate:
		c.u32("fid", &m.Fid)
		c.str("name", &m.Name)
		c.mode("perm", &m.Perm)
		c.u8("mode", &m.Mode)
		if c.d == U {
			c.str("extension", &m.Extension)
		}
	case *Rcreate:
		c.qid("qid", &m.Qid)
		c.u32("iounit", &m.Iounit)
	case *Tread:
		c.u32("fid", &m.Fid)
		c.u64("offset", &m.Offset)
		c.u32("count", &m.Count)
	case *Rread:
		c.data("data", &m.Data)
	case *Twrite:
		c.u32("fid", &m.Fid)
		c.u64("offset", &m.Offset)
		c.data("data", &m.Data)
	case *Rwrite:
		c.u32("count", &m.Count)
	case *Tclunk:
		c.u32("fid", &m.Fid)
	case *Tremove:
		c.u32("fid", &m.Fid)
	case *Tstat:
		c.u32("fid", &m.Fid)
	case *Rstat:
		c.stat("stat", &m.Stat)
	case *Twstat:
		c.u32("fid", &m.Fid)
		c.stat("stat", &m.Stat)
	default:
		fieldsL(c, m)
	}
}

// fieldsL is fields for the messages that only 9P2000.L has.
func fieldsL(c *coder, m Msg) {
	switch m := m.(type) {
	case *Tstatfs:
		c.u32("fid", &m.Fid)
	case *Rstatfs:
		c.u32("type", &m.FSType)
		c.u32("bsize", &m.Bsize)
		c.u64("blocks", &m.Blocks)
		c.u64("bfree", &m.Bfree)
		c.u64("bavail", &m.Bavail)
		c.u64("files", &m.Files)
		c.u64("ffree", &m.Ffree)
		c.u64("fsid", &m.Fsid)
		c.u32("namelen", &m.Namelen)
	case *Tlopen:
		c.u32("fid", &m.Fid)
		c.mode("flags", &m.Flags)
	case *Rlopen:
		c.qid("qid", &m.Qid)
		c.u32("iounit", &m.Iounit)
	case *Tlcreate:
		c.u32("fid", &m.Fid)
		c.str("name", &m.Name)
		c.mode("flags", &m.Flags)
		c.mode("mode", &m.Mode)
		c.u32("gid", &m.Gid)
	case *Rlcreate:
		c.qid("qid", &m.Qid)
		c.u32("iounit", &m.Iounit)
	case *Tsymlink:
		c.u32("fid", &m.Fid)
		c.str("name", &m.Name)
		c.str("symtgt", &m.Target)
		c.u32("gid", &m.Gid)
	case *Rsymlink:
		c.qid("qid", &m.Qid)
	case *Tmknod:
		c.u32("dfid", &m.Dfid)
		c.str("name", &m.Name)
		c.mode("mode", &m.Mode)
		c.u32("major", &m.Major)
		c.u32("minor", &m.Minor)
		c.u32("gid", &m.Gid)
	case *Rmknod:
		c.qid("qid", &m.Qid)
	case *Trename:
		c.u32("fid", &m.Fid)
		c.u32("dfid", &m.Dfid)
		c.str("name", &m.Name)
	case *Treadlink:
		c.u32("fid", &m.Fid)
	case *Rreadlink:
		c.str("target", &m.Target)
	case *Tgetattr:
		c.u32("fid", &m.Fid)
		c.mask("request_mask", &m.Mask)
	case *Rgetattr:
		c.mask("valid", &m.Valid)
		c.qid("qid", &m.Qid)
		c.mode("mode", &m.Mode)
		c.u32("uid", &m.Uid)
		c.u32("gid", &m.Gid)
		c.u64("nlink", &m.Nlink)
		c.u64("rdev", &m.Rdev)
		c.u64("size", &m.Size)
		c.u64("blksize", &m.Blksize)
		c.u64("blocks", &m.Blocks)
		c.time("atime", &m.Atime)
		c.time("mtime", &m.Mtime)
		c.time("ctime", &m.Ctime)
		c.time("btime", &m.Btime)
		c.u64("gen", &m.Gen)
		c.u64("data_version", &m.DataVersion)
	case *Tsetattr:
		c.u32("fid", &m.Fid)
		c.u32("valid", &m.Valid)
		c.mode("mode", &m.Mode)
		c.u32("uid", &m.Uid)
		c.u32("gid", &m.Gid)
		c.u64("size", &m.Size)
		c.time("atime", &m.Atime)
		c.time("mtime", &m.Mtime)
	case *Txattrwalk:
		c.u32("fid", &m.Fid)
		c.u32("newfid", &m.Newfid)
		c.str("name", &m.Name)
	case *Rxattrwalk:
		c.u64("size", &m.Size)
	case *Txattrcreate:
		c.u32("fid", &m.Fid)
		c.str("name", &m.Name)
		c.u64("attr_size", &m.Size)
		c.u32("flags", &m.Flags)
	case *Treaddir:
		c.u32("fid", &m.Fid)
		c.u64("offset", &m.Offset)
		c.u32("count", &m.Count)
	case *Rreaddir:
		c.data("data", &m.Data)
	case *Tfsync:
		c.u32("fid", &m.Fid)
		if c.unpacking() && c.left() == 0 {
			return
		}
		c.u32("datasync", &m.Datasync)
	case *Tlock:
		c.u32("fid", &m.Fid)
		c.u8("type", &m.LockType)
		c.u32("flags", &m.Flags)
		c.u64("start", &m.Start)
		c.u64("length", &m.Length)
		c.u32("proc_id", &m.ProcID)
		c.str("client_id", &m.ClientID)
	case *Rlock:
		c.u8("status", &m.Status)
	case *Tgetlock:
		c.u32("fid", &m.Fid)
		c.u8("type", &m.LockType)
		c.u64("start", &m.Start)
		c.u64("length", &m.Length)
		c.u32("proc_id", &m.ProcID)
		c.str("client_id", &m.ClientID)
	case *Rgetlock:
		c.u8("type", &m.LockType)
		c.u64("start", &m.Start)
		c.u64("length", &m.Length)
		c.u32("proc_id", &m.ProcID)
		c.str("client_id", &m.ClientID)
	case *Tlink:
		c.u32("dfid", &m.Dfid)
		c.u32("fid", &m.Fid)
		c.str("name", &m.Name)
	case *Tmkdir:
		c.u32("dfid", &m.Dfid)
		c.str("name", &m.Name)
		c.mode("mode", &m.Mode)
		c.u32("gid", &m.Gid)
	case *Rmkdir:
		c.qid("qid", &m.Qid)
	case *Trenameat:
		c.u32("olddirfid", &m.Olddirfid)
		c.str("oldname", &m.Oldname)
		c.u32("newdirfid", &m.Newdirfid)
		c.str("newname", &m.Newname)
	case *Tunlinkat:
		c.u32("dirfd", &m.Dirfd)
		c.str("name", &m.Name)
		c.mode("flags", &m.Flags)
	}
}
