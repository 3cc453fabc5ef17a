package fuse

import "github.com/styxkit/styxkit/lib9p"

// doubted looks at the error of an operation that was to change names in dir. After an EIO the operation may have been
// done or not: a server that was lost in the middle of it cannot say. What was known of the names is
// forgotten here and in the kernel, before the caller has its answer and looks. The kernel is told of the files and
// not of the names, since it waits with the directory locked: it asks for a file's attributes then,
// and for the name when they are refused as stale.
func (b *bridge) doubted(err error, dir *node, names ...string) {
	if number(err) != lib9p.EIO {
		return
	}
	var files []uint64
	b.mu.Lock()
	b.renames++ // as far as anybody knows
	for _, name := range names {
		if n := dir.children[name]; n != nil {
			b.unstand(n)
			b.forsakeBelow(n)
			files = append(files, n.id)
		}
	}
	b.mu.Unlock()
	for _, id := range files {
		b.refresh(id)
	}
}
