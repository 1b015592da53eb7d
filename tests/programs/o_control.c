//! loops, branches, calls, returns, indirect jumps with one and many targets, recursion: counted exactly
// raw
// link: static static-pie
// oracle: count cov
#include "raw.h"
static uint64_t a(uint64_t h) { return h * 3 + 1; }
static uint64_t b(uint64_t h) { return h & 4 ? h ^ h >> 7 : h + 9; }
static uint64_t c(uint64_t h) { return h % 5 == 3 ? a(h) : b(h); }
static uint64_t (*const functions[])(uint64_t) = {a, b, c};
static __attribute__((noinline)) uint64_t fib(int n) { return n < 2 ? n : fib(n - 1) + fib(n - 2); }
static __attribute__((noinline)) uint64_t pick(uint64_t h) {
    switch (h % 9) {
    case 0: return h + 1;
    case 1: return h * 3;
    case 2: return ~h;
    case 3: return h >> 3;
    case 4: return h ^ 99;
    case 5: return h - 7;
    case 6: return h << 1;
    default: return h * 5;
    }
}
int raw_main(void) {
    uint64_t h = 1;
    for (int n = 0; n < 300; n++) {
        h = functions[h % 3](h);
        h = pick(h);
        if (h & 16) h = functions[0](h);
        __asm__ volatile("mov $3, %%ecx\n1: loop 1b\n jrcxz 2f\n nop\n2:\n" ::: "rcx");
    }
    h += fib(12);
    raw_print(h);
    return 0;
}
