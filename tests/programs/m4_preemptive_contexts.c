//! a timer's handler switches between user-space threads with swapcontext: a preemptive scheduler
#include <sys/time.h>
#include "common.h"
enum { COUNT = 6 };
static ucontext_t home, contexts[COUNT];
static char stacks[COUNT][65536] __attribute__((aligned(64)));
static volatile int current, finished, switches;
static volatile int done[COUNT];
static volatile uint64_t results[COUNT];
static void on_tick(int signal, siginfo_t *info, void *context) {
    int from = current, to = from;
    do to = (to + 1) % COUNT; while (to != from && done[to]);
    if (to == from) return;
    switches++;
    current = to;
    swapcontext(&contexts[from], &contexts[to]);
}
static void body(int n) {
    uint64_t h = n;
    double x = n;
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGALRM);
    // Only now: swapcontext changes the mask before it changes stacks.
    sigprocmask(SIG_UNBLOCK, &set, NULL);
    for (int i = 0; i < 3000; i++) {
        h = grind(h, 200);
        for (int k = 1; k < 20; k++) x += 1.0 / (k + x);
    }
    sigprocmask(SIG_BLOCK, &set, NULL);
    results[n] = mix(h, (uint64_t)(x * 1e6));
    done[n] = 1;
    if (++finished == COUNT) setcontext(&home);
    int to = n;
    while (done[to]) to = (to + 1) % COUNT;
    current = to;
    setcontext(&contexts[to]);
}
static void round_(void) {
    memset((void *)done, 0, sizeof done);
    finished = 0;
    for (int n = 0; n < COUNT; n++) {
        getcontext(&contexts[n]);
        contexts[n].uc_stack.ss_sp = stacks[n];
        contexts[n].uc_stack.ss_size = sizeof stacks[n];
        sigaddset(&contexts[n].uc_sigmask, SIGALRM);
        makecontext(&contexts[n], (void (*)(void))body, 1, n);
    }
    current = 0;
    volatile int turn = 0;
    getcontext(&home);
    if (!turn++) setcontext(&contexts[0]);
}
int main(void) {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGALRM);
    round_();
    uint64_t quiet[COUNT];
    for (int n = 0; n < COUNT; n++) quiet[n] = results[n];
    sigprocmask(SIG_BLOCK, &set, NULL);
    handle(SIGALRM, on_tick, 0);
    struct itimerval timer = {{0, 200}, {0, 200}};
    setitimer(ITIMER_REAL, &timer, NULL);
    for (int again = 0; again < 20 && switches < 300; again++) {
        round_();
        sigprocmask(SIG_BLOCK, &set, NULL);
        for (int n = 0; n < COUNT; n++) CHECK(results[n] == quiet[n], "thread %d computed %#lx, not %#lx", n, results[n], quiet[n]);
    }
    CHECK(switches > 30, "%d switches", switches);
    return verdict();
}
