package srv

import (
	"context"

	"github.com/styxkit/styxkit/lib9p"
)

// A Tree is what a server serves. Its methods, and those of its files and
// handles, are called from many goroutines at a time. An error that is or wraps
// a [lib9p.Errno] or a [*lib9p.Error] reaches the client as such.
type Tree interface {
	// Attach returns the file that aname names, usually the root.
	Attach(ctx context.Context, u User, aname string) (File, error)
}

// A User is who attaches, by the client's word.
type User struct {
	Name string
	UID  uint32 // lib9p.NoUid where the client sent none
}

// A File is a place in a tree that a fid stands on. It stays the same file when
// the file is renamed, and when another takes its name.
type File interface {
	// Qid returns the file's identity, with the version last seen.
	Qid() lib9p.Qid
	// Walk takes one step to a name, which may be ".." but is not ".", empty or with a slash.
	Walk(ctx context.Context, name string) (File, error)
	// Stat returns what getattr(2) would.
	Stat(ctx context.Context) (Attr, error)
	// Open opens the file with the flags of Tlopen (lib9p.LRDONLY and so on).
	Open(ctx context.Context, flags uint32) (Handle, error)
	// Close ends the use of the File. It is called once, when no other call is under way.
	Close()
}

// Attr is what Rgetattr says of a file. The bits QTAPPEND, QTEXCL and QTTMP of
// the qid's type stand for DMAPPEND and so on in the mode of 9P2000.
type Attr = lib9p.Rgetattr

// A Handle is an open file. A read that waits for data must end when its ctx does.
type Handle interface {
	// Close is called once, when no other call is under way.
	Close() error
}

// What handles may do beside.
type (
	// A Reader is a handle that can be read. At the end it returns 0 and no error.
	Reader interface {
		ReadAt(ctx context.Context, p []byte, off int64) (int, error)
	}
	// A Writer is a handle that can be written. A short count without an error is right.
	Writer interface {
		WriteAt(ctx context.Context, p []byte, off int64) (int, error)
	}
	// A DirReader is the handle of a directory. ReadDir calls each for the
	// entries behind offset, "." and ".." among them, until it returns false or
	// there are no more. An entry's Offset is where a later call goes on behind
	// it; 0 is the beginning.
	DirReader interface {
		ReadDir(ctx context.Context, offset uint64, each func(*lib9p.Dirent) bool) error
	}
	// A Syncer is a handle whose data can be brought to stable storage.
	Syncer interface {
		Sync(ctx context.Context, datasync bool) error
	}
	// An Attrer is a handle that knows its file's attributes, also when the
	// file has no name any more. Where it is none, the File is asked.
	Attrer interface {
		Stat(ctx context.Context) (Attr, error)
		SetAttr(ctx context.Context, c Change) error
	}
)

// What files may do beside.
type (
	// A Dir is a directory that can be changed. Names are checked: not empty,
	// not "." or "..", without slash and zero byte.
	Dir interface {
		// Create makes a regular file, or opens what is there when flags has no
		// LEXCL, and opens it with flags.
		Create(ctx context.Context, name string, flags uint32, n New) (File, Handle, error)
		// Make makes a file of another kind than regular, as n.Mode says, and may make a regular one.
		Make(ctx context.Context, name string, n New) (lib9p.Qid, error)
		// Link gives a file, which is of the same tree, another name.
		Link(ctx context.Context, file File, name string) error
		// Unlink removes a name; dir says that a directory is meant.
		Unlink(ctx context.Context, name string, dir bool) error
		// Rename moves a name to a directory of the same tree, over what is there.
		Rename(ctx context.Context, name string, to File, newname string) error
	}
	// A Placed file knows its name. The root's is "/".
	Placed interface {
		Name() string
		// Remove removes the file, wherever it is now.
		Remove(ctx context.Context) error
		// Move renames the file. Where over is false, what has the name already stays, with EEXIST.
		Move(ctx context.Context, to File, newname string, over bool) error
		// Dir returns the directory that the file is in.
		Dir(ctx context.Context) (File, error)
	}
	// A Setter is a file whose attributes can be changed.
	Setter interface {
		SetAttr(ctx context.Context, c Change) error
	}
	// A Readlinker can be a symbolic link.
	Readlinker interface {
		Readlink(ctx context.Context) (string, error)
	}
	// An Xattrer has extended attributes.
	Xattrer interface {
		Xattrs(ctx context.Context) ([]string, error)
		Xattr(ctx context.Context, name string) ([]byte, error)
		// SetXattr takes the flags of setxattr(2). A nil value removes the attribute.
		SetXattr(ctx context.Context, name string, value []byte, flags uint32) error
	}
	// A StatFSer knows of the file system it is in.
	StatFSer interface {
		StatFS(ctx context.Context) (lib9p.Rstatfs, error)
	}
)

// What trees may do beside.
type (
	// A Locking tree has record locks. All connections to it share the table.
	Locking interface {
		Locks() *Locks
	}
	// A Naming tree knows the names of users, which 9P2000 has in place of numbers.
	// Where it knows none it returns the number in decimal, and takes such a name.
	Naming interface {
		UserName(uid uint32) string
		GroupName(gid uint32) string
		UserID(name string) (uint32, bool)
		GroupID(name string) (uint32, bool)
	}
)

// A New says what a file is to be when it is made.
type New struct {
	Mode         uint32 // Linux: type and permissions, as the client wants them
	Gid          uint32 // the group that it asks for, or lib9p.NoUid
	Major, Minor uint32 // of a device
	Target       string // of a symbolic link
	Qtype        uint8  // of QTAPPEND, QTEXCL and QTTMP those that are wanted; a tree that cannot keep one refuses
	User         User
}

// A Change says which attributes become what: the fields of Tsetattr.
type Change struct {
	Valid, Mode, Uid, Gid uint32
	Size                  uint64
	Atime, Mtime          lib9p.Time
	Qtype                 uint8 // QTAPPEND, QTEXCL and QTTMP, where Valid has SetQtype
}

// SetQtype is the bit of Change's Valid for Qtype. It is not on the wire.
const SetQtype = 1 << 31
