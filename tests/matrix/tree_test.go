package matrix

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/styxkit/styxkit/lib9p"
)

const (
	attrName  = "user.styx"
	attrValue = "valued"
)

// fill makes in dir what every cell begins with. Another tree has the same names and other contents.
func fill(dir string, other bool) error {
	mark := ""
	if other {
		mark = "of another tree: "
	}
	err := os.Mkdir(dir, 0o777)
	for _, name := range []string{"d", "e"} {
		if err == nil {
			err = os.Mkdir(filepath.Join(dir, name), 0o777)
		}
	}
	files := map[string]string{"f": "0123456789", "g": "gggg"}
	for i := range 10 {
		files[fmt.Sprintf("d/name%d", i)] = "x"
	}
	for name, text := range files {
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, name), []byte(mark+text), 0o644)
		}
	}
	return err
}

// A look is a directory as the host has it.
type look struct {
	text  string            // a line for each file
	names map[uint64]string // by inode, the path
}

// lookAt takes down what is below dir. What export, in which it lies, is is its own name.
func lookAt(dir, export string) (look, error) {
	l := look{names: make(map[uint64]string)}
	var lines []string
	err := filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		var st unix.Stat_t
		if err := unix.Lstat(path, &st); err != nil {
			return err
		}
		name, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		if l.names[st.Ino] == "" {
			l.names[st.Ino] = name
		}
		lines = append(lines, describe(path, name, &st))
		return nil
	})
	if err != nil {
		return l, err
	}
	var st unix.Stat_t
	err = unix.Stat(export, &st)
	l.names[st.Ino] = "the root"
	slices.Sort(lines)
	l.text = strings.Join(lines, "\n")
	return l, err
}

func describe(path, name string, st *unix.Stat_t) string {
	line := fmt.Sprintf("%s %o", name, st.Mode)
	switch st.Mode & unix.S_IFMT {
	case unix.S_IFREG:
		text, err := os.ReadFile(path)
		line += fmt.Sprintf(" links %d %q", st.Nlink, text)
		if err != nil {
			line += " " + err.Error()
		}
	case unix.S_IFLNK:
		target, err := os.Readlink(path)
		line += fmt.Sprintf(" %q", target)
		if err != nil {
			line += " " + err.Error()
		}
	case unix.S_IFCHR, unix.S_IFBLK:
		line += fmt.Sprintf(" device %d", st.Rdev)
	}
	b := make([]byte, 100)
	if n, err := unix.Lgetxattr(path, attrName, b); err == nil {
		line += fmt.Sprintf(" %s=%q", attrName, b[:n])
	}
	return line
}

// isLocked says which locks somebody has on f: a server may take either kind.
func isLocked(dir string) string {
	f, err := os.OpenFile(filepath.Join(dir, "f"), os.O_RDWR, 0)
	if err != nil {
		return err.Error()
	}
	defer f.Close()
	lk := unix.Flock_t{Type: unix.F_WRLCK}
	if err := unix.FcntlFlock(f.Fd(), unix.F_OFD_GETLK, &lk); err != nil {
		return err.Error()
	}
	if lk.Type != unix.F_UNLCK || syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) != nil {
		return "locked"
	}
	return "free"
}

// who says what a qid stands for.
func (l look) who(q lib9p.Qid) string {
	name, ok := l.names[q.Path]
	if !ok {
		name = "gone"
	}
	return fmt.Sprintf("(%s %02x)", name, q.Type)
}

// tell says what m says, without what differs from one cell to the next, such as times and inodes.
func (l look) tell(d lib9p.Dialect, m lib9p.Msg) string {
	if e := lib9p.ErrorOf(m); e != nil {
		return "error: " + e.Error()
	}
	switch m := m.(type) {
	case nil:
		return "nothing"
	case *lib9p.Rgetattr:
		return fmt.Sprintf("Rgetattr %s %o links %d size %d", l.who(m.Qid), m.Mode, m.Nlink, sizeOf(m.Qid, m.Size))
	case *lib9p.Rstat:
		return fmt.Sprintf("Rstat %s %o length %d name %s", l.who(m.Stat.Qid), m.Stat.Mode, sizeOf(m.Stat.Qid, m.Stat.Length), m.Stat.Name)
	case *lib9p.Rstatfs:
		return "Rstatfs"
	case *lib9p.Rreaddir:
		return "Rreaddir"
	case *lib9p.Rread:
		if _, rest, err := lib9p.NextStat(m.Data, d); d != lib9p.L && len(m.Data) > 40 && (err == nil || len(rest) > 0) {
			return "Rread of a directory"
		}
	case *lib9p.Rwalk:
		said := "Rwalk"
		for _, q := range m.Wqid {
			said += " " + l.who(q)
		}
		return said
	}
	if q := qidOf(m); q != nil {
		return fmt.Sprintf("%s %s", lib9p.TypeName(lib9p.TypeOf(m)), l.who(*q))
	}
	return lib9p.Format(d, 0, m)
}

func sizeOf(q lib9p.Qid, size uint64) uint64 {
	if q.Type&0x80 != 0 {
		return 0 // a directory's is the host's own affair
	}
	return size
}

func qidOf(m lib9p.Msg) *lib9p.Qid {
	switch m := m.(type) {
	case *lib9p.Rattach:
		return &m.Qid
	case *lib9p.Ropen:
		return &m.Qid
	case *lib9p.Rcreate:
		return &m.Qid
	case *lib9p.Rlopen:
		return &m.Qid
	case *lib9p.Rlcreate:
		return &m.Qid
	case *lib9p.Rsymlink:
		return &m.Qid
	case *lib9p.Rmknod:
		return &m.Qid
	case *lib9p.Rmkdir:
		return &m.Qid
	}
	return nil
}
