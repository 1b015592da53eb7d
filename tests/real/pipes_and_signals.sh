#: a broken pipe, a signal to a group, traps while waiting, exec in place, background children left behind
#: also: torture
#: expect: survived
yes | head -3; (yes; echo $? >&2) 2> status | head -1; sleep 0.1; cat status
sh -c 'trap "echo caught; exit 3" TERM; kill -TERM $$; echo no'; echo $?
sh -c 'sleep 5 & kill $!; wait $!; echo $?'
sh -c 'exec sh -c "echo exec; exit 5"'; echo $?
(sleep 0.2 > /dev/null &) ; echo left
sh -c 'trap "" INT; sh -c "kill -INT \$\$; echo survived"'; sh -c 'kill -INT $$; echo no'; echo $?
sh -c 'kill -STOP $$; echo continued' & p=$!; sleep 0.2; kill -CONT $p; wait $p; echo $?
