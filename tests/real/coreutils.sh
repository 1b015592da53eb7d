#: timeout, nice, env, nohup, setsid, stdbuf, tee, xargs, split, and statuses of what they start
#: also: torture
#: expect: 1970-01-01
timeout 0.2 sleep 9; echo $?; timeout -s KILL 0.2 sleep 9; echo $?; timeout 5 sh -c 'exit 6'; echo $?; timeout --preserve-status 0.2 sleep 9; echo $?
nice -n 7 nice; env -i A=1 B=2 env | sort; env -u HOME sh -c 'echo "[$HOME]"'; env nothing-here; echo $?
nohup sh -c 'echo nohup' 2> /dev/null; setsid -w sh -c 'exit 4'; echo $?; stdbuf -oL echo buffered
seq 1 50 | tee copy | xargs -n 7 echo | md5sum; seq 1 100000 | split -l 30000 - part; cat part* | md5sum; wc part*
chmod 750 copy; stat -c '%a %s' copy; dd if=/dev/zero bs=1k count=300 2> /dev/null | sha256sum; factor 123456789012345; date -u -d @0 +%F
ls -i > /dev/null; du -s --apparent-size -b copy; cut -d1 -f2 copy | head -3; od -c copy | head -2; tac copy | head -2; shuf -i 1-10 --random-source=/dev/zero | head -3
