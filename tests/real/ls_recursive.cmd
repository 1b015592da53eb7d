#: lists a tree of some thousand files
#: expect: stdio.h
#: command: ls -lR /usr/include /usr/lib/gcc
