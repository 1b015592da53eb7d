//! code on the stack and in the heap: trampolines of nested functions
// flags: -O1 -z execstack -Wno-trampolines
#include "jit.h"
static int apply(int (*f)(int), int x) { return f(x); }
static __attribute__((noinline)) int outer(int a) {
    int inner(int x) { return x * a + 1; }
    return apply(inner, 5);
}
static __attribute__((noinline)) int deeper(int depth, int a) {
    int inner(int x) { return x + a; }
    if (depth) return deeper(depth - 1, a + 1) + apply(inner, depth);
    return apply(inner, 1);
}
int main(void) {
    uint64_t hash = 0;
    for (int n = 0; n < 2000; n++) hash = mix(mix(hash, outer(n)), deeper(n % 20, n));
    printf("%016lx\n", hash);
    return verdict();
}
