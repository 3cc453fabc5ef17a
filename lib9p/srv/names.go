package srv

import "strconv"

// decimalNames is for trees that know no names.
type decimalNames struct{}

func (decimalNames) UserName(uid uint32) string  { return strconv.FormatUint(uint64(uid), 10) }
func (decimalNames) GroupName(gid uint32) string { return strconv.FormatUint(uint64(gid), 10) }
func (decimalNames) UserID(name string) (uint32, bool) {
	n, err := strconv.ParseUint(name, 10, 32)
	return uint32(n), err == nil
}
func (n decimalNames) GroupID(name string) (uint32, bool) { return n.UserID(name) }
