#: xz with two threads, gzip and bzip2 pack and unpack
#: needs: xz gzip bzip2
#: expect: same
awk 'BEGIN { s = 42; for (i = 0; i < 60000; i++) { s = (s * 1103515245 + 12345) % 2147483648; print s % 1000, "some text that repeats", i % 77, s } }' > input
xz -T2 --block-size=400KiB -k -6 input; gzip -n -k -9 input; bzip2 -k input
md5sum input.xz input.gz input.bz2
xz -T2 -dc input.xz | cmp - input && gzip -dc input.gz | cmp - input && bzip2 -dc input.bz2 | cmp - input && echo same
xz -l --robot input.xz | tail -1; xz -t input.gz; echo $?
