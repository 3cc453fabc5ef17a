package load

import (
	"os"
	"path"
	"strings"

	"golang.org/x/sys/unix"
)

// The operations that may end with the honest error. The kernel's calls are used as they
// are: package os looks around before a rename and after a failed remove.

func (c *churner) create() {
	if len(c.files) >= mostFiles {
		c.remove()
		return
	}
	d, _ := pick(c.rng, c.dirs)
	p := c.newPath(c.rng, d)
	flags := os.O_WRONLY | os.O_CREATE
	if c.rng.IntN(2) == 0 {
		flags |= os.O_EXCL
	}
	f, err := os.OpenFile(c.at(p), flags, 0o644)
	if err == nil {
		c.fill(f, p)
		return
	}
	if c.unknown("create", p, err) && c.there("create", p, false) {
		c.files[p] = ""
		c.holds("interrupted create", p, "")
	}
}

func (c *churner) remove() {
	p, ok := pick(c.rng, c.files)
	if !ok {
		return
	}
	err := unix.Unlink(c.at(p))
	if err != nil && (!c.unknown("remove", p, err) || c.there("remove", p, false)) {
		return
	}
	delete(c.files, p)
	c.free(p)
}

// rename moves a file to a name that is free or, where the dialect can, to another file's.
func (c *churner) rename() {
	from, ok := pick(c.rng, c.files)
	if !ok {
		return
	}
	d := path.Dir(from)
	if !c.plain {
		d, _ = pick(c.rng, c.dirs)
	}
	to := c.newPath(c.rng, d)
	if !c.plain && c.rng.IntN(4) == 0 {
		to, _ = pick(c.rng, c.files)
	}
	if to == from {
		return
	}
	old, replaces := c.files[to]
	content := c.files[from]
	if err := unix.Rename(c.at(from), c.at(to)); err != nil {
		if !c.unknown("rename", from+" to "+to, err) {
			return
		}
		if c.there("rename", from, false) {
			if replaces {
				c.holds("rename that was not done", to, old)
			} else if c.there("rename", to, false) {
				c.fault("interrupted rename: both %s and %s are there", from, to)
			}
			return
		}
		if !c.there("rename", to, false) {
			c.fault("interrupted rename: neither %s nor %s is there", from, to)
			delete(c.files, from)
			delete(c.files, to)
			return
		}
		c.holds("rename that was done", to, content)
	}
	delete(c.files, from)
	c.free(from)
	c.files[to] = content
}

func (c *churner) mkdir() {
	d, _ := pick(c.rng, c.dirs)
	if len(c.dirs) >= mostDirs || strings.Count(d, "/") >= mostDepth-1 {
		c.rmdir()
		return
	}
	p := c.newPath(c.rng, d)
	err := os.Mkdir(c.at(p), 0o755)
	if err == nil || c.unknown("mkdir", p, err) && c.there("mkdir", p, true) {
		c.dirs[p] = true
	}
}

func (c *churner) rmdir() {
	p, ok := c.pickDir(c.rng)
	if !ok || len(c.list(p)) > 0 {
		return
	}
	err := unix.Rmdir(c.at(p))
	if err != nil && (!c.unknown("rmdir", p, err) || c.there("rmdir", p, true)) {
		return
	}
	delete(c.dirs, p)
	c.free(p)
}

// renameDir moves a directory with all that is in it to a free name.
func (c *churner) renameDir() {
	from, ok := c.pickDir(c.rng)
	if !ok {
		return
	}
	d := path.Dir(from)
	if !c.plain {
		d, _ = pick(c.rng, c.dirs)
	}
	if d == from || strings.HasPrefix(d, from+"/") {
		return
	}
	to := c.newPath(c.rng, d)
	if err := unix.Rename(c.at(from), c.at(to)); err != nil {
		if !c.unknown("rename directory", from+" to "+to, err) {
			return
		}
		old, new := c.there("rename", from, true), c.there("rename", to, true)
		if old == new {
			c.fault("interrupted rename of a directory: %s is there: %v, %s: %v", from, old, to, new)
		}
		if old {
			return
		}
	}
	c.moved(from, to)
}
