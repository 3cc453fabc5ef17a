package lib9p

import "9fans.net/go/plan9"

// A Dialect is one of the three protocols that share the 9P framing.
// It decides which messages are legal and which fields some of them carry.
type Dialect uint8

const (
	P2000 Dialect = iota // 9P2000, intro(5) of Plan 9
	U                    // 9P2000.u, the Unix extension
	L                    // 9P2000.L, the Linux protocol of v9fs and diod
)

// String returns the version string that names d in Tversion.
func (d Dialect) String() string {
	switch d {
	case U:
		return "9P2000.u"
	case L:
		return "9P2000.L"
	}
	return plan9.VERSION9P
}

// ParseDialect returns the dialect that a version string names exactly.
// What a version with a further suffix falls back to is a matter of negotiation, see [Negotiate].
func ParseDialect(version string) (d Dialect, ok bool) {
	for d := P2000; d <= L; d++ {
		if version == d.String() {
			return d, true
		}
	}
	return 0, false
}

// Negotiate returns the dialect that answers an offered version, by the rule of version(5):
// a dot and what follows it is a variant, and a server that does not know
// the variant falls back to the plain protocol. "9P2000.L.Google.7" falls back to 9P2000.L.
func Negotiate(version string) (d Dialect, ok bool) {
	for d := L; ; d-- {
		name := d.String()
		if version == name || len(version) > len(name) && version[:len(name)] == name && version[len(name)] == '.' {
			return d, true
		}
		if d == P2000 {
			return 0, false
		}
	}
}

// Legal reports whether a message of type typ exists in d.
// Tversion and Rversion, which choose the dialect, are legal in all.
func (d Dialect) Legal(typ uint8) bool {
	switch typ {
	case TypeTversion, TypeRversion, TypeTauth, TypeRauth, TypeTattach, TypeRattach,
		TypeTflush, TypeRflush, TypeTwalk, TypeRwalk, TypeTread, TypeRread,
		TypeTwrite, TypeRwrite, TypeTclunk, TypeRclunk, TypeTremove, TypeRremove:
		return true
	case TypeRerror, TypeTopen, TypeRopen, TypeTcreate, TypeRcreate,
		TypeTstat, TypeRstat, TypeTwstat, TypeRwstat:
		return d != L
	case TypeTlerror:
		return false
	}
	return d == L && known[typ]
}

// known holds the types that New knows, so that Legal need not make a message to see.
var known = func() (k [256]bool) {
	for typ := range k {
		k[typ] = New(uint8(typ)) != nil
	}
	return k
}()
