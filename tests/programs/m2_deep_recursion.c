//! recursion a million frames deep, mutual recursion, and Ackermann's function
// flags: -O1 -pthread
#include <pthread.h>
#include "common.h"
static __attribute__((noinline)) uint64_t down(long depth, uint64_t h) {
    if (!depth) return h;
    return down(depth - 1, mix(h, depth)) * 3 + depth;
}
static uint64_t odd(long n, uint64_t h);
static __attribute__((noinline)) uint64_t even(long n, uint64_t h) { return n ? odd(n - 1, h * 3) + 1 : h; }
static __attribute__((noinline)) uint64_t odd(long n, uint64_t h) { return n ? even(n - 1, h ^ n) + 2 : ~h; }
static __attribute__((noinline)) uint64_t ackermann(uint64_t m, uint64_t n) {
    if (!m) return n + 1;
    return ackermann(m - 1, n ? ackermann(m, n - 1) : 1);
}
static __attribute__((noinline)) uint64_t fib(int n) { return n < 2 ? n : fib(n - 1) + fib(n - 2); }
static void *work(void *unused) {
    for (int n = 0; n < 2; n++) printf("%016lx\n", down(1000000, n));
    printf("%016lx\n", even(500001, 7));
    printf("%lu %lu\n", ackermann(2, 300), ackermann(3, 7));
    printf("%lu\n", fib(25));
    return unused;
}
int main(void) {
    pthread_attr_t attributes;
    pthread_t thread;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, 256 << 20);
    if (pthread_create(&thread, &attributes, work, NULL)) return 99;
    pthread_join(thread, NULL);
    return verdict();
}
