#: walks a tree with tests and formats
#: also: torture
#: expect: /usr/include/stdio.h
#: command: find /usr/include -name *.h -size +8k -printf %p:%s:%m\n
