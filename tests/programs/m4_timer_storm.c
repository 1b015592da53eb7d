//! a timer at ten kilohertz over hot loops, calls, indirect jumps and string instructions disturbs nothing
// flags: -O2 -lm
#include <math.h>
#include <sys/time.h>
#include "common.h"
static volatile long ticks;
static uint64_t in_handler;
static void on_tick(int signal, siginfo_t *info, void *context) {
    ticks++;
    in_handler = grind(in_handler, 20);
}
static uint64_t (*volatile pointer)(uint64_t, long) = grind;
static __attribute__((noinline)) uint64_t fib(int n) { return n < 2 ? n : fib(n - 1) + fib(n - 2); }
static uint64_t work(int n) {
    static char one[5000], two[5000];
    uint64_t h = grind(n, 20000);
    h = mix(h, pointer(h, 3000));
    h = mix(h, fib(18));
    memset(one, n, sizeof one);
    memcpy(two, one, sizeof two);
    for (int i = 0; i < 300; i++) __asm__ volatile("rep stosb" ::"D"(one), "c"(100), "a"(i) : "memory");
    h = mix_bytes(h, two, 100);
    double x = 1;
    for (int i = 1; i < 500; i++) x += sin(x * i) / i;
    long double y = 1;
    for (int i = 1; i < 500; i++) y = y * 1.0001L + 1.0L / i;
    h = mix(h, (uint64_t)(x * 1e9));
    return mix(h, (uint64_t)(y * 1e9L));
}
int main(void) {
    uint64_t quiet[30];
    for (int n = 0; n < 30; n++) quiet[n] = work(n);
    handle(SIGALRM, on_tick, SA_RESTART);
    struct itimerval timer = {{0, 100}, {0, 100}};
    MUST(setitimer(ITIMER_REAL, &timer, NULL));
    struct timespec start, now;
    clock_gettime(CLOCK_MONOTONIC, &start);
    long rounds = 0;
    do {
        for (int n = 0; n < 30; n++, rounds++) {
            uint64_t h = work(n);
            CHECK(h == quiet[n], "work %d gives %#lx, not %#lx, after %ld ticks", n, h, quiet[n], ticks);
        }
        clock_gettime(CLOCK_MONOTONIC, &now);
    } while ((now.tv_sec - start.tv_sec) * 1000 + (now.tv_nsec - start.tv_nsec) / 1000000 < 400);
    struct itimerval off = {{0, 0}, {0, 0}};
    setitimer(ITIMER_REAL, &off, NULL);
    CHECK(ticks > 20, "%ld ticks", ticks);
    printf("%016lx\n", quiet[29]);
    return verdict();
}
