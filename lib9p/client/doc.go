// Package client is a 9P client for the three dialects: it turns methods of [Conn] and [Fid] into messages.
//
// A Conn is made by [New] from an open [lib9p.Transport]; New agrees with the server on dialect and
// message size. Two goroutines then own the transport. One writes what callers have queued, and
// gathers what lies there into one write, so that no caller is ever stuck in a write. The other reads replies,
// hands each to the call that has its tag, and copies the data of a read straight into that call's
// buffer. Callers wait for nothing but their own reply, so any number of them may call at once.
//
// There are two kinds of failure. A refusal is the server's answer, a [*lib9p.Error]; the
// connection is well. A [*ConnError] means that the line broke, or that the server said
// what no server may say; every waiting call returns it, and every later one.
//
// Every call takes a context. When it ends first, a request that has not left yet is withdrawn;
// for one that has, Tflush is sent, and the call waits a quarter of a second for the server's word: the reply, if that
// still comes, is the call's result. Without any word the call returns the context's
// error, and its tag, the fids that it names and the fid that it was making stay reserved until the server answers; a
// fid that turns out to have been made is clunked. A caller's buffer is never touched after the call has returned.
package client
