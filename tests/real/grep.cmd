#: searches a tree recursively
#: also: torture
#: expect: unsigned long
#: command: grep -rnE --include=*.h (un)?signed[[:space:]]+(long|short) /usr/include/linux
