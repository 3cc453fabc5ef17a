# shellcheck shell=bash
# Unpack AMOUNT files onto the mount, pack them from there, and compare.
mkdir "$LOCAL/tree"
for i in $(seq "$AMOUNT"); do
	d=$LOCAL/tree/$((i % 40))/$((i % 11))
	[ -d "$d" ] || mkdir -p "$d"
	printf '%*d\n' $((i % 3000)) "$i" >"$d/f$i"
done
ln -s f1 "$LOCAL/tree/link"
tar cf "$LOCAL/a.tar" -C "$LOCAL" tree
tar xf "$LOCAL/a.tar"
diff -r --no-dereference tree "$LOCAL/tree"
tar df "$LOCAL/a.tar"
tar cf "$LOCAL/b.tar" tree
mkdir "$LOCAL/again"
tar xf "$LOCAL/b.tar" -C "$LOCAL/again"
diff -r --no-dereference "$LOCAL/again/tree" "$LOCAL/tree"
rm -r tree
[ ! -e tree ]
