// Package mutate puts defects back into styxpersist, those of Inferno's styxpersist.b, one at a time: so it can be
// shown that the simulation finds them. It works only in programs built with the tag mutate; in others Has
// is a constant, and the compiler leaves the defects out.
package mutate

// A Defect is one of the original's.
type Defect int

const (
	None       Defect = iota
	Truncate          // opens are repeated with OTRUNC, so that a file is emptied by every recovery
	CreateDir         // a created file is looked for where its directory is
	Resend            // what may have been done is sent again
	NoProbe           // whether a remove was done is not looked into
	StaleClunk        // the clunk of a fid that has died is refused
	FlushSelf         // an Rflush leaves the request that it cancels
	RenameOne         // a rename is not remembered
	OpenOnly          // only an open fid is checked to be the same file
	NoTimeout         // a server that accepts and says nothing is waited for
	DirOffset         // an open directory goes on at the old offset
	Append            // writes to the end of a file are repeated
	ReplyTwice        // what has been answered "possibly not completed" is sent again

	// And these are not the original's, which has nothing that they could be defects of.

	NoFence   // a connection that fell silent is taken for one that the server has ended
	NoRelock  // locks are not taken back
	PieceSum  // of a write that goes in pieces the last is counted
	KeepMode  // a mode that was changed to open a file stays
	OwnDeaths // nonsense as an answer to the session itself is taken for a refusal
	Claim     // with Config.Sole what is there has been made by the request in doubt, also where it may have been there before
	Bare      // with Config.Silly a file that is removed while it is open is removed
	Early     // what was said to a read that went ahead counts also if the file was not open then
	last
)

// All are the defects there are.
func All() []Defect {
	var l []Defect
	for d := None + 1; d < last; d++ {
		l = append(l, d)
	}
	return l
}

var names = [...]string{"None", "Truncate", "CreateDir", "Resend", "NoProbe", "StaleClunk", "FlushSelf", "RenameOne", "OpenOnly", "NoTimeout", "DirOffset", "Append", "ReplyTwice",
	"NoFence", "NoRelock", "PieceSum", "KeepMode", "OwnDeaths", "Claim", "Bare", "Early"}

func (d Defect) String() string { return names[d] }
