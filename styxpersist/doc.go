// Package styxpersist keeps a 9P conversation alive while its server dies and comes back.
//
// It stands between a client and a server that know nothing of it, and speaks 9P2000, 9P2000.u or 9P2000.L with both. While the
// connection to the server lives, it relays. When it dies, the client keeps its own connection, its fids and
// its requests: the session asks for another connection, walks and opens what was walked
// to and open, and sends again what can be sent again. The client sees a pause.
//
// # What can be known
//
// A request without an answer may have been executed or not. Most can be made twice with the result of once
// (reads, writes at an offset, opens, walks), and are. The others are looked into: a rename has
// been done if the file is found by its new name; a directory that is not there was not made. What
// stays in doubt is answered with the error "operation possibly not completed" (EIO in 9P2000.L) and is never
// sent again. A fid comes back only as the same file, known by its qid or, where a server numbers its files anew, as [QidPolicy]
// has it; one that cannot is dead, it alone, and says so.
//
// # Who runs
//
//	client --T--> client reader --note--> [ table: fids, nodes, requests ] --> server connection (generation n)
//	client <--R-- server reader(n) <--learn-- [ one mutex ]
//
// The client reader reads a message, notes it in the table and writes it, patched with the server's
// numbers, to the server. The server reader learns from the answer, patches it, and writes it to the client. The
// mutex is held while the table is looked at, never while anything is read or written, so the two
// directions block each other nowhere that a direct connection would not.
//
// Beside them there is the keeper, which connects, and judges what a dead connection left; a watch, which pings a server that
// is silent; the sender, which writes requests that had to wait, or that the server would not take; the poster of each connection, which
// writes what the session asks by itself; and a goroutine for each fid that is coming back and each request being proved, of
// which a window lets some begin at a time, in order, and for each dead connection of which the end is awaited.
// Where [Config] has Auth, an attach is a goroutine, too, in which it proves the user to the server.
// While the server is away nothing waits for it that need not: flushes, clunks and errors are answered at once.
//
// A request waits for its own fids only. Those on one fid keep their order; those on others pass.
//
// # What comes from the wire
//
// Every length and number from either peer is checked before use. A client that speaks nonsense ends its session with an
// error from [Serve]; a server that does loses its connection, and the session asks for another.
package styxpersist
