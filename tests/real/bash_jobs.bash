#: bash: job control without a terminal: background, stop, continue, wait, kill
#: also: torture
#: filter: line ([0-9]+): +[0-9]+ => line $1: N
#: expect: third 5
set -m
sleep 30 & one=$!
sleep 30 & two=$!
jobs | sed 's/ \+/ /g'
kill -STOP %1; sleep 0.1; jobs | sed 's/ \+/ /g'
kill -CONT %1; sleep 0.1; jobs | sed 's/ \+/ /g'
kill %2; wait %2; echo "second $?"
kill -9 $one; wait $one; echo "first $?"
(sleep 0.05; exit 5) & wait $!; echo "third $?"
disown -a; jobs
(trap 'echo term in a subshell; exit 4' TERM; kill -TERM $BASHPID; sleep 1); echo $?
trap 'echo chld' CHLD; (exit 0) & wait; trap - CHLD
{ sleep 0.1; echo late; } & wait
