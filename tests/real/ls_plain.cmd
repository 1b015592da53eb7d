#: lists a directory
#: expect: /bin/sh
#: command: ls -la /usr /bin/sh
