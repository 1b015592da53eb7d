#: edits and computes with sed and awk
#: expect: from a command
seq 1 20000 > numbers
sed -n -e '/7$/{s/7/seven/g;p}' -e '10,12p' numbers | md5sum
sed -e 's/\([0-9]\)\([0-9]\)/\2\1/g' -e '$!N;P;D' numbers | md5sum
awk '{ s += $1 * $1; c[$1 % 13]++ } END { printf "%.0f\n", s; for (i = 0; i < 13; i++) print i, c[i] }' numbers
awk 'function f(n) { return n < 2 ? n : f(n - 1) + f(n - 2) } BEGIN { print f(18); print substr("abcdef", 2, 3), toupper("x"), sin(1) }'
awk 'BEGIN { "echo from a command" | getline line; print line; print "sorted" | "sort -r"; close("sort -r"); exit 7 }'
echo $?
