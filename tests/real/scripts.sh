#: runs scripts through #!, with arguments, nested, with env, and says why bad ones do not start
#: also: torture
#: expect: by env
mk() { cat > "$1"; chmod +x "$1"; }
mk plain <<'X'
#!/bin/sh
echo "plain: $0 $1 $#"
X
mk argument <<'X'
#!/bin/sh -e
echo argument
false
echo not reached
X
mk by-env <<'X'
#!/usr/bin/env -S awk -f
BEGIN { print "by env", ARGC }
X
mk nested <<'X'
#!./plain
X
mk bad <<'X'
#!/nowhere/interpreter
X
mk none <<'X'
echo no line at all: $0
X
./plain one two; ./argument; echo $?; ./by-env; ./nested a b; ./bad; echo $?; ./none; echo $?
echo 'echo from stdin' | sh -s; . ./none
