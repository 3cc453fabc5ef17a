// Package lib9p is the protocol 9P, also called Styx: bytes to messages to text, in its three dialects.
// It starts no goroutine and has no policy. [Reader] cuts a stream into frames; a [Frame] is a message as
// it lies in the buffer, where a relay patches it; [Unpack] and [Append] go between frames and messages,
// which are structs; [Format] and [Parse] go between messages and lines of text. One description of
// each message's fields serves all of them, so they cannot disagree, and no bytes from a peer make any of them panic.
//
// # The conversation
//
// A client sends requests, T-messages, to a server, which answers each with one R-message: the reply, or an
// error. They travel on any reliable, ordered stream of bytes in both directions. All integers are unsigned
// and little-endian. Below, name[n] is an integer of n bytes, name[s] a string: its length in two bytes and so many
// bytes of UTF-8. Every message begins with size[4] type[1] tag[2]; size counts the whole
// message, its own four bytes included.
//
// The tag is the client's choice. The reply has it too, so many requests can be under way, and
// the server may answer them in any order. A tag is free again when its reply has come. When a client
// gives up a request it sends Tflush with the request's tag, oldtag, and must not use that
// again before Rflush. The server answers Tflush always with Rflush, and the flushed request before it or never: what is
// answered before has been done, and what is not is to be taken as never sent.
//
// A fid is a 32-bit number by which the client means a file. Tattach makes one for the root
// of a tree, Twalk makes further ones from it by names, up to 16 at a time; Tclunk and Tremove end
// one. A fid that has been opened, or was made by a create, can be read and written; a walk does not start at such a fid.
// A walk that gets no further than some of its names is answered with the qids so far and makes no fid; where
// not even the first is found the answer is an error.
//
// A qid is the server's identification of a file: type[1] version[4] path[8]. Two files are the same
// if, and only if, their paths are; the version goes up when the file changes; the type is the high byte of its mode.
//
// # A session
//
// Tversion is the first message, with tag NoTag. It names the largest size of a message that the client
// can take and the dialect it would like; the reply has a size that is no larger, and the dialect
// spoken from here on, or "unknown". It ends what was before: all fids are gone. Where the server wants proof
// of who the user is, Tauth makes a fid, afid, over which a protocol of the server's choice is spoken with Tread and
// Twrite, and Tattach presents it; else afid is NoFid.
//
// The dialect decides which messages there are and which fields some of them have.
// 9P2000 is Plan 9's own; a file's attributes are a stat, errors are text. 9P2000.u adds numbers
// to both for Unix. 9P2000.L is Linux's: opening, creating and attributes have messages of their own, with open(2)'s
// flags, a file's numeric owner, links, locks and extended attributes, and an error is a number of Linux.
//
// # The messages
//
// In all dialects; the fields in parentheses are in the dialects behind them only:
//
//	size[4] Tversion tag[2] msize[4] version[s]
//	size[4] Rversion tag[2] msize[4] version[s]
//	size[4] Tauth tag[2] afid[4] uname[s] aname[s] (n_uname[4] in .u and .L)
//	size[4] Rauth tag[2] aqid[13]
//	size[4] Tattach tag[2] fid[4] afid[4] uname[s] aname[s] (n_uname[4] in .u and .L)
//	size[4] Rattach tag[2] qid[13]
//	size[4] Tflush tag[2] oldtag[2]
//	size[4] Rflush tag[2]
//	size[4] Twalk tag[2] fid[4] newfid[4] nwname[2] nwname*(wname[s])
//	size[4] Rwalk tag[2] nwqid[2] nwqid*(wqid[13])
//	size[4] Tread tag[2] fid[4] offset[8] count[4]
//	size[4] Rread tag[2] count[4] data[count]
//	size[4] Twrite tag[2] fid[4] offset[8] count[4] data[count]
//	size[4] Rwrite tag[2] count[4]
//	size[4] Tclunk tag[2] fid[4]
//	size[4] Rclunk tag[2]
//	size[4] Tremove tag[2] fid[4]
//	size[4] Rremove tag[2]
//
// In 9P2000 and .u:
//
//	size[4] Rerror tag[2] ename[s] (errno[4] in .u)
//	size[4] Topen tag[2] fid[4] mode[1]
//	size[4] Ropen tag[2] qid[13] iounit[4]
//	size[4] Tcreate tag[2] fid[4] name[s] perm[4] mode[1] (extension[s] in .u)
//	size[4] Rcreate tag[2] qid[13] iounit[4]
//	size[4] Tstat tag[2] fid[4]
//	size[4] Rstat tag[2] n[2] stat[n]
//	size[4] Twstat tag[2] fid[4] n[2] stat[n]
//	size[4] Rwstat tag[2]
//
// In 9P2000.L:
//
//	size[4] Rlerror tag[2] ecode[4]
//	size[4] Tstatfs tag[2] fid[4]
//	size[4] Rstatfs tag[2] type[4] bsize[4] blocks[8] bfree[8] bavail[8] files[8] ffree[8] fsid[8] namelen[4]
//	size[4] Tlopen tag[2] fid[4] flags[4]
//	size[4] Rlopen tag[2] qid[13] iounit[4]
//	size[4] Tlcreate tag[2] fid[4] name[s] flags[4] mode[4] gid[4]
//	size[4] Rlcreate tag[2] qid[13] iounit[4]
//	size[4] Tsymlink tag[2] fid[4] name[s] symtgt[s] gid[4]
//	size[4] Rsymlink tag[2] qid[13]
//	size[4] Tmknod tag[2] dfid[4] name[s] mode[4] major[4] minor[4] gid[4]
//	size[4] Rmknod tag[2] qid[13]
//	size[4] Trename tag[2] fid[4] dfid[4] name[s]
//	size[4] Rrename tag[2]
//	size[4] Treadlink tag[2] fid[4]
//	size[4] Rreadlink tag[2] target[s]
//	size[4] Tgetattr tag[2] fid[4] request_mask[8]
//	size[4] Rgetattr tag[2] valid[8] qid[13] mode[4] uid[4] gid[4] nlink[8] rdev[8] size[8] blksize[8] blocks[8] atime[8+8] mtime[8+8] ctime[8+8] btime[8+8] gen[8] data_version[8]
//	size[4] Tsetattr tag[2] fid[4] valid[4] mode[4] uid[4] gid[4] size[8] atime[8+8] mtime[8+8]
//	size[4] Rsetattr tag[2]
//	size[4] Txattrwalk tag[2] fid[4] newfid[4] name[s]
//	size[4] Rxattrwalk tag[2] size[8]
//	size[4] Txattrcreate tag[2] fid[4] name[s] attr_size[8] flags[4]
//	size[4] Rxattrcreate tag[2]
//	size[4] Treaddir tag[2] fid[4] offset[8] count[4]
//	size[4] Rreaddir tag[2] count[4] data[count]
//	size[4] Tfsync tag[2] fid[4] datasync[4]
//	size[4] Rfsync tag[2]
//	size[4] Tlock tag[2] fid[4] type[1] flags[4] start[8] length[8] proc_id[4] client_id[s]
//	size[4] Rlock tag[2] status[1]
//	size[4] Tgetlock tag[2] fid[4] type[1] start[8] length[8] proc_id[4] client_id[s]
//	size[4] Rgetlock tag[2] type[1] start[8] length[8] proc_id[4] client_id[s]
//	size[4] Tlink tag[2] dfid[4] fid[4] name[s]
//	size[4] Rlink tag[2]
//	size[4] Tmkdir tag[2] dfid[4] name[s] mode[4] gid[4]
//	size[4] Rmkdir tag[2] qid[13]
//	size[4] Trenameat tag[2] olddirfid[4] oldname[s] newdirfid[4] newname[s]
//	size[4] Rrenameat tag[2]
//	size[4] Tunlinkat tag[2] dirfd[4] name[s] flags[4]
//	size[4] Runlinkat tag[2]
//
// A stat is a directory entry of 9P2000 and .u, see [Stat]; the entries that Rreaddir holds are [Dirent]s. A time is
// seconds and nanoseconds of 8 bytes each.
package lib9p
