# complete.zsh tree line word prints what zsh has on its screen when line and a tab are typed in a terminal, once
# that has word after line, or after 10 seconds.
zmodload zsh/zpty zsh/datetime
tree=$1 line=$2 word=$3
zpty -b z zsh -f -i

# await reads until what came matches a pattern.
await() {
	local piece end=$(( EPOCHREALTIME + 10 ))
	out=
	while [[ $out != ${~1} ]] && (( EPOCHREALTIME < end )); do
		if zpty -rt z piece; then out+=$piece; else sleep 0.02; fi
	done
}
zpty -w z "PS1= PS2= RPS1=; fpath=($tree/cmd/completion \$fpath); PATH=$tree:\$PATH; autoload -U compinit; compinit -u -d \$HOME/dump"
zpty -w z "bindkey '^I' complete-word; setopt auto_list no_beep; echo rea''dy"
await '*ready*'
zpty -n -w z "$line"$'\t'
await "*${line% *} *$word*"
print -r -- ${out##*${line% *} }
zpty -d z
