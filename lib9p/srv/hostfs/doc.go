// Package hostfs serves a directory of the host, as the user who runs it.
//
// # What a fid stands on
//
// Each file that a fid stands on is a node in a table of the tree: its parent,
// its name there, and its identity, which is the device, the inode and the time
// of its birth. A node is reached through an O_PATH descriptor. There are more
// fids than descriptors: a client's kernel keeps a fid for every name that it
// remembers, and every process has a limit. So descriptors are a cache: who has
// not been used for long is closed, and opened again on the way from the
// nearest ancestor that has one, name by name and without following a symbolic
// link. What is found there must have the identity that the node has, else the
// client is told ESTALE. A rename through the server moves nodes in the table,
// so that fids below a renamed directory stay good; a rename by somebody else
// is noticed while the descriptor is still in the cache. An open file has a
// descriptor of its own, whatever happens to its name.
//
// # What nobody can leave
//
// No path is ever given to the kernel to resolve: every step is a single name
// opened with O_PATH and O_NOFOLLOW in the directory before, and ".." is the
// parent in the table after the kernel's own has been found to be the same file.
// After each step downwards the kernel is asked where the file found is; where
// that is not below the directory attached to, as when somebody moves a
// directory out of the tree while a client walks in it, the step has failed.
// A descriptor that is open stays open, as it does for any process, but leads
// nowhere else.
//
// The package needs /proc, through which the kernel gives a second, usable
// descriptor for an O_PATH one.
package hostfs
