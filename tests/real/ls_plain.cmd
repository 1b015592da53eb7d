#: lists a directory
#: also: torture
#: expect: /bin/sh
#: command: ls -la /usr /bin/sh
