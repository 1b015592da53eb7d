#: gdb --batch on a program that it starts: a breakpoint, a backtrace, a step, the end; the inferior runs natively
#: needs: gdb gcc
#: limit: 60
#: filter: process [0-9]+ => process N
#: filter: 0x[0-9a-f]{6,} => ADDRESS
#: filter: (?m)^midtrace:.*\n => 
#: expect: Breakpoint 1
cat > small.c <<'X'
#include <stdio.h>
int inner(int n) { return n * 3; }
int main(void) { int s = 0; for (int i = 0; i < 5; i++) s += inner(i); printf("%d\n", s); return s & 7; }
X
gcc -g -O0 -o small small.c
gdb -nx --batch -ex 'set confirm off' -ex 'break inner' -ex run -ex bt -ex 'print n' -ex finish -ex 'delete' -ex 'next' -ex continue ./small < /dev/null 2> /dev/null
rm -f small
