// Package sim tries styxpersist against a world that it makes up: clients that draw their operations at
// random, and a file server in memory that dies, comes back, loses what it was sent or what it said,
// executes late and answers in any order.
//
// A history is a list of slots, each a client's operation or a fault, and some steps of the world after it. Everything
// random in a slot comes from the history's seed and the slot's number, so a seed replays, and leaving a
// slot out changes the others as little as can be: that is how a failing history is made smaller.
//
// The world moves only while styxpersist waits: between two steps every goroutine is blocked. A step does one thing: an
// operation is sent, a request executed, a reply delivered, a dial answered, or time passes. With one processor the goroutines run
// in the same order each time, and so a seed does the same to the last message.
//
// The server has quirks, as those have that there are: it lacks descriptors, insists on new files, knows no Tunlinkat,
// counts a file's mode also for its owner, comes back with a smaller msize and iounit or with other qids, reads from what is not open, speaks nonsense. Somebody
// else may change the tree behind its clients' backs; where nobody does, styxpersist is told so now and then.
// In some histories it keeps what is removed while it is open, under hidden names, and in some the server wants proofs of who its users are.
// In some, a connection that falls silent may stay so, and styxpersist has to find out by asking; in some nobody waits for long.
//
// The oracle looks at both ends. It knows each request that a client has sent, recognises it when it
// arrives at the server, on whichever connection, and keeps what each execution did. What the client is told
// is held against that: no effect twice, no success without the effect, no error where something happened, no fid that
// means another file, nothing said twice or after an Rflush, no doubt where things could be known, nothing done in reliance
// on a lock that the server does not hold. In the end each byte of each file must be from the last acknowledged write or from
// one that was under way with it, each mode what it was, the table in order and empty, no hidden name left, and nobody left running.
//
// That the oracle sees what it should is tried by putting defects back, one at a time: see internal/mutate.
//
// Nothing of the product imports this package.
package sim
