#: packs, lists and unpacks a tree, compressed too
#: also: torture
#: expect: same
mkdir -p tree/a/b tree/c; for i in 1 2 3 4 5 6 7 8; do seq $i 2000 > tree/a/file$i; cp tree/a/file$i tree/a/b; done; ln -s file1 tree/a/link
tar --sort=name --mtime=@0 --owner=0 --group=0 -cf archive.tar tree
tar --sort=name --mtime=@0 --owner=0 --group=0 -cJf archive.tar.xz tree
md5sum archive.tar
tar -tf archive.tar
mkdir out; tar -xf archive.tar.xz -C out
diff -r tree out/tree && echo same
