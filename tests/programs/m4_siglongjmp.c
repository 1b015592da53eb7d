//! siglongjmp out of handlers of faults, timers and nested signals, thousands of times, with and without saving the mask
#include <setjmp.h>
#include <sys/time.h>
#include "common.h"
static sigjmp_buf back;
static volatile int armed, jumps;
static void on_fault(int signal, siginfo_t *info, void *context) { siglongjmp(back, signal); }
static void on_tick(int signal, siginfo_t *info, void *context) { if (armed) { armed = 0; siglongjmp(back, signal); } }
static void on_usr(int signal, siginfo_t *info, void *context) { *(volatile int *)8 = 1; }
int main(void) {
    static const int faults[] = {SIGSEGV, SIGILL, SIGFPE, SIGTRAP};
    for (int n = 0; n < 4; n++) handle(faults[n], on_fault, 0);
    handle(SIGUSR1, on_usr, 0);
    volatile uint64_t hash = 0;
    volatile int zero = 0;
    for (volatile int n = 0; n < 2000; n++) {
        int value = sigsetjmp(back, 1);
        if (!value) {
            if (n % 5 == 0) *(volatile int *)16 = 1;
            if (n % 5 == 1) __asm__ volatile("ud2");
            if (n % 5 == 2) zero = n / zero;
            if (n % 5 == 3) __asm__ volatile("int3");
            if (n % 5 == 4) raise(SIGUSR1);
        }
        hash = mix(hash, value);
    }
    sigset_t set;
    sigprocmask(0, NULL, &set);
    CHECK(!sigismember(&set, SIGUSR1) && !sigismember(&set, SIGSEGV), "the mask was not restored");
    // Without a saved mask the signal stays blocked.
    if (!sigsetjmp(back, 0)) *(volatile int *)16 = 1;
    sigprocmask(0, NULL, &set);
    CHECK(sigismember(&set, SIGSEGV), "the mask was restored");
    sigprocmask(SIG_UNBLOCK, &set, NULL);
    handle(SIGALRM, on_tick, 0);
    struct itimerval timer = {{0, 300}, {0, 300}};
    setitimer(ITIMER_REAL, &timer, NULL);
    for (volatile int n = 0; n < 500; n++) {
        if (!sigsetjmp(back, 1)) {
            armed = 1;
            for (;;) grind(n, 50);
        }
        jumps++;
    }
    printf("%016lx %d\n", hash, jumps);
    return verdict();
}
