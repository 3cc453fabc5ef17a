// Package memfs is a file tree in memory, with all that a 9P server can show:
// links, symbolic links, extended attributes, files with holes, append-only and
// exclusive-use files.
//
// A file belongs to who creates it, but nobody is kept from anything: modes are
// kept for clients that look at them. Reading does not change the time of
// access. What the tree holds is counted, and beyond its limit there is no
// space left. Qids are never used twice, nor by another run of the server, save
// by one chance in four thousand million.
//
// One lock guards the names, and each file has one for its contents; who holds
// both has taken the one of the names first.
package memfs
