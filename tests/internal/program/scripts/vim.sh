# shellcheck shell=bash
# Write a file over and over with vim, which renames, writes, syncs and removes.
echo start >file
for i in $(seq "$AMOUNT"); do
	vim.tiny -u NONE -N -n -es --cmd 'set backup writebackup' -c "normal Goline $i" -c 'wq' file </dev/null
	[ "$(tail -1 file)" = "line $i" ]
done
[ "$(wc -l <file)" = $((AMOUNT + 1)) ]
