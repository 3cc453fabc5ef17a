package styxpersist

import (
	"errors"
	"io"
	"io/fs"
)

// A dead connection can still execute what it was sent: bytes lie in buffers, workers finish. A probe that finds nothing
// proves that nothing was done only when the old connection is fenced, which is known where
//
//   - the server ended it: it has closed its side, or its process is gone and the kernel said so;
//   - the address refused a connection since: the process that served it is gone.
//
// A connection that just fell silent is not fenced.

// endedByPeer reports whether a connection's end, as a read or write told it, was the server's doing.
func endedByPeer(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || isReset(err)
}

// refusedByHost reports whether a dial failed because nobody serves the address.
func refusedByHost(err error) bool {
	return isRefused(err) || errors.Is(err, fs.ErrNotExist)
}
