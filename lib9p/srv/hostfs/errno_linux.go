package hostfs

import (
	"errors"

	"golang.org/x/sys/unix"

	"github.com/styxkit/styxkit/lib9p"
)

// errnos are the numbers of the protocol, which are Linux's on most machines, for those of this one.
var errnos = map[unix.Errno]lib9p.Errno{
	unix.EDEADLK:      lib9p.EDEADLK,
	unix.ENAMETOOLONG: lib9p.ENAMETOOLONG,
	unix.ENOLCK:       lib9p.ENOLCK,
	unix.ENOSYS:       lib9p.ENOSYS,
	unix.ENOTEMPTY:    lib9p.ENOTEMPTY,
	unix.ELOOP:        lib9p.ELOOP,
	unix.ENODATA:      lib9p.ENODATA,
	unix.EPROTO:       lib9p.EPROTO,
	unix.EOVERFLOW:    lib9p.EOVERFLOW,
	unix.EOPNOTSUPP:   lib9p.EOPNOTSUPP,
	unix.ETIMEDOUT:    lib9p.ETIMEDOUT,
	unix.ESTALE:       lib9p.ESTALE,
	unix.EDQUOT:       lib9p.EDQUOT,
}

// fromErrno returns the protocol's number. Those below 35 are the same everywhere.
func fromErrno(e unix.Errno) lib9p.Errno {
	if n, ok := errnos[e]; ok {
		return n
	}
	return lib9p.Errno(e)
}

func toErrno(err error) lib9p.Errno {
	e, _ := errors.AsType[lib9p.Errno](err)
	return e
}
