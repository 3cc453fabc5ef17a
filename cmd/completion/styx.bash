# shellcheck shell=bash
# Completion for styx in bash: source it, or put it into /usr/share/bash-completion/completions as styx.

# _styx_home prints the folder that $1, the word for styx, runs the commands of.
_styx_home() {
	local f
	f=$(command -v -- "$1") && f=$(readlink -f -- "$f") && printf '%s\n' "${STYX:-${f%/*}}"
}

# _styx_mounts prints where the toolkit has mounted something.
_styx_mounts() { awk '$3 == "fuse.styx" || $3 == "9p" { print $2 }' /proc/self/mounts; }

# _styx_list completes the last of the words, set apart by commas, of $1 with the others.
_styx_list() {
	local cur=$1 done=
	shift
	case $cur in
	*,*)
		done=${cur%,*},
		cur=${cur##*,}
		;;
	esac
	mapfile -t COMPREPLY < <(compgen -P "$done" -W "$*" -- "$cur")
	compopt -o nospace
}

_styx() {
	local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]} home
	COMPREPLY=()
	home=$(_styx_home "${COMP_WORDS[0]}") || return
	if [ "$COMP_CWORD" = 1 ]; then
		mapfile -t COMPREPLY < <(compgen -W "$("${COMP_WORDS[0]}" | awk 'NR > 1 { print $1 }')" -- "$cur")
		return
	fi
	case ${COMP_WORDS[1]}:$prev in
	mount:-t) mapfile -t COMPREPLY < <(compgen -W 'v9fs fuse' -- "$cur") ;;
	mount:-o) _styx_list "$cur" ro rw exec noexec uid= gid= allow_other silly nosilly sole auth= bg cache= log= msize= dialect= version= qids= soft= ;;
	man:*) mapfile -t COMPREPLY < <(compgen -W "$(cd "$home/man" && ls [1-8])" -- "$cur") ;;
	unmount:*) mapfile -t COMPREPLY < <(compgen -W "$(_styx_mounts)" -- "$cur") ;;
	*) mapfile -t COMPREPLY < <(compgen -f -- "$cur") ;;
	esac
}

complete -o filenames -F _styx styx ./styx
