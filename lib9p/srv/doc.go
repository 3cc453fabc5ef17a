// Package srv is a 9P server: it turns a conversation in 9P2000, 9P2000.u or
// 9P2000.L into calls on a [Tree].
//
// A tree speaks of files in the terms of Linux, whatever the dialect: a [File]
// is a place that a fid can stand on, a [Handle] is what opening it gives. The
// two have few methods; what else a tree can do it says by further interfaces,
// and where it lacks one the client is told that the operation is not
// supported. The package keeps what belongs to the conversation: fids, tags,
// flushes, the size of messages, directory offsets of 9P2000, record locks.
//
// Each connection has one goroutine that reads. It takes a request apart, finds
// the fids that it names and holds them, so that a later clunk cannot take them
// away, and gives it to a worker. Workers run at the same time; there are so
// many of them at most, and what comes in beyond that waits in line. What needs
// an open fid waits for an open of it that came before. A Tflush
// is never in line: it is answered by the reader, or by the worker whose request
// it names when that is done. Whoever has a reply puts it into the outgoing
// list; the first to do so writes the list out, and writes again what has come
// together meanwhile, so that a burst of replies is one write.
//
// When the conversation ends, requests that wait are told so through their
// context, those that run are waited for, every fid is closed, and only then
// the connection. A client that sees the end of the connection therefore knows
// that nothing it has asked for will still happen.
package srv
