#: make -j over gcc -O2 and g++: vfork, exec trees, temporary files; the objects are byte for byte native's
#: needs: make gcc g++
#: limit: 120
#: expect: k6
for i in 1 2 3 4; do cat > c$i.c <<X
#include <stdio.h>
#include <string.h>
#include <stdlib.h>
static int table[100];
int work$i(int n) { for (int i = 0; i < 100; i++) table[i] = i * n + $i; int s = 0; for (int i = 0; i < n; i++) s ^= table[i % 100] << (i & 7); char b[64]; snprintf(b, sizeof b, "%d-%s", s, strchr("abc", 'b')); return s + (int)strlen(b); }
X
done
cat > main.cpp <<'X'
#include <iostream>
#include <map>
#include <string>
extern "C" { int work1(int); int work2(int); int work3(int); int work4(int); }
int main() { std::map<std::string, int> m; for (int i = 0; i < 50; i++) m["k" + std::to_string(i % 7)] += work1(i) ^ work2(i) + work3(i) * work4(i); for (auto &p : m) std::cout << p.first << ' ' << p.second << '\n'; }
X
cat > Makefile <<'X'
prog: c1.o c2.o c3.o c4.o main.o
	g++ -o $@ $^
%.o: %.c
	gcc -O2 -c -o $@ $<
%.o: %.cpp
	g++ -O2 -c -o $@ $<
X
make -s -j3 && ./prog && make -s -j3; echo 'int broken(' > bad.c; make -s bad.o; echo $?
