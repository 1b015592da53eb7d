#: sorts numerically, by key, uniquely, in two threads, and merges
#: expect: keyed
awk 'BEGIN { s = 42; for (i = 0; i < 30000; i++) { s = (s * 1103515245 + 12345) % 2147483648; print s % 10007, s % 997, "line", i } }' > input
sort -n input > numeric
sort -k2,2n -k1,1nr --parallel=2 input > keyed
sort -u -k3,3 input
sort -m numeric numeric | tail -3
md5sum numeric keyed
