#: lists a directory
#: command: ls -la /usr /bin/sh
