//! a computed goto with a single target, and one that changes its only target half way
// flags: -O2
#include "common.h"
static __attribute__((noinline)) uint64_t spin(uint64_t h, long left) {
    void *volatile target = &&one;
    goto *target;
one:
    h = h * 6364136223846793005u + 1;
    if (!--left) return h;
    if (left == 500000) target = &&two;
    goto *target;
two:
    h ^= h >> 31;
    h *= 31;
    if (!--left) return h;
    goto *target;
}
int main(void) {
    printf("%016lx\n", spin(1, 1000000));
    printf("%016lx\n", spin(2, 400000));
    return verdict();
}
