#: programs under limits of address space, data, open files, stack and processor time
#: filter: line ([0-9]+): +[0-9]+ => line $1: N
#: expect: core
(ulimit -v 3000000; ls / | wc -l > /dev/null; echo "address space $?"; sh -c 'echo child of a limited shell'; python3 -c 'print("python")' 2>&1)
(ulimit -v 100000; x=$(echo sub); echo "$x under $(ulimit -v)"; ls -d /; bash -c 'ulimit -v; ulimit -Sv 90000; ulimit -v; ulimit -Hv; ls -d / | cat')
(ulimit -v 250000; python3 -c 'import sys
try: bytearray(1 << 30)
except MemoryError: print("no memory")'; ulimit -v 300000 2> /dev/null || echo refused)
(ulimit -d 20000; x=$(echo sub); echo "$x under $(ulimit -d)"; ls -d /; bash -c 'ulimit -d; ulimit -Sd 15000; ulimit -d; ulimit -Hd')
prlimit --data=10000000 --as=200000000 sh -c 'prlimit --data --as --raw --noheadings; ls -d / | cat'
(ulimit -n 12; ls / > /dev/null; echo "files $?"; exec 9< /dev/null; ls /dev/null)
(ulimit -s 256; ls / > /dev/null; echo "stack $?")
(ulimit -t 1; sh -c 'while :; do :; done'; echo "time $?")
(ulimit -f 1; head -c 100000 /dev/zero > big; echo "file size $?")
(ulimit -c 0; sh -c 'kill -SEGV $$'; echo "core $?")
