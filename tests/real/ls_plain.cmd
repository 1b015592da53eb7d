#: lists a directory
#: torture
#: expect: /bin/sh
#: command: ls -la /usr /bin/sh
