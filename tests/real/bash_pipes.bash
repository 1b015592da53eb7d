#: bash: pipes, subshells, here documents, substitutions, arrays, traps, arithmetic, coprocesses
#: also: torture
#: expect: 40320
set -o pipefail
seq 1 1000 | grep 7 | while read -r n; do echo $((n * 2)); done | tail -2
(cd /; pwd; exit 3); echo "subshell $?"
false | true; echo "pipefail $?"
x=$(echo a; echo b); echo "${x//$'\n'/+}"
cat <<X | tr a-z A-Z
here $((6 * 7)) $(echo deep $(echo er))
X
diff <(seq 1 5) <(seq 1 6) | head -3
trap 'echo usr1' USR1; trap 'echo exiting' EXIT; trap 'echo err' ERR
kill -USR1 $$; false
declare -A map; for i in {1..200}; do map[k$((i % 17))]=$i; done; for k in $(printf '%s\n' "${!map[@]}" | sort); do echo -n "$k=${map[$k]} "; done; echo
coproc { while read -r line; do echo "got $line"; done; }
echo hello >&"${COPROC[1]}"; read -r answer <&"${COPROC[0]}"; echo "$answer"; kill "$COPROC_PID"; wait "$COPROC_PID" 2> /dev/null
f() { local n=$1; ((n < 2)) && { echo 1; return; }; echo $((n * $(f $((n - 1))))); }; f 8
p=(); for i in 1 2 3 4 5 6; do (exit $i) & p+=($!); done; for p in "${p[@]}"; do wait "$p"; echo -n "$? "; done; echo
exec 5> file; echo to five >&5; exec 5>&-; cat file
timeout 0.2 sleep 5; echo "timeout $?"
[[ abc123 =~ ([a-z]+)([0-9]+) ]] && echo "${BASH_REMATCH[2]}"
printf '%s\n' {a..e}{1..3} | xargs -n 4 -P 2 echo | sort
exit 9
