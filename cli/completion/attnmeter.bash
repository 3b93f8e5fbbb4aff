# Tab completion of attnmeter for bash: the program itself says what may come next.
_attnmeter() {
	local line candidates=() files=0 cur=${COMP_WORDS[COMP_CWORD]}
	while IFS= read -r line; do
		if [ "$line" = :files ]; then files=1; else candidates+=("${line%%$'\t'*}"); fi
	done < <("${COMP_WORDS[0]}" --help=complete "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
	COMPREPLY=("${candidates[@]}")
	if [ $files -eq 1 ]; then
		compopt -o filenames 2>/dev/null
		while IFS= read -r line; do COMPREPLY+=("$line"); done < <(compgen -f -- "$cur")
	fi
}
complete -F _attnmeter attnmeter
