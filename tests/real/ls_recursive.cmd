#: lists a tree of some thousand files
#: command: ls -lR /usr/include /usr/lib/gcc
