# shellcheck shell=bash
# Copy a tree onto the mount twice with rsync; the second time nothing is left to do.
mkdir "$LOCAL/tree"
for i in $(seq "$AMOUNT"); do
	mkdir -p "$LOCAL/tree/$((i % 17))"
	head -c $((i * 37 % 20000)) /dev/zero | tr '\0' "$((i % 10))" >"$LOCAL/tree/$((i % 17))/f$i"
done
rsync -a "$LOCAL/tree/" copy/
diff -r copy "$LOCAL/tree"
for i in $(seq 1 7 "$AMOUNT"); do echo more >>"$LOCAL/tree/$((i % 17))/f$i"; done
rsync -a --delete "$LOCAL/tree/" copy/
diff -r copy "$LOCAL/tree"
[ -z "$(rsync -ai --delete "$LOCAL/tree/" copy/)" ]
rsync -a copy/ "$LOCAL/back/"
diff -r "$LOCAL/back" "$LOCAL/tree"
