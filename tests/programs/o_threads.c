//! threads of deterministic work, started by clone and awaited by one futex call each: counted exactly together
// raw
// link: static static-pie
// oracle: count cov
#include "raw.h"
enum { THREADS = 5 };
static char stacks[THREADS][8192] __attribute__((aligned(16)));
static volatile uint64_t results[THREADS];
static volatile int alive[THREADS];
__attribute__((used)) static void work(long n) {
    uint64_t h = n;
    for (int i = 0; i < 300 + n * 50; i++) h = h & 1 ? h * 3 + n : h / 2 + 0x100000 * n;
    results[n] = h;
    raw_call(60, 0, 0, 0, 0);
}
static void start(long n) {
    register long r12 __asm__("r12") = n;
    register volatile int *r10 __asm__("r10") = &alive[n];
    alive[n] = 1;
    long result;
    // VM, FS, FILES, SIGHAND, THREAD, SYSVSEM, CHILD_CLEARTID
    __asm__ volatile("syscall\n test %%rax, %%rax\n jnz 1f\n mov %%r12, %%rdi\n call work\n1:\n"
                     : "=a"(result) : "a"(56), "D"(0x250f00), "S"(stacks[n] + 8192), "r"(r12), "r"(r10) : "rcx", "r11", "memory", "rdx");
}
int raw_main(void) {
    uint64_t h = 0;
    for (int round = 0; round < 3; round++) {
        for (long n = 0; n < THREADS; n++) start(n);
        // Woken by the end of the thread, or refused because it has ended: one call either way.
        for (int n = 0; n < THREADS; n++) raw_call(202, (long)&alive[n], 0, 1, 0);
        for (int n = 0; n < THREADS; n++) h = h * 31 + results[n];
    }
    raw_print(h);
    return 0;
}
