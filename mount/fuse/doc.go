// Package fuse shows a 9P tree to the Linux kernel as a FUSE file system.
//
// The kernel asks, the bridge answers from the server. Each question comes in a goroutine of its own
// (go-fuse sees to that), becomes one to three 9P messages and waits for nothing but their
// replies. The mutex of the bridge guards tables only and is never held over a message, so a slow
// answer delays nobody else.
//
// A node is what the kernel calls an inode: a file that it has looked up and not forgotten. It has
// places, the (directory, name) pairs under which it was seen, and as a rule a fid that stands
// on it unopened. The fid is an aid, not the identity: it can be missing or turn out stale, and
// is then walked anew along the places; what is found must have the qid that the node has, or the
// answer is ESTALE, upon which the kernel looks the name up again. A lookup always walks, so that a
// name that means another file now gets a node of its own.
//
// A handle is an open file or directory with its own fid. Attributes of an open file are asked
// through a handle, so that a file that has lost its name is still itself.
//
// The kernel keeps names and attributes for a second, and the data of a file until it is opened again or its
// length or modification time changes. Regular files of length 0 are read past this
// cache when they are opened for reading: such are the files of servers that make up their contents.
//
// An interrupted call is not given up for any signal. As with a local disk, a program that
// handles SIGALRM or SIGCHLD must not see EINTR where it never did, so the bridge looks at what is pending: a
// signal that kills, or SIGHUP, SIGINT, SIGQUIT and SIGTERM, cancels the messages (Tflush) and the call fails
// with EINTR; any other is let wait.
package fuse
