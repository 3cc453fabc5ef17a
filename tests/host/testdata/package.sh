# shellcheck shell=bash
# package.sh deb installs the package deb, uses it through mount(8) and fstab, and
# removes it. It must run in a mount name space of its own.
set -euo pipefail

deb=$1
work=$PWD
upper=$(mktemp -d)
mount -t tmpfs none "$upper"
for dir in /usr /var/lib/dpkg; do
	u=$upper/$(basename $dir)
	mkdir -p "$u/up" "$u/work"
	mount -t overlay -o "lowerdir=$dir,upperdir=$u/up,workdir=$u/work" overlay $dir
done

fail() {
	echo "package.sh: $*" >&2
	exit 1
}

bin=/usr/lib/styxkit/bin
data=$work/data
point=$work/point
sock=$work/s
addr=unix!$sock
mkdir "$data" "$point"
echo contents >"$data/file"
find /usr /var/lib/dpkg/info -name '*styx*' >"$work/before"
server=

serve() {
	rm -f "$sock"
	$bin/u9fs -l "$addr" "$data" 3<&- &
	server=$!
	while [ ! -S "$sock" ]; do sleep 0.05; done
}

crash() {
	kill -9 "$server"
	wait "$server" 2>/dev/null || true
	serve
}

# mounted PATTERN fails unless the mount's line has PATTERN.
mounted() { grep -E " $point .*$1" /proc/self/mounts >/dev/null || fail "$(cat /proc/self/mounts) has no $1"; }

gone() {
	umount "$point"
	if grep -q " $point " /proc/self/mounts; then fail 'still mounted after umount'; fi
	for _ in $(seq 100); do
		pgrep -f "^mount .* $point\$" >/dev/null || return 0
		sleep 0.1
	done
	fail "a process is left after umount: $(pgrep -af "$point")"
}

trap 'kill -9 $server 2>/dev/null || true; umount -l "$point" 2>/dev/null || true' EXIT

dpkg -i "$deb"
styx man 8 mount.styx | grep -q fstab || fail 'styx shows no page'
man -w mount.styx >/dev/null || fail 'man has no page'
serve

mount -t styx "$addr" "$point" -o persist,noexec,allow_other
mounted 'fuse.styx .*noexec'
exec 3<"$point/file"
crash
[ "$(cat <&3)" = contents ] || fail 'an open file did not survive'
[ "$(cat "$point/file")" = contents ] || fail 'the mount did not survive'
exec 3<&-
gone

echo "$addr $point styx persist,ro,noauto,_netdev,nofail,x-systemd.automount 0 0" >"$work/fstab"
mount -T "$work/fstab" "$point"
mounted 'fuse.styx ro'
crash
[ "$(cat "$point/file")" = contents ] || fail 'a mount of fstab did not survive'
gone

# The command has a comma of its own, which is no matter of who reads fstab.
printf '%s %s styx noauto,persist,auth={munge\\040-n\\040-t\\0401,ro},noexec 0 0\n' "$addr" "$point" >"$work/fstab"
mount -T "$work/fstab" "$point"
mounted 'fuse.styx rw.*noexec'
gone

# A server that is away at boot.
kill -9 "$server"
wait "$server" 2>/dev/null || true
echo "$addr $point styx persist,bg,_netdev,nofail 0 0" >"$work/fstab"
mount -T "$work/fstab" -a || fail 'a server that is away is an error with bg'
if grep -q " $point " /proc/self/mounts; then fail 'it is mounted without a server'; fi
styx mount | grep -q " on $point .*not mounted yet" || fail "the list of mounts says: $(styx mount)"
styx unmount "$point" || fail 'a mount to come cannot be given up'
if pgrep -f "^mount .* $point\$" >/dev/null; then fail 'a process is left of a mount that was given up'; fi
mount -T "$work/fstab" -a
serve
for _ in $(seq 200); do
	if grep -q " $point " /proc/self/mounts; then break; fi
	sleep 0.1
done
mounted fuse.styx
[ "$(cat "$point/file")" = contents ] || fail 'a mount that came later does not work'
gone

mount -t styx.fuse "$addr" "$point" -o defaults,aname=/
mounted fuse.styx
gone

if mount -t styx "$addr" "$point" -o persist,frobnicate 2>"$work/said"; then fail 'a wrong option is taken'; fi
grep -q 'frobnicate: no such option' "$work/said" || fail "of a wrong option is said: $(cat "$work/said")"
mount -s -t styx "$addr" "$point" -o persist,frobnicate
gone
mount -f -t styx "$addr" "$point" -o persist
if grep -q " $point " /proc/self/mounts; then fail 'mount -f mounts'; fi
if mount -t styx unix!/none "$point" 2>"$work/said"; then fail 'a server that is not there is mounted'; fi
grep -q 'unix!/none' "$work/said" || fail "of a wrong address is said: $(cat "$work/said")"

dpkg -r styxkit
find /usr /var/lib/dpkg/info -name '*styx*' >"$work/after"
diff "$work/before" "$work/after" || fail 'the package leaves something behind'
echo everything works
