package mount

import (
	"fmt"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// A Point is a line of the list of mounts.
type Point struct {
	Dir    string
	Type   string // fuse.styx, 9p
	Source string
	Device string // major:minor, as /sys/class/bdi has it
	Data   string // options of the file system's own
}

// Styx reports whether p is a mount as this toolkit makes them.
func (p Point) Styx() bool {
	return p.Type == "fuse.styx" || p.Type == "9p" && strings.Contains(","+p.Data+",", ",trans=fd,")
}

// Points returns the mounts of this process's name space, in the order in which they were made. It asks
// none of them anything.
func Points() ([]Point, error) {
	b, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return nil, fmt.Errorf("list mounts: %w", err)
	}
	var list []Point
	for line := range strings.Lines(string(b)) {
		// id parent device root dir options [tags] - type source options
		before, after, ok := strings.Cut(line, " - ")
		f, g := strings.Fields(before), strings.Fields(after)
		if ok && len(f) > 4 && len(g) > 1 {
			p := Point{Dir: unescape(f[4]), Type: g[0], Source: unescape(g[1]), Device: f[2]}
			if len(g) > 2 {
				p.Data = unescape(g[2])
			}
			list = append(list, p)
		}
	}
	return list, nil
}

// At returns the uppermost mount on dir, an absolute path.
func At(dir string) (p Point, ok bool, err error) {
	list, err := Points()
	for _, q := range list {
		if q.Dir == dir {
			p, ok = q, true
		}
	}
	return p, ok, err
}

// unescape undoes the octal numbers that stand for blanks.
func unescape(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+3 < len(s) {
			if n, err := strconv.ParseUint(s[i+1:i+4], 8, 8); err == nil {
				b.WriteByte(byte(n))
				i += 3
				continue
			}
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

// AwaitEnd waits until nothing is mounted on dir from source, or stop is closed.
func AwaitEnd(dir, source string, stop <-chan struct{}) error {
	f, err := os.Open("/proc/self/mountinfo")
	if err != nil {
		return fmt.Errorf("watch mounts: %w", err)
	}
	defer f.Close()
	const look = 1000 // milliseconds
	for {
		if p, ok, err := At(dir); err != nil || !ok || p.Source != source {
			return err
		}
		select {
		case <-stop:
			return nil
		default:
		}
		// The kernel tells of a change in the list as of an exceptional condition.
		_, err := unix.Poll([]unix.PollFd{{Fd: int32(f.Fd()), Events: unix.POLLPRI}}, look)
		if err != nil && err != unix.EINTR {
			return fmt.Errorf("watch mounts: %w", err)
		}
	}
}
