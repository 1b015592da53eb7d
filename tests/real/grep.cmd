#: searches a tree recursively
#: command: grep -rnE --include=*.h (un)?signed[[:space:]]+(long|short) /usr/include/linux
