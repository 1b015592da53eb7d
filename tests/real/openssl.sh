#: openssl: digests, ciphers, signatures, all with the processor's vector code
#: needs: openssl
#: expect: Verified
head -c 3000000 /dev/zero | openssl enc -aes-256-ctr -K 00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff -iv 000102030405060708090a0b0c0d0e0f > data
for d in md5 sha1 sha256 sha512 sha3-256 blake2b512; do openssl dgst -$d data; done
for c in aes-128-cbc aes-256-ctr chacha20 camellia-128-cbc; do openssl enc -$c -pbkdf2 -S 0011223344556677 -pass pass:x -in data | md5sum; done
openssl genpkey -algorithm ed25519 -out key 2> /dev/null; openssl pkeyutl -sign -inkey key -rawin -in Makefile 2> /dev/null; echo text > t; openssl pkeyutl -sign -inkey key -rawin -in t -out s && openssl pkey -in key -pubout -out p && openssl pkeyutl -verify -pubin -inkey p -rawin -in t -sigfile s
openssl prime 1000003; openssl rand -hex 8 | wc -c; rm -f key s p
