// Package mount puts a 9P connection into the host's name space.
//
// There are two ways. [Kernel] gives the connection to the kernel's own 9P client, v9fs; it needs root and
// a kernel that has it. Package mount/fuse answers the kernel's FUSE questions from a
// [github.com/styxkit/styxkit/lib9p/client.Conn], in this process; it needs /dev/fuse, and root or the program fusermount3.
// [Unmount] ends either.
//
// Nothing here dials: the connection is handed in, open.
package mount
