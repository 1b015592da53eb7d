#: programs under limits of address space, open files, stack and processor time
#: filter: line ([0-9]+): +[0-9]+ => line $1: N
#: expect: core
(ulimit -v 3000000; ls / | wc -l > /dev/null; echo "address space $?"; sh -c 'echo child of a limited shell'; python3 -c 'print("python")' 2>&1)
(ulimit -n 12; ls / > /dev/null; echo "files $?"; exec 9< /dev/null; ls /dev/null)
(ulimit -s 256; ls / > /dev/null; echo "stack $?")
(ulimit -t 1; sh -c 'while :; do :; done'; echo "time $?")
(ulimit -f 1; head -c 100000 /dev/zero > big; echo "file size $?")
(ulimit -c 0; sh -c 'kill -SEGV $$'; echo "core $?")
